// Peers that are written in Go: built once from the Go module proxy and kept between runs, or named by whoever has one.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { goBuild } from '../../test/support/go-build.ts';
import { keep } from '../../test/support/kept-folder.ts';

const patienceMs = 1_200_000;

/** What to build: a package of one version of a module. */
export interface GoRecipe {
  /** Of the program, and of the variable that names one: WEIR_BENCH_<NAME>. */
  readonly name: string;
  readonly module: string;
  readonly version: string;
  /** Path of the package in its module. */
  readonly package: string;
  /** What its own build system changes before it builds, as far as it does not compile without. */
  readonly change?: { file: string; from: RegExp; to: string };
}

/** A program of a recipe. */
export class GoProgram {
  readonly #recipe: GoRecipe;
  readonly #variable: string;
  readonly #folder: string;

  constructor(recipe: GoRecipe) {
    this.#recipe = recipe;
    this.#variable = `WEIR_BENCH_${recipe.name.replaceAll('-', '_').toUpperCase()}`;
    const hash = createHash('sha256').update(inspect(recipe)).digest('hex').slice(0, 12);
    const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
    this.#folder = join(cache, 'weir', `${recipe.name}-${hash}`);
  }

  /** Full path; there is something once `obtain` has succeeded. */
  get path(): string {
    return process.env[this.#variable] ?? join(this.#folder, this.#recipe.name);
  }

  /** Builds it where it is not there; why it cannot be had. */
  obtain(say: (line: string) => void): string | undefined {
    if (existsSync(this.path)) return undefined;
    const remedy = `${this.#variable} can name a program that was got otherwise`;
    if (process.env[this.#variable] !== undefined) return `${this.path} of ${this.#variable} is not there`;
    say(`building ${this.#recipe.name} with go (once, some minutes)`);
    const fault = this.#build();
    if (fault === undefined) return undefined;
    // What Go says names the machine's own places: it is for who waits, and not for the page.
    say(`go did not build ${this.#recipe.name}: ${fault}`);
    return `go could not get or build it; ${remedy}`;
  }

  /** Its module's version, or the commit that it was built from: what Go wrote into the program. */
  version(): string {
    const { stdout } = spawnSync('go', ['version', '-m', this.path], { encoding: 'utf8' });
    const stamped = /^\tmod\t\S+\t(v\S+)/m.exec(stdout ?? '')?.[1];
    const isNamed = process.env[this.#variable] !== undefined;
    const toolchain = /: (go\S+)/.exec(stdout ?? '')?.[1];
    return `${stamped ?? (isNamed ? 'unknown' : this.#recipe.version)}, ${toolchain ?? 'Go'}`;
  }

  #build(): string | undefined {
    const { module, version, change } = this.#recipe;
    const download = spawnSync('go', ['mod', 'download', '-json', `${module}@${version}`], {
      encoding: 'utf8',
      timeout: patienceMs,
    });
    if (download.error !== undefined) return download.error.message;
    const { Dir: got, Error: fault } = JSON.parse(download.stdout) as { Dir?: string; Error?: string };
    if (got === undefined) return fault ?? 'the proxy does not have it';
    let buildFault: string | undefined;
    keep(this.#folder, (unfinished) => {
      // A module is built with what its own go.mod replaces only where it is the main one.
      const source = join(unfinished, 'source');
      cpSync(got, source, { recursive: true });
      makeWritable(source);
      if (change !== undefined) {
        const file = join(source, change.file);
        writeFileSync(file, readFileSync(file, 'utf8').replace(change.from, change.to));
      }
      buildFault = goBuild(source, unfinished, [this.#recipe.package], patienceMs);
      rmSync(source, { recursive: true });
      return buildFault === undefined;
    });
    return buildFault;
  }
}

/** Go keeps modules so that nobody changes them by mistake. */
function makeWritable(folder: string): void {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    chmodSync(join(entry.parentPath, entry.name), 0o755);
  }
  chmodSync(folder, 0o755);
}
