// A load of everything that clients do, whose client keeps its own tally of what the server should have counted.
import { randomUUID } from 'node:crypto';
import { zstdCompressSync } from 'node:zlib';
import { Compressor_Value } from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { outputFile, resultOf } from './actions.ts';
import { fetchBlob, fetchDirectory, freshUri, pushBlob, pushDirectory } from './assets.ts';
import { ask, gradleKey, type HttpQuestion } from './http-cache.ts';
import { type Tally, talliedCalls } from './tally.ts';
import { sampleTree } from './trees.ts';
import type { Weir } from './weir.ts';
import {
  type Blob,
  blobOf,
  type Clients,
  clientsAt,
  downloadName,
  failure,
  putBatch,
  randomBlob,
  read,
  uploadName,
  write,
  writeRequests,
} from './wire.ts';

type Kind = 'blob' | 'read' | 'action' | 'asset' | 'reference';

const cas = 'ContentAddressableStorage';
const sizeOf = (blobs: readonly Blob[]) => blobs.reduce((sum, { data }) => sum + data.length, 0);
const distinct = (blobs: readonly Blob[]) => [
  ...new Map(blobs.map((blob) => [blob.digest.hash, blob])).values(),
];
const compressedName = (name: string) => name.replace(/(^|\/)blobs\//, '$1compressed-blobs/zstd/');

/** The clients of one server, and the load. The server listens on TCP ports, and speaks HTTP too. */
export class KnownLoad {
  readonly #weir: Weir;
  readonly #tally: Tally;
  readonly #push: Clients;
  readonly #pull: Clients;

  constructor(weir: Weir, tally: Tally) {
    this.#weir = weir;
    this.#tally = tally;
    this.#push = clientsAt(weir.pushAddress, undefined, {}, talliedCalls(tally));
    this.#pull = clientsAt(weir.pullAddress, undefined, {}, talliedCalls(tally));
  }

  close(): void {
    this.#push.close();
    this.#pull.close();
  }

  /** Everything once. Rejects where the server did not answer as expected. */
  async run(): Promise<void> {
    await this.#uploads();
    await this.#downloads();
    await this.#results();
    await this.#references();
    await this.#assets();
    await this.#http();
  }

  #looked(kind: Kind, hits: number, misses: number, tool = 'none'): void {
    this.#tally.add('weir_lookups_total', { kind, result: 'hit', tool }, hits);
    this.#tally.add('weir_lookups_total', { kind, result: 'miss', tool }, misses);
  }

  #sent(service: string, bytes: number, listener = 'pull'): void {
    this.#tally.add('weir_sent_bytes_total', { service, listener }, bytes);
  }

  #received(service: string, bytes: number, listener = 'push'): void {
    this.#tally.add('weir_received_bytes_total', { service, listener }, bytes);
  }

  #pushed(bytes: number): void {
    this.#tally.add('weir_pushes_total');
    this.#tally.add('weir_pushed_bytes_total', {}, bytes);
  }

  async #put(...blobs: readonly Blob[]): Promise<void> {
    await putBatch(this.#push, blobs);
    this.#received(cas, sizeOf(blobs));
  }

  async #expect(status: string, call: Promise<unknown>): Promise<void> {
    const answer = await failure(call);
    if (answer.status !== status) throw new Error(`${answer.status} instead of ${status}: ${answer.message}`);
  }

  async #uploads(): Promise<void> {
    const [small, large, other, wrong] = [1000, 600_000, 300_000, 5000].map(randomBlob);
    const repeating = blobOf(Buffer.alloc(400_000, randomUUID()));
    if (!small || !large || !other || !wrong) return;
    await this.#put(small);
    await write(this.#push, uploadName(large), large.data);
    this.#received('ByteStream', large.data.length);
    const compressed = zstdCompressSync(repeating.data);
    await write(this.#push, compressedName(uploadName(repeating)), compressed);
    this.#received('ByteStream', compressed.length);
    // What is here already is not taken in.
    await write(this.#push, uploadName(small), small.data);
    const lie = writeRequests(uploadName(other), Buffer.alloc(300_000));
    await this.#expect('FAILED_PRECONDITION', this.#push.bytes.write(lie));
    this.#received('ByteStream', 300_000);
    this.#tally.add('weir_upload_mismatches_total');
    const requests = [{ digest: wrong.digest, data: Buffer.alloc(5000), compressor: 0 as const }];
    await this.#push.cas.batchUpdateBlobs({ instanceName: '', requests, digestFunction: 0 });
    this.#received(cas, 5000);
    this.#tally.add('weir_upload_mismatches_total');
    await this.#expect('PERMISSION_DENIED', write(this.#pull, uploadName(other), other.data));
    await this.#expect('PERMISSION_DENIED', putBatch(this.#pull, [other]));
    await this.#pull.bytes.queryWriteStatus({ resourceName: uploadName(large) });
    const asked = [small, large, repeating, other, wrong, other].map(({ digest }) => digest);
    await this.#pull.cas.findMissingBlobs({ instanceName: '', blobDigests: asked, digestFunction: 0 });
    this.#looked('blob', 3, 2);
  }

  async #downloads(): Promise<void> {
    const [small, large, absent] = [2000, 900_000, 10].map(randomBlob);
    if (!small || !large || !absent) return;
    await this.#put(small, large);
    await read(this.#pull, downloadName(large));
    await read(this.#push, downloadName(large), 100n, 500n);
    this.#sent('ByteStream', large.data.length);
    this.#sent('ByteStream', 500, 'push');
    const compressed = await read(this.#pull, compressedName(downloadName(large)));
    this.#sent('ByteStream', compressed.length);
    await this.#expect('NOT_FOUND', read(this.#pull, downloadName(absent)));
    this.#looked('read', 3, 1);
    // Neither is a look at what is here.
    await this.#expect('OUT_OF_RANGE', read(this.#pull, downloadName(large), 900_001n));
    await this.#expect('NOT_FOUND', read(this.#pull, 'blobs/no-hash/12'));
    for (const acceptableCompressors of [[], [Compressor_Value.ZSTD]]) {
      const { responses } = await this.#pull.cas.batchReadBlobs({
        instanceName: '',
        digests: [small.digest, absent.digest],
        acceptableCompressors,
        digestFunction: 0,
      });
      this.#sent(cas, responses[0]?.data.length ?? 0);
      this.#looked('read', 1, 1);
    }
    await this.#pull.capabilities.getCapabilities({ instanceName: '' });
  }

  async #results(): Promise<void> {
    const [output, stdout, action, unknown] = [3000, 700, 200, 200].map(randomBlob);
    if (!output || !stdout || !action || !unknown) return;
    await this.#put(output, stdout);
    const common = { instanceName: '', digestFunction: 0 as const };
    const actionResult = resultOf({ outputFiles: [outputFile('out', output)], stdoutDigest: stdout.digest });
    await this.#push.actions.updateActionResult({
      ...common,
      actionDigest: action.digest,
      actionResult,
      resultsCachePolicy: undefined,
    });
    const inlining = { inlineStdout: true, inlineStderr: false, inlineOutputFiles: ['out'] };
    await this.#pull.actions.getActionResult({ ...common, ...inlining, actionDigest: action.digest });
    this.#sent('ActionCache', 3700);
    const missing = this.#pull.actions.getActionResult({
      ...common,
      ...inlining,
      actionDigest: unknown.digest,
    });
    await this.#expect('NOT_FOUND', missing);
    this.#looked('action', 1, 1);
  }

  async #references(): Promise<void> {
    const tree = sampleTree();
    await this.#put(...tree.blobs);
    const key = `project/element/${randomUUID()}`;
    await this.#push.references.updateReference({
      instanceName: '',
      keys: [key],
      digest: tree.root.digest,
    });
    this.#pushed(sizeOf(distinct(tree.blobs)));
    await this.#pull.references.getReference({ instanceName: '', key });
    await this.#expect(
      'NOT_FOUND',
      this.#pull.references.getReference({ instanceName: '', key: `${key}-not` }),
    );
    this.#looked('reference', 1, 1);
    await this.#pull.references.status({ instanceName: '' });
    const pages = this.#pull.cas.getTree({
      instanceName: '',
      rootDigest: tree.root.digest,
      pageSize: 1,
      pageToken: '',
      digestFunction: 0,
    });
    for await (const _page of pages);
  }

  async #assets(): Promise<void> {
    const [blob, absent, tree] = [randomBlob(1234), randomBlob(10), sampleTree()];
    const [blobUri, treeUri, halfUri] = [freshUri(), freshUri(), freshUri()];
    await this.#put(blob, ...tree.blobs);
    await pushBlob(this.#push, [blobUri], blob.digest);
    this.#pushed(1234);
    await pushDirectory(this.#push, [treeUri], tree.root.digest);
    this.#pushed(sizeOf(distinct(tree.blobs)));
    await pushBlob(this.#push, [halfUri], absent.digest);
    this.#pushed(0);
    this.#tally.add('weir_incomplete_pushes_total');
    await fetchBlob(this.#pull, [halfUri, blobUri]);
    await fetchDirectory(this.#pull, [treeUri]);
    await this.#expect('NOT_FOUND', fetchBlob(this.#pull, [halfUri]));
    this.#looked('asset', 2, 1);
    await this.#expect('INVALID_ARGUMENT', fetchBlob(this.#pull, []));
  }

  async #ask(
    listener: 'pull' | 'push',
    method: string,
    path: string,
    status: number,
    question?: HttpQuestion,
  ) {
    const { pullUrl, pushUrl } = this.#weir;
    const answer = await ask(method, (listener === 'pull' ? pullUrl : pushUrl) + path, question);
    if (answer.status !== status) throw new Error(`${method}: ${answer.status} instead of ${status}`);
    const label = ['GET', 'HEAD', 'PUT'].includes(method) ? method : 'other';
    this.#tally.add('weir_http_requests_total', { method: label, status: String(status), listener });
    this.#tally.add('weir_http_handling_seconds_count', { method: label });
    return answer;
  }

  async #http(): Promise<void> {
    const [blob, other, value] = [40_000, 50, 60].map(randomBlob);
    if (!blob || !other || !value) return;
    const [path, absent] = [`/cas/${blob.digest.hash}`, `/cas/${other.digest.hash}`];
    await this.#ask('push', 'PUT', path, 200, { body: blob.data });
    this.#received('HTTP', 40_000);
    await this.#ask('push', 'PUT', absent, 400, { body: Buffer.alloc(50) });
    this.#received('HTTP', 50);
    this.#tally.add('weir_upload_mismatches_total');
    await this.#ask('pull', 'PUT', absent, 403, { body: other.data });
    await this.#ask('pull', 'GET', path, 200, { headers: { 'user-agent': 'bazel/7.4.1' } });
    this.#looked('read', 1, 0, 'bazel');
    await this.#ask('pull', 'GET', path, 206, { headers: { range: 'bytes=0-99' } });
    this.#sent('HTTP', 40_100);
    await this.#ask('pull', 'GET', absent, 404);
    this.#looked('read', 1, 1);
    await this.#ask('pull', 'HEAD', path, 200);
    await this.#ask('pull', 'HEAD', absent, 404);
    this.#looked('blob', 1, 1);
    await this.#ask('pull', 'DELETE', path, 405);
    const key = gradleKey();
    await this.#ask('push', 'PUT', `/ac/${key}`, 200, { body: value.data });
    this.#received('HTTP', 60);
    await this.#ask('push', 'GET', `/ac/${key}`, 200);
    this.#sent('HTTP', 60, 'push');
    await this.#ask('push', 'GET', `/ac/${gradleKey()}`, 404);
    this.#looked('action', 1, 1);
  }
}
