import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'node:test';
import { ClientError, Status } from 'nice-grpc';
import { eventually } from '../support/eventually.ts';
import { failingCalls, type FaultPlan } from '../support/failing-calls.ts';
import {
  expectBytes,
  type FailingSite,
  type FailingWork,
  leftovers,
  updateActionResult,
  updateReference,
  upload,
  uploadBatch,
  withFailingSite,
} from '../support/failing-site.ts';
import { figure, seededRandom, sized } from '../support/promise-size.ts';
import { testWith } from '../support/real-parts.ts';
import type { Blob } from '../support/wire.ts';

/** The calls by which files are made, written, read and found. */
const calls =
  'openat pwrite64 link rename mkdir unlink fsync fdatasync close pread64 statx utimensat getdents64'.split(
    ' ',
  );
/** Calls that may want room. */
const wantRoom = new Set(['openat', 'pwrite64', 'link', 'rename', 'mkdir']);
const readAll: FailingWork = async (site) => {
  await site.expectAllReadable();
  return { blobs: [] };
};
const works = { upload, uploadBatch, updateReference, updateActionResult, readAll };
/** Every so many-th of the faults that there are, beginning at a random one. */
const stride = sized({ short: 24, long: 1 });

interface Fault extends FaultPlan {
  readonly workName: keyof typeof works;
}

void describe('a system call that fails, whichever it is', () => {
  testWith('strace')(
    'gives the right status, nothing wrong, nothing left behind, and all is well afterwards',
    async (t) => {
      const volume = await mkdtemp(join(tmpdir(), 'weir-faults-'));
      const seen = { faults: 0, injected: 0, failedCalls: 0, toleratedCalls: 0 };
      const statuses = new Map<string, number>();
      await withFailingSite(volume, {}, async (site) => {
        const faults = await faultsOf(site);
        const excused: string[] = [];
        const first = Math.floor(seededRandom()() * Math.min(stride, faults.length));
        for (let index = first; index < faults.length; index += stride) {
          const fault = faults[index] ?? assert.fail();
          const { injected, status } = await tryFault(site, fault, excused).catch((cause: unknown) => {
            throw new Error(
              `${JSON.stringify(fault)}: ${String(cause)}\n${site.weir.output().slice(-2000)}`,
              { cause },
            );
          });
          seen.faults++;
          seen.injected += injected;
          if (status === undefined) seen.toleratedCalls++;
          else seen.failedCalls++;
          const word = `${fault.fault} ${status ?? 'tolerated'}`;
          statuses.set(word, (statuses.get(word) ?? 0) + 1);
        }
        figure(t, { possible: faults.length, ...seen, ...Object.fromEntries(statuses) });
      });
      assert.ok(seen.failedCalls > 0, 'no fault has reached a call');
      await rm(volume, { recursive: true });
    },
    { timeout: sized({ short: 480_000, long: 4 * 3_600_000 }) },
  );
});

/** Every call that each work makes, with everything that it may answer. */
async function faultsOf(site: FailingSite): Promise<Fault[]> {
  const faults: Fault[] = [];
  for (const workName of Object.keys(works) as (keyof typeof works)[]) {
    // Once before: what is made for the first time only is not made again.
    await works[workName](site);
    const watched = await failingCalls(site.weir.pid, calls);
    await works[workName](site);
    const { counts } = await watched.end();
    for (const [call, count] of counts) {
      const errors = ['EIO', ...(wantRoom.has(call) ? ['ENOSPC', 'EDQUOT', 'EROFS'] : [])];
      const lies = call === 'pwrite64' || call === 'pread64' ? ['retval=1'] : [];
      const all = [...errors.map((errno) => `error=${errno}`), ...lies];
      for (let when = 1; when <= count; when++)
        for (const fault of all) faults.push({ workName, call, fault, when });
    }
  }
  return faults;
}

async function tryFault(
  site: FailingSite,
  fault: Fault,
  excused: string[],
): Promise<{ injected: number; status: string | undefined }> {
  const { workName, call } = fault;
  const work = works[workName];
  // A disk that lies about bytes which were compared with their hash not long ago is silent-rot.test.ts.
  if (isLie(fault)) await site.touchAll();
  const injecting = await failingCalls(site.weir.pid, calls, fault);
  const { blobs, outcome } = await work(site).then(
    (done) => ({ ...done, outcome: undefined }),
    (error: unknown) => ({ blobs: [], outcome: outcomeOf(error) }),
  );
  const { failed } = await injecting.end();
  const at = JSON.stringify({ ...fault, ...outcome });
  if (outcome !== undefined) expectRightStatus(fault, outcome, at);
  assert.doesNotThrow(() => process.kill(site.weir.pid, 0), `the server has ended: ${at}`);
  for (const blob of blobs) await expectNothingWrong(site, fault, blob, at);
  // Bytes that looked wrong are missing until somebody uploads them.
  if (isLie(fault)) await site.uploadAgain();
  await site.expectAllReadable();
  // The same again, now that nothing fails.
  const again = await work(site);
  for (const blob of again.blobs) await expectBytes(site.clients, blob);
  // What strace lets fail is not done: then a file stays there, or a descriptor open.
  if (call === 'unlink' || call === 'close') excused.push(...(await leftovers(site)));
  await expectNothingLeft(site, excused, at);
  return { injected: failed, status: outcome?.status };
}

/** It says that it has moved a byte, and has not. */
function isLie({ fault }: Fault): boolean {
  return fault === 'retval=1';
}

/** A client is told of a lie what is wrong with the bytes, or that they are not here. */
function expectRightStatus(plan: Fault, outcome: Outcome, at: string): void {
  const { fault } = plan;
  const { status, message } = outcome;
  if (fault === 'error=ENOSPC' || fault === 'error=EDQUOT') assert.equal(status, 'RESOURCE_EXHAUSTED', at);
  else if (isLie(plan)) assert.ok(['NOT_FOUND', 'FAILED_PRECONDITION'].includes(status), at);
  else assert.equal(status, 'UNAVAILABLE', at);
  if (fault === 'error=EROFS') assert.match(message, /read-only/);
}

async function expectNothingLeft(site: FailingSite, excused: readonly string[], at: string): Promise<void> {
  let left: string[] = [];
  await eventually(async () => {
    left = (await leftovers(site)).filter((one) => !excused.includes(one));
    return left.length === 0;
  }).catch((cause: unknown) => {
    throw new Error(`${at} left ${JSON.stringify(left)}`, { cause });
  });
}

interface Outcome {
  readonly status: string;
  readonly message: string;
}

function outcomeOf(error: unknown): Outcome {
  if (error instanceof ClientError) return { status: Status[error.code], message: error.details };
  throw error;
}

/** What was acknowledged is there. A write that lied may have left something else, which nobody is given. */
async function expectNothingWrong(site: FailingSite, fault: Fault, blob: Blob, at: string): Promise<void> {
  try {
    await expectBytes(site.clients, blob);
  } catch (error) {
    assert.ok(isLie(fault), `${at}: ${String(error)}`);
    assert.equal(outcomeOf(error).status, 'NOT_FOUND', at);
  }
}
