import type { EventEmitter } from 'node:events';
import type { Command, CommanderError } from 'commander';
import { printedValue } from '../base/printable.js';

/** What commander says of arguments that it refuses, and the same as the other messages say it. */
const SENTENCES: [said: RegExp, sentence: (...parts: string[]) => string][] = [
  [
    /^option '(?:-\w, )?(--[\w-]+).*?' argument '(.*)' is invalid\. (.*)$/s,
    (flag, value, rule) => `${flag} is '${printedValue(value!)}'; ${ruleOf(rule!)}`,
  ],
  [
    /^command-argument value '(.*)' is invalid for argument '(.*?)'\. (.*)$/s,
    (value, name, rule) => `the argument ${name} is '${printedValue(value!)}'; ${ruleOf(rule!)}`,
  ],
  [
    /^option '(?:-\w, )?(--[\w-]+) *(.*)' argument missing$/,
    (flag, value) => `${flag} has no value; pass ${flag} ${value}.`,
  ],
  [/^missing required argument '(.*)'$/, (name) => `the argument ${name} is missing; pass it.`],
  [/^required option '(--[\w-]+.*)' not specified$/, (option) => `an option is missing; pass ${option}.`],
  [
    /^option '(--[\w-]+).*?' cannot be used with option '(--[\w-]+).*?'$/,
    (one, other) => `${one} cannot be used with ${other}; leave one of them out.`,
  ],
  [
    /^unknown (option|command) '(.*?)'(?:\n\(Did you mean (.*)\?\))?$/s,
    (what, name, near) =>
      `there is no ${what} ${printedValue(name!) || "''"}; ${near === undefined ? 'add --help to see them all.' : `did you mean ${near}?`}`,
  ],
  [
    /^too many arguments.*\. Expected (\d+) arguments? but got (\d+)\.$/,
    (expected, got) =>
      `${got} ${got === '1' ? 'argument is' : 'arguments are'} given; it takes ${expected === '0' ? 'options only' : expected}; put quotes around what has spaces, and leave out the rest.`,
  ],
];

/** The rule of an `InvalidArgumentError`, or commander's own for choices, as a clause. */
function ruleOf(rule: string): string {
  return rule.replace(/^Allowed choices are /, 'it must be one of ').replace(/^It(s?) /, 'it$1 ');
}

/**
 * Makes a command throw what it refuses in its arguments as one sentence that begins with its name, instead of printing commander's
 * words and ending the process. Help that was asked for is thrown as commander does.
 */
export function refusing(command: Command): Command {
  for (const option of command.options.filter(({ required }) => required)) {
    // Before the value is parsed.
    (command as unknown as EventEmitter).prependListener(`option:${option.name()}`, (value: string) => {
      if (!isFlag(value)) return;
      const passed = option.flags.replace(/^-\w, /, '');
      throw new Error(
        `${command.name()}: ${option.long} has no value, but is followed by ${printedValue(value)}; pass ${passed}.`,
      );
    });
  }
  return command.configureOutput({ outputError: () => {} }).exitOverride((error: CommanderError) => {
    if (error.exitCode === 0) throw error;
    if (error.code === 'commander.help') throw new Error(`${command.name()}: pass one of these commands.`);
    throw new Error(`${command.name()}: ${sentenceOf(error.message)}`);
  });
}

/** Whether an argument is an option: no value begins like one, but for a path, which may begin with `./`. */
function isFlag(value: string): boolean {
  return /^(--[a-z]|-[a-z]$)/i.test(value);
}

/** Makes a program refuse a command that it does not have also where help for it is asked for. */
export function refusingUnknown(program: Command): Command {
  return program.on('beforeAllHelp', ({ command }: { command: Command }) => {
    const [first, second] = program.args.filter((arg) => !isFlag(arg));
    const name = first === 'help' ? second : first;
    if (command !== program || name === undefined || name === 'help') return;
    // Refused, with a suggestion.
    if (!program.commands.some((one) => one.name() === name)) program.parse([name], { from: 'user' });
  });
}

function sentenceOf(message: string): string {
  const said = message.replace(/^error: /, '');
  for (const [pattern, sentence] of SENTENCES) {
    const found = pattern.exec(said);
    if (found) return sentence(...found.slice(1));
  }
  return said;
}
