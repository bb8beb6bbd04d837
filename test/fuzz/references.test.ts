import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import * as fc from 'fast-check';
import { anyName, mutated } from '../support/fuzz-names.ts';
import { tries } from '../support/fuzz-settings.ts';
import { type FuzzSite, startFuzzSite } from '../support/fuzz-site.ts';
import { rawDirectory } from '../support/fuzz-trees.ts';
import { verdict, verdictWithMessage } from '../support/fuzz-verdict.ts';
import { type Blob, putBatch } from '../support/wire.ts';

function isPrintable(text: string): boolean {
  return Array.from(text).every((character) => character >= ' ' && !['\u007f', '\\'].includes(character));
}

/** What the server promises of keys, said a second time. */
function isKey(text: string): boolean {
  const segments = text.split('/');
  return (
    text.isWellFormed() &&
    Buffer.byteLength(text) <= 1024 &&
    segments.length <= 32 &&
    segments.every((segment) => !['', '.', '..'].includes(segment) && Buffer.byteLength(segment) <= 255) &&
    isPrintable(text)
  );
}

/** The same of instance names. */
function isInstance(text: string): boolean {
  const reserved = new Set([
    '',
    '.',
    '..',
    'blobs',
    'uploads',
    'actions',
    'actionResults',
    'operations',
    'capabilities',
    'compressed-blobs',
  ]);
  return (
    text === '' ||
    (text.isWellFormed() &&
      encodeURIComponent(text).length <= 255 &&
      !text.split('/').some((segment) => reserved.has(segment)) &&
      isPrintable(text))
  );
}

// Few and short, so that one is often the folder of another.
const segment = fc.constantFrom('a', 'b', 'c', 'é', 'e\u0301', '-', '...', 'x'.repeat(255), '%2F', 'heads');
const plainKey = fc.array(segment, { minLength: 1, maxLength: 4 }).map((segments) => segments.join('/'));
const keys = fc.oneof(
  { weight: 8, arbitrary: plainKey },
  { weight: 2, arbitrary: mutated(['a/b/c', 'project/element/0123456789abcdef']) },
  { weight: 1, arbitrary: anyName },
);
const instances = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('', '', 'a', 'a/b', 'main', '%2F', 'a%2Fb') },
  { weight: 1, arbitrary: mutated(['main/a']) },
  { weight: 1, arbitrary: anyName },
);

describe('References', () => {
  let site: FuzzSite;
  const roots = Array.from({ length: 4 }, (_, index) =>
    rawDirectory({ symlinks: [{ name: `${index}`, target: '.', nodeProperties: undefined }] }),
  );

  before(async () => {
    site = await startFuzzSite();
    await putBatch(site.push, roots);
  });

  after(async () => await site.stop());

  async function get(instanceName: string, key: string): Promise<string> {
    const call = site.pull.references.getReference({ instanceName, key });
    const { status, message } = await verdictWithMessage(call);
    site.assertTellsNoPath(message);
    return status === 'OK' ? ((await call).digest?.hash ?? '') : status;
  }

  async function update(instanceName: string, updated: string[], root: Blob): Promise<string> {
    const request = { instanceName, keys: updated, digest: root.digest };
    const { status, message } = await verdictWithMessage(site.push.references.updateReference(request));
    site.assertTellsNoPath(message);
    return status;
  }

  test('give back what was last put under their key, in their instance, and nothing else', async () => {
    const model = new Map<string, Map<string, string>>();
    const step = fc.record({
      instance: instances,
      changed: fc.array(keys, { minLength: 1, maxLength: 3 }),
      asked: keys,
      root: fc.constantFrom(...roots),
    });
    await fc.assert(
      fc.asyncProperty(step, async ({ instance, changed, asked, root }) => {
        const known = model.get(instance) ?? new Map<string, string>();
        const valid = isInstance(instance) && changed.every(isKey);
        const collides = collision([...known.keys()], changed);
        const status = await update(instance, changed, root);
        assert.equal(status, valid && !collides ? 'OK' : 'INVALID_ARGUMENT');
        if (status === 'OK') {
          for (const key of changed) known.set(key, root.digest.hash);
          model.set(instance, known);
        }
        const expected =
          isInstance(instance) && isKey(asked) ? (known.get(asked) ?? 'NOT_FOUND') : 'INVALID_ARGUMENT';
        assert.equal(await get(instance, asked), expected);
      }),
      tries(700),
    );
    for (const [instance, known] of model)
      for (const [key, hash] of known) assert.equal(await get(instance, key), hash, `${instance} ${key}`);
    await site.assertUnharmed();
  });

  test('whose keys collide as file and folder are refused, and those that are there stay', async () => {
    const [first, second] = roots as [Blob, Blob];
    assert.equal(await update('collide', ['p/a', 'p/b/c/d'], first), 'OK');
    for (const colliding of ['p/a/b', 'p/a/b/c', 'p', 'p/b', 'p/b/c'])
      assert.equal(await update('collide', [colliding], second), 'INVALID_ARGUMENT', colliding);
    assert.equal(await update('collide', ['q/x', 'q/x/y'], second), 'INVALID_ARGUMENT');
    for (const key of ['p/a', 'p/b/c/d']) assert.equal(await get('collide', key), first.digest.hash);
    for (const key of ['p/a/b', 'p', 'p/b']) assert.equal(await get('collide', key), 'NOT_FOUND');
    await site.assertUnharmed();
  });

  test('are not mixed up by many who change the same keys at once', async () => {
    const names = ['same/a/1', 'same/a/2', 'same/b/1'];
    const attempts = Array.from(
      { length: 60 },
      async (_, index) => await update('', names, roots[index % 4] ?? site.blob),
    );
    assert.deepEqual(new Set(await Promise.all(attempts)), new Set(['OK']));
    const hashes = new Set(roots.map(({ digest }) => digest.hash));
    for (const name of names) assert.ok(hashes.has(await get('', name)));
    await site.assertUnharmed();
  });

  test('in no number but 1 to 100 are taken at once', async () => {
    const some = (count: number) => Array.from({ length: count }, (_, index) => `number/${index}`);
    const statuses = [];
    for (const count of [0, 1, 100, 101, 20_000])
      statuses.push(await update('', some(count), roots[0] ?? site.blob));
    assert.deepEqual(statuses, ['INVALID_ARGUMENT', 'OK', 'OK', 'INVALID_ARGUMENT', 'INVALID_ARGUMENT']);
  });

  test('are asked for their status under any instance name', async () => {
    await fc.assert(
      fc.asyncProperty(instances, async (instanceName) => {
        const status = await verdict(site.pull.references.status({ instanceName }));
        const capabilities = await verdict(site.pull.capabilities.getCapabilities({ instanceName }));
        const expected = isInstance(instanceName) ? 'OK' : 'INVALID_ARGUMENT';
        assert.deepEqual([status, capabilities], [expected, expected]);
      }),
      tries(200),
    );
  });
});

/** Whether one of these keys would have to be a folder of another. */
function collision(known: readonly string[], changed: readonly string[]): boolean {
  const all = [...known, ...changed];
  return changed.some((key) =>
    all.some((other) => other.startsWith(`${key}/`) || key.startsWith(`${other}/`)),
  );
}
