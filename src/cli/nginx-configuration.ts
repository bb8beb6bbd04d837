import { readFile } from 'node:fs/promises';

/** Of a checkout; the container image of Weir has none, since that of nginx has them. */
const templates = new URL('../../nginx/templates/', import.meta.url);

/**
 * nginx's configuration in one text, from the templates that its image fills in: with these values for their variables
 * (`NGINX_…`), and each template in place of the line that includes it. The certificates stay files of their own.
 */
export async function nginxConfiguration(values: Readonly<Record<string, string>>): Promise<string> {
  return `${await filledIn('nginx.conf', '', values)}\n`;
}

async function filledIn(
  name: string,
  indentation: string,
  values: Readonly<Record<string, string>>,
): Promise<string> {
  const text = (await template(name)).replaceAll(/\$\{(NGINX_[A-Z_]+)\}/g, (whole, variable: string) => {
    const value = values[variable];
    if (value === undefined) throw new Error(`${name} uses ${whole}, which has no value`);
    return value;
  });
  const lines = text.trimEnd().split('\n');
  const written = lines.map(async (line) => {
    const [, inner = '', included] = /^( *)include ([a-z-]+\.conf);$/.exec(line) ?? [];
    if (included !== undefined) return await filledIn(included, indentation + inner, values);
    return line === '' ? '' : indentation + line;
  });
  return (await Promise.all(written)).join('\n');
}

async function template(name: string): Promise<string> {
  try {
    return await readFile(new URL(`${name}.template`, templates), 'utf8');
  } catch (error) {
    throw new Error(
      `nginx/templates/${name}.template is not here: this needs a checkout of Weir. nginx’s image has its own configuration.`,
      { cause: error },
    );
  }
}
