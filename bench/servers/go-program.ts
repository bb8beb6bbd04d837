// Peers that are written in Go: built once from the Go module proxy and kept between runs, or named by whoever has one.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { goBuild } from '../../test/support/go-build.ts';
import { keep } from '../../test/support/kept-folder.ts';

const patienceMs = 1_200_000;

/** What to build: a package of a module, with one version of the module and what else its build needs. */
export interface GoRecipe {
  /** Of the program, and of the variable that names one: WEIR_BENCH_<NAME>. */
  readonly name: string;
  readonly package: string;
  /** Text of the go.mod that it is built in. */
  readonly module: string;
}

/** A program of a recipe. */
export class GoProgram {
  readonly #recipe: GoRecipe;
  readonly #variable: string;
  readonly #folder: string;

  constructor(recipe: GoRecipe) {
    this.#recipe = recipe;
    this.#variable = `WEIR_BENCH_${recipe.name.replaceAll('-', '_').toUpperCase()}`;
    const hash = createHash('sha256').update(JSON.stringify(recipe)).digest('hex').slice(0, 12);
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
    return fault === undefined ? undefined : `go did not build it (${fault}); ${remedy}`;
  }

  /** Its module's version, or the commit that it was built from: what Go wrote into the program. */
  version(): string {
    const { stdout } = spawnSync('go', ['version', '-m', this.path], { encoding: 'utf8' });
    const version = /^\tmod\t\S+\t(\S+)/m.exec(stdout ?? '')?.[1];
    const toolchain = /: (go\S+)/.exec(stdout ?? '')?.[1];
    return `${version ?? 'unknown'}, ${toolchain ?? 'Go'}`;
  }

  #build(): string | undefined {
    let fault: string | undefined;
    keep(this.#folder, (unfinished) => {
      const source = join(unfinished, 'source');
      mkdirSync(source);
      writeFileSync(join(source, 'go.mod'), this.#recipe.module);
      fault = goBuild(source, unfinished, [this.#recipe.package], patienceMs);
      rmSync(source, { recursive: true });
      return fault === undefined;
    });
    return fault;
  }
}
