// Makes src/gen/ from proto/: messages and services by buf and ts-proto, and the descriptor set that
// server reflection shows.  node scripts/run.mjs scripts/generate.mjs [--into DIRECTORY]
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const at = process.argv.indexOf('--into');
const target = at === -1 ? 'src/gen' : process.argv[at + 1];
const buf = (...args) =>
  execFileSync(process.execPath, ['node_modules/@bufbuild/buf/bin/buf', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });

const template = JSON.stringify({
  version: 'v2',
  clean: true,
  inputs: [{ directory: 'proto' }],
  plugins: [
    {
      local: [process.execPath, 'node_modules/ts-proto/protoc-gen-ts_proto'],
      out: target,
      include_imports: true,
      strategy: 'all',
      // `bytes` are decoded as views of the received buffer, int64 as bigint: a size beyond 2^53 has
      // to reach our own checks instead of failing inside the decoder.
      opt: [
        'outputServices=nice-grpc',
        'outputServices=generic-definitions',
        'outputJsonMethods=false',
        'outputPartialMethods=false',
        'outputTypeAnnotations=false',
        'enumsAsLiterals=true',
        'importSuffix=.ts',
        'useExactTypes=false',
        'forceLong=bigint',
        'esModuleInterop=true',
        'useDate=false',
      ],
    },
  ],
});
buf('generate', '--template', template);
const set = buf('build', 'proto', '--as-file-descriptor-set', '--exclude-source-info', '-o', '-');
writeFileSync(
  join(target, 'descriptor-set.ts'),
  `// Generated from proto/ by scripts/generate.mjs. DO NOT EDIT.
const base64 =
  '${set.toString('base64')}';

/** The serialised google.protobuf.FileDescriptorSet of everything in proto/. */
export function descriptorSet(): Uint8Array {
  return Buffer.from(base64, 'base64');
}
`,
);
