import { kind, TEXT } from '../base/arguments.js';

/** A path of Node's file system, which would take an address for the names of folders. */
export const PATH = kind(
  'a path, not an address',
  (value) => TEXT.holds(value) && !/^[a-z][a-z\d+.-]+:\/\//i.test(value as string),
);
