import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const dockerfile = join(import.meta.dirname, '..', '..', 'nginx', 'Dockerfile');

/** The variables that nginx's image knows, with the values that it has for them. */
export function nginxImageVariables(): Record<string, string> {
  const assignments = readFileSync(dockerfile, 'utf8').matchAll(/(NGINX_[A-Z_]+)=(?:"([^"]*)"|([^\s\\]+))/g);
  const found = [...assignments].map(([, name = '', quoted, plain = '']) => [name, quoted ?? plain] as const);
  if (found.length < 10) throw new Error(`too few variables in ${dockerfile}`);
  return Object.fromEntries(found);
}
