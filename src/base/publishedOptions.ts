import { type OptionNames, optionsOf } from './arguments.js';

/** What the record of published weights has beside the preprocessing. */
const FIELDS = [
  ...['title', 'url', 'sha256', 'md5', 'bytes', 'top', 'classes', 'params', 'macs', 'accuracy'],
  ...['license', 'source', 'preprocessing'],
];

/**
 * The options of a function that has one named `preprocessing`: as `optionsOf`, but the record of published weights may be passed
 * as it is.
 */
export function publishedOptionsOf<T extends object>(
  where: string,
  options: T | undefined,
  names: OptionNames<T>,
): T {
  return optionsOf(where, options, names, FIELDS);
}
