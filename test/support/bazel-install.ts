// What Debian has of Bazel. As it is packaged it cannot speak grpcs: its Java has no ALPN, and the native library
// that has (libnetty-tcnative-jni) is installed under another name than Bazel's netty looks for.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Debian packages that bring it. */
export const bazelPackages = ['bazel-bootstrap', 'libnetty-tcnative-jni'];

export const bazelProgram = '/usr/bin/bazel';

/** The name under which netty looks for its native library. It has to be a copy: a link is seen through. */
export const nettyLibraryName = 'libnetty_tcnative.so';

/** Where Debian has the library; undefined where it is not installed. */
export function nettyLibrary(): string | undefined {
  const lib = '/usr/lib';
  if (!existsSync(lib)) return undefined;
  return readdirSync(lib)
    .map((name) => join(lib, name, 'jni', 'libnetty-tcnative.so'))
    .find((path) => existsSync(path));
}

/** Whether Bazel 4 is here, with all that it takes to reach a cache over TLS. */
export function hasBazel(): boolean {
  return existsSync(bazelProgram) && existsSync('/usr/bin/bazel-4') && nettyLibrary() !== undefined;
}
