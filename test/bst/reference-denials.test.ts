// Everything that BuildStream's own server lets a caller do and Weir must not. Each check runs against both:
// that the reference server fails it, and how, is what shows that it checks anything.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startPlainServer } from '../support/bst-plain-server.ts';
import { testWith } from '../support/real-parts.ts';
import { pathDenials } from './denials/paths.ts';
import { readDenials } from './denials/reads.ts';
import { shutdownDenials } from './denials/shutdown.ts';
import { uploadDenials } from './denials/uploads.ts';

const testWithReference = testWith('buildstream');
const denials = [...pathDenials, ...uploadDenials, ...readDenials, ...shutdownDenials];

for (const { name, check, referenceFails, setting } of denials) {
  void test(name, { timeout: 60_000 }, async (t) => {
    await check(await startPlainServer(t, 'weir', await setting?.()));
  });
  testWithReference(`not so the reference server: ${name}`, async (t) => {
    const server = await startPlainServer(t, 'reference', await setting?.());
    await assert.rejects(
      check(server),
      (error: Error) => referenceFails.test(error.message) || assert.fail(error),
    );
  });
}
