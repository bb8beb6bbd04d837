import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { blobBy, putBlobs, sampleAction } from './action-samples.ts';
import { pushBlob, pushDirectory } from './assets.ts';
import { ask } from './http-cache.ts';
import type { Subjects } from './pull-requests.ts';
import { newToken } from './tokens.ts';
import { sampleTree } from './trees.ts';
import { blobFile } from './volume-damage.ts';
import { startWeir, type Weir } from './weir.ts';
import { type Blob, type Clients, clientsAt, putBatch, randomBlob, uploadName } from './wire.ts';

const pushToken = newToken('ci', 'push');
const pullToken = newToken('laptops', 'pull');
/** What a proxy says of a client that has shown a certificate; and other words that open doors elsewhere. */
const claims: Record<string, string>[] = [
  {},
  { 'x-weir-client-fingerprint': 'a'.repeat(64), 'x-weir-client-subject': 'CN=admin' },
  { 'x-weir-client-fingerprint': '' },
  { 'x-weir-role': 'push', 'x-role': 'push', role: 'push' },
  { authorization: 'Bearer admin', 'x-forwarded-for': '127.0.0.1', 'x-forwarded-port': '11002' },
  { 'x-ssl-client-verify': 'SUCCESS', 'x-client-cert': 'MIIB' },
];

/** A server with a volume in some disorder, and somebody who may only pull. */
export interface Site {
  readonly weir: Weir;
  readonly push: Clients;
  readonly pull: Clients;
  /** Goes with all that this somebody sends. */
  readonly headers: Record<string, string>;
  /** Headers with which others have tried to get more. */
  readonly claims: readonly Record<string, string>[];
  http(method: string, path: string, headers: Record<string, string>, body?: Uint8Array): Promise<number>;
  stop(): Promise<void>;
}

/** Who may only pull, by the door that they come in by. */
export async function pullListener(tcp: boolean): Promise<Site> {
  const weir = await startWeir({ tcp, http: true });
  return siteOf(weir, 'pull', tcp, {}, claims);
}

/** Who has a token for pulling can come to the door for pushing. A certificate would be another matter, and is the proxy's to claim. */
export async function tokenOnPushListener(): Promise<Site> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-pull-'));
  const list = join(folder, 'tokens');
  await writeFile(list, `${pushToken.line}\n${pullToken.line}\n`);
  const weir = await startWeir({ tcp: true, http: true, env: { TOKENS_FILE: list } });
  const site = siteOf(
    weir,
    'push',
    true,
    pullToken.headers,
    claims.filter((claim) => !('authorization' in claim)),
  );
  return {
    ...site,
    async stop() {
      await site.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function siteOf(
  weir: Weir,
  role: 'pull' | 'push',
  tcp: boolean,
  headers: Record<string, string>,
  tried: Site['claims'],
): Site {
  const push = clientsAt(weir.pushAddress, undefined, pushToken.headers);
  const pull = clientsAt(role === 'pull' ? weir.pullAddress : weir.pushAddress, undefined, headers);
  const url = tcp ? (role === 'pull' ? weir.pullUrl : weir.pushUrl) : 'http://weir';
  const socket = tcp ? {} : { socketPath: join(weir.socketsDir, `${role}-http.sock`) };
  return {
    weir,
    push,
    pull,
    headers,
    claims: tried,
    async http(method, path, more, body) {
      const question = { ...socket, headers: { ...more, ...headers }, body };
      // A server may hang up on somebody who sends what it does not want.
      return await ask(method, url + path, question).then(
        ({ status }) => status,
        () => 0,
      );
    },
    async stop() {
      push.close();
      pull.close();
      await weir.stop();
    },
  };
}

/** What a server was filled with. */
export interface Filled extends Subjects {
  readonly truncated: Blob;
}

/** Stores something of everything, and leaves some of it in disorder. */
export async function fill({ weir, push }: Site): Promise<Filled> {
  const [tree, lost] = [sampleTree(), sampleTree()];
  const [fresh, truncated] = [randomBlob(200), randomBlob(5000)];
  const [action, spoilt] = [await sampleAction(), await sampleAction()];
  const keys = [
    'project/element/key',
    'project/element/lost',
    'project/element/empty',
    'project/element/none',
  ];
  const uris = ['urn:asset', 'urn:directory', 'urn:none', `urn:fdc:buildstream.build:2020:v1:${keys[1]}`];
  await putBatch(push, [...tree.blobs, ...lost.blobs, truncated]);
  for (const [key, { root }] of [
    [keys[0], tree] as const,
    [keys[1], lost] as const,
    [keys[2], tree] as const,
  ])
    await push.references.updateReference({ instanceName: '', keys: [key ?? ''], digest: root.digest });
  for (const each of [action, spoilt]) {
    await putBlobs(push, each.blobs.values());
    await push.actions.updateActionResult({
      instanceName: '',
      digestFunction: 0,
      actionDigest: each.actionDigest,
      actionResult: each.result,
      resultsCachePolicy: undefined,
    });
  }
  await pushBlob(push, [uris[0] ?? ''], truncated.digest);
  await pushDirectory(push, [uris[1] ?? ''], lost.root.digest);
  const unfinished = randomBlob(200_000);
  const name = uploadName(unfinished);
  await push.bytes.write(
    (async function* () {
      yield await Promise.resolve({
        resourceName: name,
        writeOffset: 0n,
        finishWrite: false,
        data: unfinished.data.subarray(0, 70_000),
      });
    })(),
  );

  await rm(blobFile(weir.volume, lost.files[0] ?? fresh));
  await truncate(blobFile(weir.volume, truncated), 99);
  await writeFile(join(weir.volume, 'cas', 'refs', 'heads', keys[2] ?? ''), '');
  const { hash } = spoilt.actionDigest;
  const record = join(weir.volume, 'weir', 'ac', '=', 'sha256', hash.slice(0, 2), hash.slice(2));
  await writeFile(record, (await readFile(record)).subarray(5));
  return {
    truncated,
    blobs: [tree.root, lost.root, truncated, fresh, await blobBy('sha512', Buffer.alloc(0))],
    keys,
    uris,
    actions: [action, spoilt],
    uploads: [name],
  };
}
