import type { ActionCache } from '../core/action-cache.ts';
import type { BlobIntakes } from '../core/blob-intake.ts';
import type { BlobStore } from '../core/blob-store.ts';
import { CacheError } from '../core/cache-error.ts';
import { type Digest, digestOf, quote } from '../core/digest.ts';
import type { Observer } from '../core/observer.ts';
import { expectMayPush } from '../core/push-permissions.ts';
import { slots } from '../core/slots.ts';
import type { ValueStore } from '../core/value-store.ts';
import { ActionResult } from '../gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { actionResultIn } from './action-result-shape.ts';
import { receive } from './blob-requests.ts';
import type { CachePath } from './cache-path.ts';
import { HttpRefusal } from './cache-status.ts';
import { parseContentEncoding } from './encodings.ts';
import type { Exchange } from './exchange.ts';
import { announcedBytes, bodyOf, wholeBody } from './receive-body.ts';
import { sendBlob } from './send-blob.ts';

type ValuePath = Extract<CachePath, { space: 'ac' }>;

/** A body up to this size is looked at in memory before it is stored. Bytes. */
const smallUpTo = 64 * 1024;
/** No ActionResult is longer: neither a message of the API nor its store takes one. Bytes. */
const longestActionResult = 8 * 1024 * 1024;
/** Of those that are not small, one at a time is in memory: decoded, it can take much more than its bytes. */
const longResults = slots(1);

/** What /ac stands on. */
export interface ValueParts {
  readonly blobs: BlobStore;
  readonly intakes: BlobIntakes;
  readonly values: ValueStore;
  readonly actions: ActionCache;
  readonly observer: Observer;
}

/**
 * /ac: results of actions by the action's hash, which are whole or not given at all, and everything else by a
 * key of the client's, whose bytes are a blob like any other.
 */
export function valueRequests({ blobs, intakes, values, actions, observer }: ValueParts) {
  async function get(exchange: Exchange, path: ValuePath): Promise<void> {
    try {
      const kept = path.action && (await actions.get(path.instanceName, keyOf(path.action), exchange.signal));
      if (kept !== undefined) return sendResult(exchange, kept.result);
      const digest = await values.get(path.instanceName, path.key);
      if (digest === undefined) throw new CacheError('not-found', `nothing is kept under ${quote(path.key)}`);
      const onFound = () => observer.lookedUp('action', exchange.tool, 1, 0);
      await sendBlob(exchange, digest, { blobs, observer, onFound });
    } catch (error) {
      const missing = error instanceof CacheError && error.kind === 'not-found';
      if (missing && !exchange.response.headersSent) observer.lookedUp('action', exchange.tool, 0, 1);
      throw error;
    }
  }

  function sendResult(exchange: Exchange, result: ActionResult): void {
    const { request, response } = exchange;
    observer.lookedUp('action', exchange.tool, 1, 0);
    const bytes = ActionResult.encode(result).finish();
    response.writeHead(200, {
      'content-type': 'application/octet-stream',
      'x-content-type-options': 'nosniff',
      'content-length': bytes.length,
    });
    response.end(request.method === 'HEAD' ? undefined : bytes);
  }

  async function put(exchange: Exchange, path: ValuePath): Promise<void> {
    expectMayPush(exchange.scopes, path.instanceName, '@actions');
    if (parseContentEncoding(exchange.request.headers['content-encoding']) !== 'identity')
      throw new HttpRefusal(415, 'values are taken without a content encoding: send the bytes as they are');
    const size = announcedBytes(exchange);
    if (size !== undefined && size <= smallUpTo) await putSmall(exchange, path);
    else await putLarge(exchange, path);
    exchange.response.writeHead(200, { 'content-length': 0 }).end();
  }

  async function putSmall(exchange: Exchange, path: ValuePath): Promise<void> {
    const bytes = await wholeBody(exchange, observer);
    if (await keptAsResult(exchange, path, bytes)) return;
    const intake = await intakes.begin('sha256', announcedBytes(exchange));
    await values.set(path.instanceName, path.key, await receive(intake, only(bytes)));
  }

  async function putLarge(exchange: Exchange, path: ValuePath): Promise<void> {
    const intake = await intakes.begin('sha256', announcedBytes(exchange));
    const digest = await receive(intake, bodyOf(exchange, observer));
    if (digest.sizeBytes <= longestActionResult && path.action !== undefined) {
      const release = await longResults.take(exchange.signal);
      try {
        if (await keptAsResult(exchange, path, await blobs.readWhole(digest))) return;
      } finally {
        release();
      }
    }
    await values.set(path.instanceName, path.key, digest);
  }

  /** False for what is no result of an action. */
  async function keptAsResult(
    exchange: Exchange,
    { instanceName, action }: ValuePath,
    bytes: Uint8Array,
  ): Promise<boolean> {
    if (action === undefined) return false;
    const result = actionResultIn(bytes);
    if (result === undefined) return false;
    await actions.update(instanceName, keyOf(action), result, exchange.signal);
    return true;
  }

  return { get, put };
}

/** An action's digest without the size of the action, which no path has and no key needs. */
function keyOf({ digestFunction, hash }: NonNullable<ValuePath['action']>): Digest {
  return digestOf(hash, 0, digestFunction);
}

async function* only(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
}
