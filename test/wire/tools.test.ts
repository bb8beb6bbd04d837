import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { RequestMetadata } from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { eventually } from '../support/eventually.ts';
import { served } from '../support/served.ts';
import { sampleTree } from '../support/trees.ts';
import type { Weir } from '../support/weir.ts';
import {
  type Clients,
  clientsAt,
  downloadName,
  failure,
  findMissing,
  putBatch,
  randomBlob,
  read,
} from '../support/wire.ts';

const header = 'build.bazel.remote.execution.v2.requestmetadata-bin';
const nameOfBuildbox = 'requestmetadata-bin';

function metadataOf(toolName: string, more: Partial<RequestMetadata> = {}): Uint8Array {
  return RequestMetadata.encode({
    toolDetails: { toolName, toolVersion: '7.4.1' },
    actionId: '',
    toolInvocationId: '',
    correlatedInvocationsId: '',
    actionMnemonic: '',
    targetId: '',
    configurationId: '',
    ...more,
  }).finish();
}

describe('a call that says which tool makes it', () => {
  let weir: Weir;
  let push: Clients;
  served((site) => ({ weir, push } = site), { env: { LOG_LEVEL: 'debug' } });

  /** All series of lookups, with their values. */
  async function lookups(): Promise<Map<string, number>> {
    const text = await (await fetch(`${weir.opsUrl}/metrics`)).text();
    return new Map(
      text
        .split('\n')
        .filter((line) => line.startsWith('weir_lookups_total{'))
        .map((line) => {
          const at = line.lastIndexOf(' ');
          return [line.slice('weir_lookups_total'.length, at), Number(line.slice(at + 1))] as const;
        }),
    );
  }

  /** What calls change: the series that grew, and by how much. */
  async function grown(calls: () => Promise<void>): Promise<Record<string, number>> {
    const before = await lookups();
    await calls();
    const changes = [...(await lookups())].map(
      ([series, value]) => [series, value - (before.get(series) ?? 0)] as const,
    );
    return Object.fromEntries(changes.filter(([, change]) => change !== 0));
  }

  async function as(headers: Record<string, Uint8Array>, calls: (client: Clients) => Promise<unknown>) {
    const client = clientsAt(weir.pullAddress, undefined, headers);
    try {
      await calls(client);
    } finally {
      client.close();
    }
  }

  const look = (client: Clients) => findMissing(client, [randomBlob(9).digest]);

  test('is counted under the name of the tool, kind by kind', async () => {
    const [here, absent] = [randomBlob(100), randomBlob(100)];
    const tree = sampleTree();
    await putBatch(push, [here, ...tree.blobs]);
    await push.references.updateReference({ instanceName: '', keys: ['t/o/ol'], digest: tree.root.digest });
    const changes = await grown(() =>
      as({ [header]: metadataOf('bazel') }, async (client) => {
        await findMissing(client, [here.digest, absent.digest]);
        await read(client, downloadName(here));
        await failure(read(client, downloadName(absent)));
        await client.cas.batchReadBlobs({
          instanceName: '',
          digests: [here.digest, absent.digest],
          acceptableCompressors: [],
          digestFunction: 0,
        });
        await client.references.getReference({ instanceName: '', key: 't/o/ol' });
        await failure(client.references.getReference({ instanceName: '', key: 't/o/none' }));
        await failure(
          client.actions.getActionResult({
            instanceName: '',
            actionDigest: absent.digest,
            inlineStdout: false,
            inlineStderr: false,
            inlineOutputFiles: [],
            digestFunction: 0,
          }),
        );
      }),
    );
    assert.deepEqual(changes, {
      '{kind="action",result="miss",tool="bazel"}': 1,
      '{kind="blob",result="hit",tool="bazel"}': 1,
      '{kind="blob",result="miss",tool="bazel"}': 1,
      '{kind="read",result="hit",tool="bazel"}': 2,
      '{kind="read",result="miss",tool="bazel"}': 2,
      '{kind="reference",result="hit",tool="bazel"}': 1,
      '{kind="reference",result="miss",tool="bazel"}': 1,
    });
  });

  const names: [toolName: string, label: string][] = [
    ['bazel', 'bazel'],
    ['Bazel', 'bazel'],
    ['buildbox-casd', 'buildbox'],
    [' (via buildbox-casd)', 'buildbox'],
    ['buildbox-run-bubblewrap', 'buildbox'],
    ['recc', 'recc'],
    ['buck2', 'buck2'],
    ['bst', 'buildstream'],
    ['remote-client', 'remotetool'],
    ['', 'none'],
    ['none', 'other'],
    ['constructor', 'other'],
    ['bazel"} 1\nforged{a="b', 'bazel'],
    ['näme', 'other'],
    ['x'.repeat(5000), 'other'],
  ];
  for (const [toolName, label] of names) {
    test(`has the label ${label} for the tool ${JSON.stringify(toolName.slice(0, 40))}`, async () => {
      const changes = await grown(() => as({ [header]: metadataOf(toolName) }, look));
      assert.deepEqual(changes, { [`{kind="blob",result="miss",tool="${label}"}`]: 1 });
    });
  }

  test('may use the name that buildbox has for the header, and none at all', async () => {
    assert.deepEqual(await grown(() => as({ [nameOfBuildbox]: metadataOf('recc') }, look)), {
      '{kind="blob",result="miss",tool="recc"}': 1,
    });
    assert.deepEqual(await grown(() => as({}, look)), { '{kind="blob",result="miss",tool="none"}': 1 });
  });

  test('adds no series, however many tools are invented', async () => {
    const before = [...(await lookups()).keys()];
    const changes = await grown(async () => {
      for (let index = 0; index < 50; index++) {
        await as({ [header]: metadataOf(`tool-${index}`) }, look);
      }
    });
    assert.deepEqual(changes, { '{kind="blob",result="miss",tool="other"}': 50 });
    assert.deepEqual([...(await lookups()).keys()], before);
  });

  test('is served as ever when that cannot be read', async () => {
    const unreadable = [
      Buffer.alloc(0),
      Buffer.from('no message'),
      Buffer.alloc(3000, 0x0b),
      Buffer.from([0x0a, 0x7f]),
      metadataOf('bazel', { targetId: 'x'.repeat(9000) }),
    ];
    for (const bytes of unreadable) {
      assert.deepEqual(await grown(() => as({ [header]: bytes }, look)), {
        '{kind="blob",result="miss",tool="none"}': 1,
      });
    }
  });

  /** The log line that has a text; waits for it. */
  async function lineWith(text: string): Promise<Record<string, unknown>> {
    const find = () =>
      weir
        .output()
        .split('\n')
        .find((line) => line.startsWith('{') && line.endsWith('}') && line.includes(text));
    await eventually(() => find() !== undefined);
    return JSON.parse(find() ?? '{}') as Record<string, unknown>;
  }

  test('has it in its line of the log, cut and without control characters', async () => {
    const bytes = metadataOf('bazel', {
      toolInvocationId: 'invocation-of-the-test',
      correlatedInvocationsId: 'pipeline 7',
      actionMnemonic: `\u001b[31mCppCompile\n`,
      targetId: `//${'t'.repeat(300)}`,
    });
    await as({ [header]: bytes }, look);
    const line = await lineWith('invocation-of-the-test');
    assert.equal(line['message'], 'call');
    assert.equal(line['tool'], 'bazel');
    assert.equal(line['toolVersion'], '7.4.1');
    assert.equal(line['invocation'], 'invocation-of-the-test');
    assert.equal(line['correlatedInvocations'], 'pipeline 7');
    assert.equal(line['actionMnemonic'], '[31mCppCompile');
    assert.equal(line['target'], `//${'t'.repeat(98)}`);
  });

  test('has it in the line of what it pushed', async () => {
    const tree = sampleTree();
    await putBatch(push, tree.blobs);
    const client = clientsAt(weir.pushAddress, undefined, {
      [header]: metadataOf('some-tool', { toolInvocationId: 'run 1' }),
    });
    await client.references.updateReference({
      instanceName: '',
      keys: ['pushed/by/tool'],
      digest: tree.root.digest,
    });
    client.close();
    const line = await lineWith('"pushed/by/tool"');
    assert.equal(line['message'], 'pushed');
    assert.equal(line['tool'], 'some-tool');
    assert.equal(line['invocation'], 'run 1');
  });

  test('cannot replace what the server itself says in a line', async () => {
    await as({ [header]: metadataOf('bazel', { toolInvocationId: 'own-words' }) }, look);
    const line = await lineWith('own-words');
    assert.match(String(line['method']), /FindMissingBlobs$/);
    assert.equal(line['listener'], 'pull');
  });
});
