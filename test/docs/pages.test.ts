// Pages that point to something point to something that is there, and nothing tells of one machine.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';

import { codeWords, exists, page, pages, project } from './documents.ts';

for (const path of pages) {
  test(`links of ${path} point to something`, () => {
    const broken = links(page(path)).filter(([target, anchor]) => {
      const file = target === '' ? path : normalize(join(dirname(path), target));
      if (!exists(file)) return true;
      return anchor !== undefined && file.endsWith('.md') && !anchors(page(file)).includes(anchor);
    });
    assert.deepEqual(broken, []);
  });

  test(`files that ${path} names are there`, () => {
    const rooms = /^(?:src|test|scripts|proto|nginx|certs|docs|bin|monitoring|deploy)\/[\w./-]*$/;
    // Made at run time, never committed.
    const made = /^certs\/(?:permissions|(?:authori(?:zed|ties)\/)?[\w.-]+\.(?:crt|crl|key))$/;
    // A decision describes the day it was taken; the others describe today.
    const named = path.startsWith('docs/adr/') ? [] : codeWords(page(path));
    const missing = named.filter((word) => rooms.test(word) && !made.test(word) && !exists(word));
    assert.deepEqual(missing, []);
  });
}

test('no tracked file has a path of one machine or the host of a registry', (t) => {
  const listing = spawnSync('git', ['ls-files', '-z'], { cwd: project, encoding: 'utf8' });
  if (listing.status !== 0) return t.skip('needs git and a clone: what is tracked is not known otherwise');
  const machine = /(?<![\w~.])\/(?:home|root|Users|work)\/\w[^\s'"`)]*/;
  const registry = /registry\.(?:npmjs|yarnpkg|npmmirror)[\w.]*|\b(?:ghcr|quay)\.io\b|\b[\w-]+\.pkg\.dev\b/;
  const found = listing.stdout
    .split('\0')
    // A tracked file may be gone from the checkout, and links to folders are no files.
    .filter((path) => path !== '' && exists(path))
    .flatMap((path) => {
      const text = readFileSync(join(project, path), 'latin1');
      return [machine, registry].flatMap((pattern) => {
        const match = pattern.exec(text)?.[0];
        return match === undefined ? [] : [`${path}: ${match}`];
      });
    });
  assert.deepEqual(found, []);
});

/** Relative links and pictures outside of code, as path and anchor. */
function links(text: string): [target: string, anchor: string | undefined][] {
  const prose = text.replaceAll(/^```.*?^```$/gms, '').replaceAll(/`[^`\n]*`/g, '');
  return [...prose.matchAll(/\]\(([^)\s]+)\)|\b(?:src|srcset)="([^"\s]+)"/g)]
    .map(([, link, source = '']) => link ?? source)
    .filter((link) => !/^[a-z]+:/.test(link))
    .map((link) => {
      const [target = '', anchor] = link.split('#');
      return [target, anchor];
    });
}

/** The anchors that a page's headings get. */
function anchors(text: string): string[] {
  return [...text.replaceAll(/^```.*?^```$/gms, '').matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}
