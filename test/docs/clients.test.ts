// What the pages for users of clients quote of Weir, Weir says.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { codeWords, page, pages, project, section, tableRows } from './documents.ts';

const sources = ['src', join('nginx', 'templates')]
  .flatMap((folder) =>
    readdirSync(join(project, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(?:ts|template)$/.test(name))
      .map((name) => page(join(folder, name))),
  )
  .join('\n');

/** What clients put in front of a sentence of the server: the call, and the status as a number or in words. */
const ofServer = /^(?:\w+: )?(?:7|16|UNAUTHENTICATED|PERMISSION_DENIED): (.*)$/;

test('the sentences of the server among the messages of clients are sentences of the server', () => {
  const quoted = pages
    .filter((path) => path.startsWith(join('docs', 'clients')))
    .flatMap((path) =>
      tableRows(section(page(path), 'Messages')).flatMap(([says = '']) =>
        codeWords(says).map((words) => ({ path, sentence: ofServer.exec(words)?.[1] })),
      ),
    );
  const sentences = quoted.filter(({ sentence }) => sentence !== undefined);
  assert.ok(sentences.length >= 12, `found ${sentences.length}`);
  const unsaid = sentences.filter(({ sentence = '' }) =>
    sentence.split('…').some((part) => !sources.includes(part.replaceAll(/^[" ]+|[" ]+$/g, ''))),
  );
  assert.deepEqual(unsaid, []);
});
