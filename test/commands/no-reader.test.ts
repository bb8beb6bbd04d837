import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startCommand } from '../support/command.ts';
import { knownVolume } from '../support/known-volume.ts';
import { startWeir } from '../support/weir.ts';

void test('a command whose reader has enough ends without a complaint, with the code of what it found', async (t) => {
  const { volume } = await knownVolume(t);
  const weir = await startWeir({ volume });
  t.after(async () => await weir.stop());
  const commands: [code: number, args: string[]][] = [
    [0, ['ls', '--volume', volume]],
    [0, ['du', '--volume', volume]],
    [0, ['fsck', volume]],
    [0, ['status', '--url', weir.opsUrl]],
    [1, ['status', '--url', `${weir.opsUrl}/nowhere`]],
    [0, ['cp', volume, `${volume}/copy`, '--dry-run']],
    [0, ['completion', 'bash']],
    [0, ['nginx-config']],
  ];
  for (const [code, args] of commands) {
    const { child, ended } = startCommand(args);
    child.stdout?.destroy();
    const { code: ending, err } = await ended;
    assert.deepEqual({ code: ending, err }, { code, err: '' }, args.join(' '));
  }
});
