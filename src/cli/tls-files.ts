import { readFile } from 'node:fs/promises';
import { authorizedList } from '../certs/authorized-list.ts';
import { findingLine } from '../certs/finding.ts';
import type { Logger } from '../core/observer.ts';
import type { ReloadableTls, TlsMaterial } from '../grpc/tls.ts';

/** The files that TLS in the process is made of. */
export interface TlsFiles {
  readonly key: string;
  readonly certificate: string;
  /** The concatenated certificates of those who are let in; undefined lets everybody in. */
  readonly clients: string | undefined;
}

const pollEveryMs = 2000;

/** Reads the files; what is wrong with single client certificates is logged and leaves those out. */
export async function readTlsFiles(files: TlsFiles, logger: Logger): Promise<TlsMaterial> {
  const [key, certificate, clients] = await Promise.all([
    readText(files.key),
    readText(files.certificate),
    files.clients === undefined ? undefined : readText(files.clients),
  ]);
  // OpenSSL takes nothing for no certificate, and no certificate for a server that cannot be reached.
  for (const [path, text] of [
    [files.key, key],
    [files.certificate, certificate],
  ])
    if (text?.trim() === '') throw new Error(`${path} is empty`);
  if (clients === undefined) return { key, certificate, clients: undefined };
  const list = authorizedList([{ name: files.clients ?? '', text: clients }], new Date());
  for (const finding of list.findings) logger.warn(findingLine(finding));
  return {
    key,
    certificate,
    clients: {
      certificates: list.certificates.map((entry) => entry.certificate.toString()).join(''),
      fingerprints: new Set(list.certificates.map((entry) => entry.sha256)),
    },
  };
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new Error(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

/** Looks at the contents again and again, and exchanges what has changed without closing a connection. */
export function watchTlsFiles(
  files: TlsFiles,
  current: TlsMaterial,
  tls: ReloadableTls,
  logger: Logger,
): void {
  let known = fingerprintOf(current);
  const look = async () => {
    try {
      const material = await readTlsFiles(files, quiet);
      if (fingerprintOf(material) === known) return;
      known = fingerprintOf(material);
      // Once more, now that its findings are news.
      await readTlsFiles(files, logger);
      tls.reload(material);
      logger.info('took over changed certificates', { clients: material.clients?.fingerprints.size });
    } catch (error) {
      logger.error('the changed certificates cannot be used; the old ones stay', { error: String(error) });
    }
  };
  setInterval(() => void look(), pollEveryMs).unref();
}

function fingerprintOf({ key, certificate, clients }: TlsMaterial): string {
  return [key, certificate, clients?.certificates].join('\0');
}

const nothing = () => {};
const quiet: Logger = { debugs: false, debug: nothing, info: nothing, warn: nothing, error: nothing };
