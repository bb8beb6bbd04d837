import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { test, type TestContext } from 'node:test';
import { filesBelow, foldersBelow } from '../../src/store/folder-walk.ts';

/** More than are held at once, twice. */
const manyFolders = 11_000;

function freshFolder(t: TestContext): string {
  const root = mkdtempSync(join(tmpdir(), 'weir-walk-'));
  t.after(() => rmSync(root, { recursive: true }));
  return root;
}

void test('all files are found below more folders than are held at once, each one time', (t) => {
  const root = freshFolder(t);
  const made = new Set<string>();
  for (let count = 0; count < manyFolders; count++) {
    mkdirSync(join(root, `${count}`));
    if (count % 100 > 0) continue;
    for (const name of ['file', join('deep', 'file')]) {
      mkdirSync(join(root, `${count}`, 'deep'), { recursive: true });
      writeFileSync(join(root, `${count}`, name), '');
      made.add(join(`${count}`, name));
    }
  }
  const found = [...filesBelow(root)].map(({ path }) => relative(root, path));
  assert.equal(found.length, made.size);
  assert.deepEqual(new Set(found), made);
});

void test('folders come after those in them, so that they can be removed on the way', (t) => {
  const root = freshFolder(t);
  const top = join(root, 'top');
  for (let count = 0; count < 300; count++)
    mkdirSync(join(top, `${count % 7}`, `${count}`, 'a', 'b'), { recursive: true });
  for (const folder of foldersBelow(top)) rmdirSync(folder);
  assert.deepEqual([...foldersBelow(top)], [top]);
});

void test('a folder that is not there has nothing', () => {
  assert.deepEqual([...filesBelow(join(tmpdir(), 'weir-walk-nothing'))], []);
});
