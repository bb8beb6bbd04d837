import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import * as fc from 'fast-check';
import {
  FetchBlobRequest,
  FetchDirectoryRequest,
  PushBlobRequest,
  PushDirectoryRequest,
} from '../../src/gen/build/bazel/remote/asset/v1/remote_asset.ts';
import {
  BatchReadBlobsRequest,
  BatchUpdateBlobsRequest,
  FindMissingBlobsRequest,
  GetActionResultRequest,
  GetTreeRequest,
  SpliceBlobRequest,
  SplitBlobRequest,
  UpdateActionResultRequest,
} from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { GetReferenceRequest, UpdateReferenceRequest } from '../../src/gen/buildstream/v2/buildstream.ts';
import {
  QueryWriteStatusRequest,
  ReadRequest,
  WriteRequest,
} from '../../src/gen/google/bytestream/bytestream.ts';
import { putBlobs, type SampleAction, sampleAction, updateAction } from '../support/action-samples.ts';
import { fetchRequest, pushBlob, pushRequest } from '../support/assets.ts';
import { eventually } from '../support/eventually.ts';
import { folderState } from '../support/fuzz-folder.ts';
import { allMethods, rawCall } from '../support/fuzz-raw.ts';
import { tries } from '../support/fuzz-settings.ts';
import { type FuzzSite, startFuzzSite } from '../support/fuzz-site.ts';
import { sampleTree } from '../support/trees.ts';
import { downloadName, putBatch, randomBlob, uploadName } from '../support/wire.ts';

const key = 'project/element/key';
const uri = 'urn:asset';
const uris = [uri, 'urn:other', `urn:fdc:buildstream.build:2020:v1:${key}`];
/** What the push port may do and the pull port must not. */
const writes = [
  '/Write',
  '/BatchUpdateBlobs',
  '/SpliceBlob',
  '/UpdateReference',
  '/UpdateActionResult',
  '/PushBlob',
  '/PushDirectory',
];
/** What a proxy says of a client that has shown a certificate; and other words that open doors elsewhere. */
const claims: Record<string, string>[] = [
  {},
  { 'x-weir-client-fingerprint': 'a'.repeat(64), 'x-weir-client-subject': 'CN=admin' },
  { 'x-weir-client-fingerprint': '' },
  { 'x-weir-role': 'push', 'x-role': 'push', role: 'push' },
  { authorization: 'Bearer admin', 'x-forwarded-for': '127.0.0.1', 'x-forwarded-port': '11002' },
  { 'x-ssl-client-verify': 'SUCCESS', 'x-client-cert': 'MIIB' },
];

for (const tcp of [false, true]) {
  describe(`The pull listener on a ${tcp ? 'port' : 'socket file'}`, () => {
    let site: FuzzSite;
    const tree = sampleTree();
    const fresh = randomBlob(200);
    let action: SampleAction;

    before(async () => {
      site = await startFuzzSite({ tcp });
      await putBatch(site.push, tree.blobs);
      action = await sampleAction();
      await putBlobs(site.push, action.blobs.values());
      await updateAction(site.push, action);
      const { digest } = tree.root;
      await site.push.references.updateReference({ instanceName: '', keys: [key], digest });
      await pushBlob(site.push, [uri], digest);
    });

    after(async () => await site.stop());

    /** Well-formed requests of every kind, for what is here and for what is not. */
    function messages(): Uint8Array[] {
      const common = { instanceName: '', digestFunction: 0 as const };
      const asked = { inlineStdout: true, inlineStderr: true, inlineOutputFiles: ['out/file'] };
      return [tree.root, fresh].flatMap((blob) => {
        const { digest, data } = blob;
        const absentSize = { ...digest, sizeBytes: digest.sizeBytes + 1n };
        return [
          ReadRequest.encode({ resourceName: downloadName(blob), readOffset: 0n, readLimit: 0n }),
          ReadRequest.encode({
            resourceName: downloadName({ ...blob, digest: absentSize }),
            readOffset: 0n,
            readLimit: 0n,
          }),
          WriteRequest.encode({ resourceName: uploadName(blob), writeOffset: 0n, finishWrite: true, data }),
          QueryWriteStatusRequest.encode({ resourceName: uploadName(blob) }),
          FindMissingBlobsRequest.encode({ ...common, blobDigests: [digest, absentSize] }),
          BatchReadBlobsRequest.encode({
            ...common,
            digests: [digest, absentSize],
            acceptableCompressors: [],
          }),
          BatchUpdateBlobsRequest.encode({ ...common, requests: [{ digest, data, compressor: 0 }] }),
          GetTreeRequest.encode({ ...common, rootDigest: digest, pageSize: 1, pageToken: '' }),
          SplitBlobRequest.encode({ ...common, blobDigest: digest, chunkingFunction: 1 }),
          SpliceBlobRequest.encode({
            ...common,
            blobDigest: digest,
            chunkDigests: [digest],
            chunkingFunction: 0,
          }),
          FetchBlobRequest.encode(fetchRequest(uris, {})),
          FetchDirectoryRequest.encode(fetchRequest(uris, {})),
          PushBlobRequest.encode({ ...pushRequest(uris, {}), blobDigest: digest }),
          PushDirectoryRequest.encode({ ...pushRequest(uris, {}), rootDirectoryDigest: digest }),
          GetReferenceRequest.encode({ instanceName: '', key }),
          GetActionResultRequest.encode({ ...common, ...asked, actionDigest: action.actionDigest }),
          GetActionResultRequest.encode({ ...common, ...asked, actionDigest: digest }),
          UpdateActionResultRequest.encode({
            ...common,
            actionDigest: digest,
            actionResult: action.result,
            resultsCachePolicy: undefined,
          }),
          UpdateReferenceRequest.encode({
            instanceName: '',
            keys: [key, 'another/key'],
            digest: tree.root.digest,
          }),
          UpdateReferenceRequest.encode({ instanceName: 'x', keys: ['a'], digest }),
        ].map((writer) => writer.finish());
      });
    }

    test('leaves the volume as it is, whatever is called there and by whom', async () => {
      const { volume } = site.weir;
      const before = await folderState(volume, false);
      const call = fc.record({
        method: fc.constantFrom(...allMethods),
        sent: fc.array(fc.constantFrom(...messages()), { maxLength: 2 }),
        metadata: fc.constantFrom(...claims),
        hangUp: fc.boolean(),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(call, { minLength: 1, maxLength: 5 }), async (calls) => {
          const answers = calls.map(async ({ method, sent, metadata, hangUp }) => {
            const endless = method.endsWith('/Watch') || hangUp ? { hangUpMs: 20 } : {};
            const { status } = await rawCall(site.pull, method, sent, { metadata, ...endless });
            if (writes.some((write) => method.endsWith(write))) assert.notEqual(status, 'OK');
          });
          await Promise.all(answers);
        }),
        tries(400),
      );
      // The server tries now and then whether it can write; that leaves no trace.
      await eventually(async () => isSame(await folderState(volume, false), before));
      assert.deepEqual(await folderState(volume, false), before);
      await site.assertUnharmed();
    });

    test('refuses each write by its name, with what to use in its place', async () => {
      for (const method of allMethods.filter((name) => writes.some((write) => name.endsWith(write)))) {
        for (const metadata of claims) {
          const sent = messages().slice(2, 3);
          const { status, message } = await rawCall(site.pull, method, sent, { metadata });
          assert.match(status, /^(PERMISSION_DENIED|INTERNAL)$/);
          if (status === 'PERMISSION_DENIED') assert.match(message, /to push, use /);
        }
      }
    });

    test('says nothing in the log of who a caller claims to be', async () => {
      assert.doesNotMatch(site.weir.output(), /CN=admin/);
    });
  });
}

function isSame(one: object, other: object): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
