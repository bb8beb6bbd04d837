import type { Argument, Command, Option } from 'commander';

/** A command of the tree, as completion and documentation see it. */
export interface CommandNode {
  /** Without the program: `['certs', 'init']`; empty for the program itself. */
  readonly path: readonly string[];
  readonly description: string;
  readonly subcommands: readonly CommandNode[];
  readonly options: readonly OptionNode[];
  /** Words that its first argument may be. */
  readonly choices: readonly string[];
}

export interface OptionNode {
  /** `--kind`, and perhaps `-k`. */
  readonly names: readonly string[];
  readonly description: string;
  /** Undefined for a switch. */
  readonly value: 'folder' | 'file' | 'any' | readonly string[] | undefined;
}

/** The tree of all commands below one, itself included. */
export function commandTree(command: Command, path: readonly string[] = []): CommandNode {
  const help = command.createHelp();
  return {
    path,
    description: command.description(),
    subcommands: help
      .visibleCommands(command)
      .filter((subcommand) => subcommand.name() !== 'help')
      .map((subcommand) => commandTree(subcommand, [...path, subcommand.name()])),
    options: help.visibleOptions(command).map(optionNode),
    choices: choicesOf(help.visibleArguments(command)[0]),
  };
}

/** A node and all below it. */
export function allNodes(node: CommandNode): readonly CommandNode[] {
  return [node, ...node.subcommands.flatMap(allNodes)];
}

function optionNode(option: Option): OptionNode {
  const names = [option.long, option.short].filter((name) => typeof name === 'string');
  return { names, description: option.description, value: valueOf(option) };
}

function valueOf({ flags, argChoices, required, optional }: Option): OptionNode['value'] {
  if (!required && !optional) return undefined;
  if (argChoices !== undefined) return argChoices;
  const [, placeholder = ''] = /[<[](.*?)[\]>]/.exec(flags) ?? [];
  if (/dir|folder/.test(placeholder)) return 'folder';
  return /file|path/.test(placeholder) ? 'file' : 'any';
}

function choicesOf(argument: Argument | undefined): readonly string[] {
  return argument?.argChoices ?? [];
}
