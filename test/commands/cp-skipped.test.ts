// weir cp and what is not whole at the source.
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { test } from 'node:test';
import { fetchBlob } from '../support/assets.ts';
import { artifactUri, key, keyOfTeam, pushThings } from '../support/copied-things.ts';
import { copied, copySite } from '../support/cp.ts';
import { looksAlways } from '../support/served.ts';
import { blobFile, rot } from '../support/volume-damage.ts';
import { failure } from '../support/wire.ts';

void test('what is not whole at the source is skipped and told, and the rest is copied', async (t) => {
  const [from, to] = [await copySite(t, looksAlways), await copySite(t)];
  const things = await pushThings(from.push);
  const { volume } = from.weir;
  const [, , , lost] = things.tree.files;
  assert.ok(lost);
  await rm(blobFile(volume, lost));
  await rot['a bit flip']?.(blobFile(volume, things.artifact.large));
  for (const source of [[volume], [from.pullUrl]]) {
    const refs = source[0] === volume ? [] : things.refs;
    const report = await copied(t, 1, [...source, to.pushUrl, ...refs]);
    assert.deepEqual(report.problems.map(({ name, outcome }) => `${outcome} ${name}`).sort(), [
      `skipped ${key}`,
      `skipped team/a:${keyOfTeam}`,
      `skipped ${artifactUri}`,
    ]);
    assert.equal(report.names.copied + report.names.present, things.refs.length - 3);
    const text = report.problems.map(({ why }) => why).join('\n');
    if (source[0] === volume) assert.match(text, new RegExp(lost.digest.hash));
  }
  for (const [instanceName, name] of [
    ['', key],
    ['team/a', keyOfTeam],
  ] as const) {
    const { status } = await failure(to.pull.references.getReference({ instanceName, key: name }));
    assert.equal(status, 'NOT_FOUND');
  }
  assert.equal((await failure(fetchBlob(to.pull, [artifactUri]))).status, 'NOT_FOUND');
});

void test('an incomplete tree is found by a dry run too', async (t) => {
  const [from, to] = [await copySite(t), await copySite(t)];
  const things = await pushThings(from.push);
  const [, small] = things.tree.files;
  assert.ok(small);
  await rm(blobFile(from.weir.volume, small));
  const report = await copied(t, 1, [from.weir.volume, to.pushUrl, '--dry-run', '--kind', 'reference']);
  assert.equal(report.names.skipped, 2);
});
