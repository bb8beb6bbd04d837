import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import * as fc from 'fast-check';
import { findToken, parseAccessTokens } from '../../src/core/access-tokens.ts';
import { assertNoFaultOfOurs } from '../support/faults-of-ours.ts';
import { authorizationsNear, hasToken, toolBytes } from '../support/fuzz-access.ts';
import { tries } from '../support/fuzz-settings.ts';
import { verdictWithMessage } from '../support/fuzz-verdict.ts';
import { newToken } from '../support/tokens.ts';
import { startWeir, type Weir } from '../support/weir.ts';
import { clientsAt, findMissing, randomBlob } from '../support/wire.ts';

const known = newToken('ci', 'push');
const header = 'build.bazel.remote.execution.v2.requestmetadata-bin';

describe('What a call says of its caller', () => {
  let folder: string;
  let weir: Weir;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weir-fuzz-'));
    await writeFile(join(folder, 'tokens'), known.line);
    weir = await startWeir({ env: { TOKENS_FILE: join(folder, 'tokens'), LOG_LEVEL: 'debug' } });
  });

  after(async () => {
    await weir.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function statusWith(headers: Record<string, string | Uint8Array>): Promise<string> {
    const client = clientsAt(weir.pushAddress, undefined, headers);
    try {
      const { status, message } = await verdictWithMessage(findMissing(client, [randomBlob(3).digest]));
      assert.ok(!message.includes(folder), message);
      return status;
    } finally {
      client.close();
    }
  }

  function assertUnharmed(): void {
    assertNoFaultOfOurs(weir.output());
    // No text of a client's may steer a terminal.
    // eslint-disable-next-line no-control-regex
    assert.doesNotMatch(weir.output(), /[\u0000-\u0009\u000b-\u001f\u007f]|\\u00[01]/);
  }

  test('lets it in only with the token itself', async () => {
    await fc.assert(
      fc.asyncProperty(authorizationsNear(known.token), async (authorization) => {
        const right = hasToken(authorization, known.token);
        assert.equal(await statusWith({ authorization }), right ? 'OK' : 'UNAUTHENTICATED');
      }),
      tries(150),
    );
    assertUnharmed();
  });

  test('never changes the answer by bytes that tell of the tool', async () => {
    await fc.assert(
      fc.asyncProperty(toolBytes(), async (bytes) => {
        assert.equal(await statusWith({ ...known.headers, [header]: bytes }), 'OK');
      }),
      tries(150),
    );
    assertUnharmed();
  });
});

test('A list of tokens admits only by whole lines, whatever is in it', () => {
  const word = fc.oneof(
    fc.constantFrom('ci', 'push', 'pull', '#', 'PUSH', '', known.line.split(' ')[2] ?? '', 'f'.repeat(64)),
    fc.string({ maxLength: 12 }),
    fc.string({ unit: 'binary', maxLength: 70 }),
  );
  const line = fc.oneof(
    fc.constant(known.line),
    fc.array(word, { maxLength: 5 }).map((words) => words.join(' ')),
  );
  const text = fc.array(line, { maxLength: 20 }).map((lines) => lines.join('\n'));
  fc.assert(
    fc.property(text, (content) => {
      const { tokens, findings } = parseAccessTokens(content);
      const lines = content.split(/\r?\n/).map((whole) => whole.replace(/#.*/s, '').trim());
      const whole = lines.filter((one) => /^[\w.@-]{1,64}\s+(pull|push)\s+[0-9a-fA-F]{64}$/.test(one));
      assert.ok(tokens.length <= new Set(whole.map((one) => one.slice(-64).toLowerCase())).size);
      assert.equal(tokens.length + findings.length, lines.filter((one) => one !== '').length);
      assert.equal(
        findToken(tokens, known.token) !== undefined,
        whole.some((one) => one.includes(known.line.slice(-64))),
      );
      for (const { problem } of findings) assert.ok(!problem.includes(known.line.slice(-64)));
    }),
    tries(2000),
  );
});
