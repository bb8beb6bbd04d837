import type { Happenings, StatusSources, VolumeFigures } from '../../core/status.ts';
import { expiringThing, soonMs } from '../../core/expires-soon.ts';
import { ago, bytesText, countOf, countText, dayText, shareText, spanText } from './figures.ts';
import { type Html, html, name } from './html.ts';

/** How something is. What it is called is written beside every colour. */
export type Level = 'good' | 'warn' | 'bad' | 'unknown';

/** Something that is in order, or not. */
export interface HealthLine {
  readonly what: string;
  readonly level: Level;
  /** In a word or two. */
  readonly state: string;
  readonly details: Html;
}

const dayMs = 86_400_000;
/** The scrub says where it is at least every ten seconds, of several servers on a volume each. */
const scrubSilentMs = 5 * 60_000;
const expiresSoonDays = 21;

/** What is known of the server's parts, the most important ones first. */
export function healthLines(
  sources: StatusSources,
  volume: VolumeFigures | undefined,
): readonly HealthLine[] {
  const happenings = sources.happenings();
  const now = sources.clock();
  return [
    volumeLine(sources, volume),
    spaceLine(happenings, volume, now),
    promisesLine(happenings),
    scrubLine(sources, happenings, now),
    janitorLine(sources, happenings, now),
    clockLine(sources),
    ...certificateLines(sources, now),
  ];
}

/** The worst of all, in words. */
export function overall(
  lines: readonly HealthLine[],
  readiness: { ready: boolean },
): { level: Level; text: string } {
  if (!readiness.ready) return { level: 'bad', text: 'Not ready' };
  const bad = lines.filter(({ level }) => level === 'bad').length;
  const warnings = lines.filter(({ level }) => level === 'warn').length;
  if (bad > 0) return { level: 'bad', text: bad === 1 ? 'One thing needs you' : `${bad} things need you` };
  if (warnings > 0) return { level: 'warn', text: `Ready, ${countOf(warnings, 'warning')}` };
  return { level: 'good', text: 'Ready, all in order' };
}

export function healthSection(lines: readonly HealthLine[]): Html {
  return html`<section class="card" id="health" data-live="" aria-labelledby="health-title">
    <div class="head"><h2 id="health-title">Health</h2></div>
    <ul class="health">
      ${lines.map(
        ({ what, level, state, details }) =>
          html`<li>
            <h3>${what}</h3>
            <p><span class="pill ${level}">${state}</span></p>
            <p class="details">${details}</p>
          </li>`,
      )}
    </ul>
  </section>`;
}

function volumeLine(sources: StatusSources, volume: VolumeFigures | undefined): HealthLine {
  const what = 'Volume';
  const { ready, reasons } = sources.readiness();
  const why = reasons.join('; ');
  if (!ready) return { what, level: 'bad', state: 'not ready', details: html`${why}` };
  if (volume === undefined)
    return { what, level: 'bad', state: 'silent', details: html`It did not answer in time.` };
  if (!sources.isWritable())
    return { what, level: 'bad', state: 'takes no uploads', details: html`Reads go on. ${why}` };
  const { totalInodes, freeInodes } = volume;
  const inodes = totalInodes === 0 ? '' : `, ${shareText(freeInodes, totalInodes)} of its inodes free`;
  return {
    what,
    level: 'good',
    state: 'answers',
    details: html`Reads and uploads work${inodes}.`,
  };
}

function spaceLine(
  { refusedUploads, lastRefusal }: Happenings,
  volume: VolumeFigures | undefined,
  now: number,
): HealthLine {
  const what = 'Room';
  const refused =
    lastRefusal !== undefined &&
    html`${countOf(refusedUploads, 'upload')} refused since the start, the last ${ago(lastRefusal.atMs, now)}:
    ${lastRefusal.message}.`;
  if (lastRefusal !== undefined && now - lastRefusal.atMs < dayMs)
    return { what, level: 'bad', state: 'refused uploads', details: html`${refused}` };
  if (volume === undefined) return { what, level: 'unknown', state: 'unknown', details: html`–` };
  const { freeBytes, headRoomBytes } = volume;
  const details = html`${bytesText(freeBytes)} free, of which ${bytesText(headRoomBytes)} are kept free.
  ${refused}`;
  return freeBytes < headRoomBytes
    ? { what, level: 'warn', state: 'short', details }
    : { what, level: 'good', state: 'enough', details };
}

function promisesLine({ brokenPromises, quarantined, unreadable }: Happenings): HealthLine {
  const what = 'Promises';
  const aside = html`${countOf(quarantined, 'damaged blob')} set aside since the start; the next upload of
  each heals it.`;
  if (brokenPromises > 0)
    return {
      what,
      level: 'bad',
      state: `${countText(brokenPromises)} broken`,
      details: html`Something other than Weir removes files of this volume. ${quarantined > 0 && aside}`,
    };
  if (unreadable > 0)
    return {
      what,
      level: 'bad',
      state: 'unreadable blobs',
      details: html`The disk could not give ${countOf(unreadable, 'read')}. Look at the disk.
      ${quarantined > 0 && aside}`,
    };
  if (quarantined > 0) return { what, level: 'warn', state: 'damage found', details: aside };
  return {
    what,
    level: 'good',
    state: 'kept',
    details: html`Nothing that was promised was gone, and no damaged blob was found since the start.`,
  };
}

function scrubLine({ canPush, scrubs }: StatusSources, { scrub }: Happenings, now: number): HealthLine {
  const what = 'Scrub';
  if (!canPush) return notHere(what, 'A server without a push listener does not scrub.');
  if (!scrubs) return notHere(what, 'Turned off by SCRUB_BYTES_PER_SECOND.');
  if (scrub === undefined)
    return { what, level: 'unknown', state: 'not begun', details: html`It has not said anything yet.` };
  const silent = now - scrub.atMs > scrubSilentMs;
  const how =
    scrub.progress >= 1
      ? html`All blobs were read; the next pass begins within a day of the last one.`
      : html`${shareText(scrub.progress, 1)} of this pass over all blobs is done.`;
  if (silent)
    return {
      what,
      level: 'warn',
      state: 'silent',
      details: html`${how} Last heard of ${ago(scrub.atMs, now)}.`,
    };
  return { what, level: 'good', state: scrub.progress >= 1 ? 'done' : 'reading', details: how };
}

function janitorLine({ canPush }: StatusSources, happenings: Happenings, now: number): HealthLine {
  const what = 'Janitor';
  if (!canPush) return notHere(what, 'A server without a push listener removes nothing.');
  const { holdsJanitorLock, isEvicting, lastEviction, evictionAgeMs, incompleteRecords } = happenings;
  const who = holdsJanitorLock ? 'works here' : 'works elsewhere';
  const outcomes = { enough: 'made room', short: 'made less room than wanted', failed: 'failed' };
  const last =
    lastEviction === undefined
      ? html`Nothing had to be evicted since the start.`
      : html`The last eviction ${outcomes[lastEviction.outcome]} ${ago(lastEviction.atMs, now)}.`;
  const age =
    evictionAgeMs !== undefined &&
    html` The youngest blob that went had not been used for ${spanText(evictionAgeMs)}.`;
  const incomplete = incompleteRecords > 0 && html` ${countOf(incompleteRecords, 'record')} incomplete.`;
  const failed = lastEviction?.outcome === 'failed';
  const short = lastEviction?.outcome === 'short' && now - lastEviction.atMs < dayMs;
  return {
    what,
    level: failed ? 'bad' : short ? 'warn' : 'good',
    state: isEvicting ? 'evicting' : failed ? 'failed' : short ? 'short' : who,
    details: html`${last}${age}${incomplete}`,
  };
}

function clockLine(sources: StatusSources): HealthLine {
  const what = 'Clock';
  const { leaseMs } = sources;
  const skew = sources.clockSkewMs();
  const off = Math.abs(skew) > leaseMs / 10 && Math.abs(skew) > 100;
  const by = html`${spanText(Math.abs(skew))} ${skew > 0 ? 'ahead of' : 'behind'} the clock that dates the
  volume's files.`;
  if (off)
    return {
      what,
      level: 'bad',
      state: 'wrong',
      details: html`It is ${by} Until it is set, nothing is evicted here.`,
    };
  return {
    what,
    level: 'good',
    state: 'right',
    details: html`It agrees with the one that dates the volume's files.`,
  };
}

/** A certificate may have somebody's name: where names are not shown, only its kind is. */
function certificateLines(sources: StatusSources, now: number): HealthLine[] {
  const what = 'Certificates';
  const certificates = sources.certificates();
  if (certificates === undefined)
    return [
      notHere(what, 'This server is not told of any: the proxy in front has them. See weir certs list.'),
    ];
  const first = certificates.toSorted((one, other) => one.expiresAtMs - other.expiresAtMs)[0];
  if (first === undefined) return [notHere(what, 'There are none.')];
  const left = first.expiresAtMs - now;
  const expired = certificates.filter(({ expiresAtMs }) => expiresAtMs <= now);
  const which = html`${expiringThing(first.kind)} ${sources.detail === 'full' && name(first.name)}`;
  const soon = certificates.some(
    ({ kind, expiresAtMs }) => expiresAtMs - now < soonMs(kind, expiresSoonDays),
  );
  const when = html`${dayText(first.expiresAtMs)}`;
  if (expired.length > 0)
    return [
      {
        what,
        level: expired.some(({ kind }) => kind === 'server') ? 'bad' : 'warn',
        state: `${countText(expired.length)} expired`,
        details: html`Of ${countText(certificates.length)}. The ${which} expired on ${when}.`,
      },
    ];
  return [
    {
      what,
      level: soon ? 'warn' : 'good',
      state: soon ? 'expire soon' : 'valid',
      details: html`${countOf(certificates.length, 'certificate')}. The first to expire, in ${spanText(left)},
      on ${when}, is the ${which}.`,
    },
  ];
}

function notHere(what: string, why: string): HealthLine {
  return { what, level: 'unknown', state: 'not here', details: html`${why}` };
}
