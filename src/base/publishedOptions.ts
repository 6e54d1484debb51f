import { type OptionNames, optionsOf } from './arguments.js';
import { attempted } from './check.js';

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
  // Alone, `top` or `classes` is a mistake.
  const isRecord = attempted(() => Object.hasOwn(options as object, 'url'));
  return optionsOf(where, options, names, isRecord ? FIELDS : []);
}
