import { Command, InvalidArgumentError, Option } from 'commander';

/** What was asked for. */
export interface Options {
  work: string[];
  peer: string[];
  rounds: number;
  seconds: number;
  json: boolean;
  save: boolean;
  again: boolean;
  profile: boolean;
}

/** Quick looks: enough to see that something works, not to compare. */
const quick = { rounds: 2, seconds: 0.5 };
const thorough = { rounds: 7, seconds: 2 };

/** Reads the arguments; prints help or what is wrong with them, and ends, by itself. */
export function readOptions(args: readonly string[], works: string[], peers: string[]): Options {
  const several = (value: string, before: string[]): string[] => [...before, value];
  const command = new Command('npm run bench --')
    .description(
      'Measures Weir and other cache servers beside each other on this machine: the same load in turn, ratios of each round.\n' +
        'Gets the peers that can be had; TMPDIR says on which disk volumes are. Prints a table.',
    )
    .addOption(oneOf('--work <name>', 'measure this only; may be given several times', works, several))
    .addOption(
      oneOf('--peer <name>', 'compare with this only; none for Weir alone', [...peers, 'none'], several),
    )
    .option('--rounds <count>', `rounds of each work (default: ${thorough.rounds})`, aboveZero)
    .option(
      '--seconds <count>',
      `how long a round of a server is to take (default: ${thorough.seconds})`,
      aboveZero,
    )
    .option('--quick', `${quick.rounds} rounds of ${quick.seconds} s: to see that it works`)
    .option('--json', 'print every round as JSON')
    .option(
      '--save',
      'write what was measured into docs/benchmarks.md, in the place of earlier figures of the same work',
    )
    .option(
      '--again',
      'with --save: keep it as a second run, and show beside the first how far the two differ',
    )
    .option(
      '--profile',
      'compare nothing: draw where the time of Weir goes, as docs/benchmarks/flame-NAME.svg for each work',
    )
    .parse([...args], { from: 'user' });
  const given = command.opts<Partial<Options> & { quick?: boolean }>();
  if (given.again === true && given.save !== true) command.error('error: --again goes with --save');
  const pace = given.quick === true ? quick : thorough;
  return {
    work: given.work?.length ? given.work : works,
    peer: given.peer?.length ? given.peer : peers,
    rounds: given.rounds ?? pace.rounds,
    seconds: given.seconds ?? pace.seconds,
    json: given.json === true,
    save: given.save === true,
    again: given.again === true,
    profile: given.profile === true,
  };
}

function oneOf(
  flags: string,
  description: string,
  choices: string[],
  collect: (value: string, before: string[]) => string[],
): Option {
  const chosen = (value: string, before: string[]): string[] => {
    if (choices.includes(value)) return collect(value, before);
    throw new InvalidArgumentError(`Allowed are ${choices.join(', ')}.`);
  };
  return new Option(flags, `${description} (${choices.join(', ')})`).argParser(chosen).default([], '');
}

function aboveZero(input: string): number {
  const value = Number(input);
  if (value > 0 && value <= 3600) return value;
  throw new InvalidArgumentError('It has to be above 0, and 3600 at most.');
}
