// What the URIs and qualifiers of a FetchBlob mean to a download.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CacheError } from '../../src/core/cache-error.ts';
import { parseChecksums } from '../../src/core/checksum.ts';
import { wantedDownload } from '../../src/core/wanted-download.ts';
import { checksumOf } from '../support/fetch-site.ts';

const uris = ['https://a.test/x', 'urn:b', 'https://c.test/x'];
const bytes = Buffer.from('content');
const hash = (algorithm: 'sha256' | 'sha384' | 'sha512') => {
  const { hash } = checksumOf(bytes, algorithm);
  return `${algorithm}-${Buffer.from(hash, 'hex').toString('base64')}`;
};

function isInvalid(work: () => unknown, sentence: RegExp): void {
  assert.throws(
    work,
    (error) =>
      error instanceof CacheError && error.kind === 'invalid-argument' && sentence.test(error.message),
  );
}

test('of several checksums those of the strongest algorithm count', () => {
  const [sha256, sha384, sha512] = [hash('sha256'), hash('sha384'), hash('sha512')];
  assert.deepEqual(parseChecksums(sha256), [checksumOf(bytes)]);
  assert.deepEqual(parseChecksums(`${sha256} ${sha512}\n${sha384}`), [checksumOf(bytes, 'sha512')]);
  assert.deepEqual(parseChecksums(`md5-xyz ${sha384}?option ${sha384}`), [
    checksumOf(bytes, 'sha384'),
    checksumOf(bytes, 'sha384'),
  ]);
});

test('a text that is no checksum is refused', () => {
  for (const text of [
    '',
    'md5-xyz',
    'sha256',
    'sha256-',
    'sha256-abc',
    `sha512-${hash('sha256').slice(7)}`,
    `${hash('sha256')}=`,
  ]) {
    isInvalid(() => parseChecksums(text), /checksum/);
  }
});

test('headers go to the URI that they are for, and before those for all', () => {
  const qualifiers = [
    { name: 'http_header:X-Key', value: 'all' },
    { name: 'http_header_url:2:x-key', value: 'third' },
    { name: 'http_header_url:0:Authorization', value: 'first' },
    { name: 'http_header_url:7:Authorization', value: 'nobody' },
    { name: 'http_header:User-Agent', value: 'ours counts' },
    { name: 'bazel.canonical_id', value: 'id' },
    { name: 'checksum.sri', value: hash('sha256') },
  ];
  const wanted = wantedDownload(uris, qualifiers);
  assert.deepEqual(wanted, {
    sources: [
      { uri: uris[0], headers: { 'x-key': 'all', authorization: 'first' } },
      { uri: uris[2], headers: { 'x-key': 'third' } },
    ],
    checksums: [checksumOf(bytes)],
    qualifiers: qualifiers.slice(-2),
    sharable: true,
  });
});

test("the credentials of Bazel before 6 go to their URI only, and not into the asset's name", () => {
  const value = JSON.stringify({
    'https://c.test/x': { Authorization: 'Basic abc' },
    'https://elsewhere.test/': { Authorization: 'Basic secret' },
  });
  const wanted = wantedDownload(uris, [{ name: 'bazel.auth_headers', value }]);
  assert.deepEqual(wanted?.sources, [
    { uri: uris[0], headers: {} },
    { uri: uris[2], headers: { authorization: 'Basic abc' } },
  ]);
  assert.deepEqual(wanted.qualifiers, []);
  isInvalid(() => wantedDownload(uris, [{ name: 'bazel.auth_headers', value: '{' }]), /JSON/);
});

test('content that headers gave access to is nobody else’s, unless its checksum is known', () => {
  const header = { name: 'http_header:Authorization', value: 'secret' };
  const checksum = { name: 'checksum.sri', value: hash('sha256') };
  assert.equal(wantedDownload(uris, [])?.sharable, true);
  assert.equal(wantedDownload(uris, [header])?.sharable, false);
  assert.equal(wantedDownload(uris, [header, checksum])?.sharable, true);
});

test('headers that would make it another request are refused, and too many of them', () => {
  const refused = [
    'Host',
    'Range',
    'If-None-Match',
    'Content-Length',
    'Transfer-Encoding',
    'Proxy-Authorization',
    '',
    'a b',
  ];
  for (const name of refused) {
    isInvalid(() => wantedDownload(uris, [{ name: `http_header:${name}`, value: 'x' }]), /header/);
  }
  isInvalid(() => wantedDownload(uris, [{ name: 'http_header:x', value: 'a\r\nb: c' }]), /header/);
  const many = Array.from({ length: 33 }, (_, index) => ({ name: `http_header:x-${index}`, value: '' }));
  isInvalid(() => wantedDownload(uris, many), /more than 32 headers/);
});

test('nothing is fetched for names that are no web address, nor with qualifiers that may mean something else', () => {
  assert.equal(wantedDownload(['urn:fdc:buildstream.build:2020:artifact:a/b/c'], []), undefined);
  assert.equal(wantedDownload(uris, [{ name: 'vcs.commit', value: 'abc' }]), undefined);
});
