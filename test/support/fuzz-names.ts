import * as fc from 'fast-check';
import { type Blob, downloadName, uploadName } from './wire.ts';

const uuid = '7c9e6679-7425-40de-944b-e07fc1f90ae7';
const hash = 'a'.repeat(64);

/** What an attack on a path has between its slashes. */
const segment = fc.oneof(
  fc.constantFrom('', '.', '..', '...', '~', '%2e%2e', '%2F', '..%2f', '%00', '\0', 'C:', '-', '*'),
  fc.constantFrom('a\\b', '..\\..', '\n', '\r\n', '\u202e', '\ufeff', '\u2028', 'ｂlobs', 'é', 'e\u0301'),
  fc.constantFrom('blobs', 'uploads', 'compressed-blobs', 'actions', 'actionResults', 'operations'),
  fc.constantFrom('zstd', 'cas', 'objects', 'refs', 'heads', 'tmp', 'weir', 'etc', 'passwd', 'beside'),
  fc.constantFrom(uuid, hash, hash.toUpperCase(), hash.slice(1), `${hash}0`, 'e3b0c442', 'capabilities'),
  fc.constantFrom('0', '1', '-1', '+1', '01', '1e3', '0x10', ' 1', '9007199254740991', '9007199254740992'),
  fc.constantFrom('9223372036854775807', '99999999999999999999', '1.0', 'NaN', '', '١'),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.string({ unit: 'grapheme', maxLength: 20 }),
  fc.integer({ min: 200, max: 5000 }).map((length) => 'x'.repeat(length)),
);

/** Any text, with a preference for what looks like a path. */
export const anyName: fc.Arbitrary<string> = fc.oneof(
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 100 }) },
  { weight: 4, arbitrary: fc.array(segment, { maxLength: 12 }).map((segments) => segments.join('/')) },
  { weight: 1, arbitrary: fc.array(segment, { maxLength: 6 }).map((segments) => `/${segments.join('/')}`) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 2000 }).map((count) => '../'.repeat(count)) },
);

/** A valid text with a few things done to it. */
export function mutated(valid: readonly string[]): fc.Arbitrary<string> {
  const change = fc.record({
    kind: fc.constantFrom('insert', 'replace', 'remove', 'cut', 'double', 'upper', 'encode', 'segment'),
    at: fc.nat(),
    text: fc.oneof(segment, fc.constantFrom('/', '//', '/../', '\0', ' ', 'g', '0')),
  });
  return fc.tuple(fc.constantFrom(...valid), fc.array(change, { maxLength: 3 })).map(([name, changes]) => {
    const whole = changes.reduce(
      (text, { kind, at, text: inserted }) => changed(text, kind, at, inserted),
      name,
    );
    // Half a surrogate pair cannot be sent: it would arrive as another character.
    return whole.toWellFormed();
  });
}

function changed(text: string, kind: string, at: number, inserted: string): string {
  const index = at % (text.length + 1);
  const segments = text.split('/');
  switch (kind) {
    case 'insert':
      return text.slice(0, index) + inserted + text.slice(index);
    case 'replace':
      return text.slice(0, index) + inserted + text.slice(index + inserted.length);
    case 'remove':
      return text.slice(0, index) + text.slice(index + 1);
    case 'cut':
      return text.slice(0, index);
    case 'double':
      return text + text.slice(index);
    case 'upper':
      return text.slice(0, index) + text.slice(index).toUpperCase();
    case 'encode':
      return text.slice(0, index) + encodeURIComponent(text.slice(index).toWellFormed());
    default:
      return segments.with(at % segments.length, inserted).join('/');
  }
}

/** Names that mean these blobs, in every form that there is. */
export function validNames(blobs: readonly Blob[]): string[] {
  return blobs.flatMap((blob) => {
    const { hash, sizeBytes } = blob.digest;
    return [
      downloadName(blob),
      downloadName(blob, 'main/a'),
      uploadName(blob, '', uuid),
      uploadName(blob, 'an instance/of mine', uuid),
      `${uploadName(blob, '', uuid)}/bin/tool`,
      `${hash}/${sizeBytes}`,
      `compressed-blobs/zstd/${hash}/${sizeBytes}`,
      `uploads/${uuid}/compressed-blobs/zstd/${hash}/${sizeBytes}`,
    ];
  });
}
