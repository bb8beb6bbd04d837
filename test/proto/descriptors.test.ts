import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

import { fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

import { systemPython, testWith } from '../support/real-parts.ts';
import { interfaceFacts } from './interface-facts.ts';
import type { InterfaceFacts } from './interface-facts.ts';
import { onlyOurs, renamed } from './known-differences.ts';

const root = join(import.meta.dirname, '..', '..');
const packages = [
  'google.bytestream',
  'google.rpc',
  'build.bazel.semver',
  'build.bazel.remote.asset.v1',
  'build.bazel.remote.execution.v2',
  'buildstream.v2',
];

testWith('buildstream-protos')(
  'every message, field, enum value and method that BuildStream 1.6 knows too has the same number, type and kind',
  async () => {
    const ours = ourFacts();
    const theirs = withNamesOfToday(
      factsOf(execFileSync(systemPython, [join(import.meta.dirname, 'print_descriptors.py')])),
    );
    const inBoth = [...ours.keys()].filter((name) => theirs.has(name));
    // 200 is far below what both have in common; it only guards against comparing next to nothing.
    assert.ok(inBoth.length > 200, `only ${inBoth.length} facts could be compared`);
    assert.deepEqual(disagreements(ours, theirs), { unlisted: [], changed: [], outdated: [] });
  },
);

void test('a changed field number, type, label, enum value or streaming kind is a disagreement', () => {
  const ours = ourFacts();
  const reapi = 'build.bazel.remote.execution.v2';
  const mistakes: [name: string, fact: string][] = [
    [`${reapi}.FileNode.is_executable`, '3 BOOL'],
    [`${reapi}.Digest.size_bytes`, '2 INT32'],
    [`${reapi}.Directory.files`, `1 MESSAGE .${reapi}.FileNode`],
    ['google.bytestream.ReadResponse#10', 'google.bytestream.ReadResponse.content'],
    [`${reapi}.DigestFunction.Value.SHA256`, '2'],
    [
      'google.bytestream.ByteStream/Read',
      '(.google.bytestream.ReadRequest) returns (.google.bytestream.ReadResponse)',
    ],
  ];
  for (const [name, fact] of mistakes) {
    assert.ok(ours.has(name), `${name} is not one of our names`);
    assert.ok(disagreements(new Map(ours).set(name, fact), ours).changed.length === 1, name);
  }
});

function ourFacts(): InterfaceFacts {
  const buf = join(root, 'node_modules', '.bin', 'buf');
  const build = ['build', '--as-file-descriptor-set', '--output', '-#format=binpb'];
  return factsOf(execFileSync(buf, build, { cwd: root }));
}

function factsOf(files: Buffer): InterfaceFacts {
  return interfaceFacts(fromBinary(FileDescriptorSetSchema, files), packages);
}

function withNamesOfToday(facts: InterfaceFacts): InterfaceFacts {
  const renew = (text: string): string => {
    const old = Object.keys(renamed).find((name) => text === name || text.startsWith(`${name}.`));
    return old === undefined ? text : text.replace(old, renamed[old] ?? old);
  };
  const renewWords = (fact: string): string => {
    const words = fact
      .split(' ')
      .map((word) => (word.startsWith('.') ? `.${renew(word.slice(1))}` : renew(word)));
    return words.join(' ');
  };
  return new Map([...facts].map(([name, fact]) => [renew(name), renewWords(fact)]));
}

/** Additions of ours that nobody listed, facts that differ, and listed additions that are none any more. */
function disagreements(ours: InterfaceFacts, theirs: InterfaceFacts) {
  const listed = Object.keys(onlyOurs);
  const additions = [...ours.keys()].filter((name) => !theirs.has(name));
  return {
    unlisted: additions.filter((name) => !listed.some((known) => covers(known, name))),
    changed: [...ours]
      .filter(([name, fact]) => (theirs.get(name) ?? fact) !== fact)
      .map(([name, fact]) => `${name}: ours ${fact}, theirs ${theirs.get(name)}`),
    outdated: listed.filter((known) => !additions.some((name) => covers(known, name))),
  };
}

function covers(listed: string, name: string): boolean {
  return listed.endsWith('*') ? name.startsWith(listed.slice(0, -1)) : name === listed;
}
