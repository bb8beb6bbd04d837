import { createRequire } from 'node:module';
import type * as commander from 'commander';

// By require(): its ES module imports the CommonJS one, for which Node loads a parser of such packages first.
const loaded = createRequire(import.meta.url)('commander') as typeof commander;

export const { Argument, Command, CommanderError, InvalidArgumentError, Option } = loaded;
export type Argument = commander.Argument;
export type Command = commander.Command;
export type CommanderError = commander.CommanderError;
export type Option = commander.Option;
