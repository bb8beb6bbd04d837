// R11: trees that are small to send and endless to walk, at every method that walks one.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type Digest,
  Directory,
  Tree,
} from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { outputDirectory, resultOf } from '../support/action-samples.ts';
import { fetchDirectory, freshUri, pushDirectory } from '../support/assets.ts';
import { memoryOf } from '../support/fuzz-process.ts';
import { lengthDelimited } from '../support/fuzz-raw.ts';
import { chain, emptyElements, fileNode, rawDirectory } from '../support/fuzz-trees.ts';
import { verdict } from '../support/fuzz-verdict.ts';
import { figure, sized } from '../support/promise-size.ts';
import { served } from '../support/served.ts';
import type { Weir } from '../support/weir.ts';
import {
  type Blob,
  blobOf,
  type Clients,
  findMissing,
  putBatch,
  randomBlob,
  uploadName,
  write,
} from '../support/wire.ts';

const MiB = 1024 * 1024;
/** Above what honest trees of this size take, far below what an unbounded walk of these would. */
const mostMemory = 900 * MiB;
/** Beyond the bounds in both sizes: 4,096 levels. */
const levels = sized({ short: 5000, long: 100_000 });
const entries = 1_000_000;

type Answers = Record<string, string>;

describe('A tree that would be endless to walk', () => {
  let weir: Weir;
  let push: Clients;
  let pull: Clients;
  let actions = 0;
  served((site) => ({ weir, push, pull } = site));

  /** What each method says that walks a tree from a Directory message, by the name of a status. */
  async function byRoot({ digest }: Blob, key: string): Promise<Answers> {
    const uri = freshUri();
    return {
      getTree: await verdict(directoriesIn(pull, digest)),
      update: await verdict(push.references.updateReference({ instanceName: '', keys: [key], digest })),
      get: await verdict(pull.references.getReference({ instanceName: '', key })),
      pushDirectory: await verdict(pushDirectory(push, [uri], digest)),
      fetchDirectory: await verdict(fetchDirectory(pull, [uri])),
      result: await resultWith({ root: digest }),
    };
  }

  /** What UpdateActionResult says, and GetActionResult after it. */
  async function resultWith(digests: { root?: Digest; tree?: Digest }): Promise<string> {
    const common = { instanceName: '', digestFunction: 0 as const };
    const actionDigest = blobOf(`action ${actions++}`).digest;
    const actionResult = resultOf({ outputDirectories: [outputDirectory('out', digests)] });
    const request = { ...common, actionDigest, actionResult, resultsCachePolicy: undefined };
    const updated = await verdict(push.actions.updateActionResult(request));
    const inlined = { inlineStdout: false, inlineStderr: false, inlineOutputFiles: [] };
    const found = await verdict(pull.actions.getActionResult({ ...common, ...inlined, actionDigest }));
    return `${updated}, then ${found}`;
  }

  /** Bounded, alive, and with an answer for everybody else. */
  async function assertBounded(t: { diagnostic(message: string): void }, answers: Answers): Promise<void> {
    const most = await memoryOf(weir.pid, 'most');
    figure(t, { levels, entries, mebibytes: Math.round(most / MiB), ...answers });
    assert.ok(most < mostMemory, `the server held ${Math.round(most / MiB)} MiB`);
    const blob = randomBlob(10);
    await putBatch(push, [blob]);
    assert.deepEqual(await findMissing(pull, [blob.digest]), []);
    assert.doesNotMatch(weir.output(), /"level":"error"/);
  }

  const whole = {
    getTree: 'OK',
    update: 'OK',
    get: 'OK',
    pushDirectory: 'OK',
    fetchDirectory: 'OK',
    result: 'OK, then OK',
  };
  const beyond = {
    getTree: 'RESOURCE_EXHAUSTED',
    update: 'RESOURCE_EXHAUSTED',
    get: 'NOT_FOUND',
    pushDirectory: 'RESOURCE_EXHAUSTED',
    fetchDirectory: 'NOT_FOUND',
    result: 'RESOURCE_EXHAUSTED, then NOT_FOUND',
  };

  test('since two ways lead down at each of 60 levels is walked once', async (t) => {
    const diamond = chain(60, 2);
    await putBatch(push, diamond);
    const root = diamond.at(-1) ?? randomBlob(1);
    assert.equal(await directoriesIn(pull, root.digest), 60);
    const answers = await byRoot(root, 'endless/diamond/k');
    const tree = await stored(treeOf(diamond));
    answers['tree'] = await resultWith({ tree });
    assert.deepEqual(answers, { ...whole, tree: 'OK, then OK' });
    await assertBounded(t, answers);
  });

  test(`since it is ${levels} levels deep is refused, and harmless as one message`, async (t) => {
    const deep = chain(levels);
    for (let at = 0; at < deep.length; at += 5000) await putBatch(push, deep.slice(at, at + 5000));
    const answers = await byRoot(deep.at(-1) ?? randomBlob(1), 'endless/deep/k');
    // In a Tree message there is nothing to walk: its directories stand one after the other.
    answers['tree'] = await resultWith({ tree: await stored(treeOf(deep)) });
    assert.deepEqual(answers, { ...beyond, tree: 'OK, then OK' });
    await assertBounded(t, answers);
  });

  const shapes: [what: string, folder: () => Blob][] = [
    ['files of nothing', () => emptyElements(1, entries, 'files')],
    ['folders of nothing', () => emptyElements(2, entries, 'folders')],
    ['links with names', () => rawDirectory({ symlinks: links() })],
    ['files with digests', () => rawDirectory({ files: files() })],
  ];
  for (const [what, folder] of shapes) {
    test(`since one folder has a million ${what} is refused`, async (t) => {
      const root = folder();
      await write(push, uploadName(root), root.data, MiB);
      const answers = await byRoot(root, `endless/wide/${what.replaceAll(' ', '-')}`);
      answers['tree'] = await resultWith({ tree: await stored(blobOf(lengthDelimited(1, root.data))) });
      assert.deepEqual(answers, { ...beyond, tree: beyond.result });
      await assertBounded(t, answers);
    });
  }

  async function stored(blob: Blob): Promise<Digest> {
    await write(push, uploadName(blob), blob.data, MiB);
    return blob.digest;
  }
});

/** The same directories as one message. */
function treeOf(directories: readonly Blob[]): Blob {
  const [root, ...children] = directories.toReversed().map(({ data }) => Directory.decode(data));
  return blobOf(Tree.encode({ root, children }).finish());
}

function links() {
  return Array.from({ length: entries }, (_, index) => ({
    name: `${index}`,
    target: '.',
    nodeProperties: undefined,
  }));
}

function files() {
  const { digest } = blobOf('');
  return Array.from({ length: entries }, (_, index) => fileNode(`${index}`, digest));
}

async function directoriesIn(clients: Clients, rootDigest: Digest): Promise<number> {
  let count = 0;
  const request = { instanceName: '', rootDigest, pageSize: 0, pageToken: '', digestFunction: 0 as const };
  for await (const { directories } of clients.cas.getTree(request)) count += directories.length;
  return count;
}
