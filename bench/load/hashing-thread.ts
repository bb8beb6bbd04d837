// A thread of hashing.ts: hashes one blob, of as many bytes as `workerData` says, as often as a message says.
import { createHash, randomBytes } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';

const blob = randomBytes(workerData as number);
parentPort?.on('message', (times: number) => {
  for (let time = 0; time < times; time++) createHash('sha256').update(blob).digest();
  parentPort?.postMessage('done');
});
parentPort?.postMessage('ready');
