import { type Command, Option } from 'commander';
import { printedValue } from '../base/printable.js';

/** The options of {@link repeatable}. */
const REPEATABLE = new WeakSet<Option>();

/**
 * An option that may be given several times.
 *
 * @param add parses a value and adds it to those before.
 */
export function repeatable<T>(
  flags: string,
  description: string,
  add: (text: string, before?: T) => T,
): Option {
  const option = new Option(flags, description).argParser(add);
  REPEATABLE.add(option);
  return option;
}

/** Makes a command refuse options that are given twice, of whose values all but the last would be dropped. */
export function refusingRepeats(command: Command): Command {
  for (const option of command.options) {
    if (REPEATABLE.has(option) || !(option.required || option.optional)) continue;
    const given: (string | null)[] = [];
    command.on(`option:${option.name()}`, (value: string | null) => {
      given.push(value);
      if (given.length < 2) return;
      const values = given.map((one) => (one === null ? 'no value' : `'${printedValue(one)}'`)).join(' and ');
      throw new Error(`${command.name()}: ${option.long} is given twice, with ${values}; pass it once.`);
    });
  }
  return command;
}
