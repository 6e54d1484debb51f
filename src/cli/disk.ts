import { accessSync, constants, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { attempted } from '../base/check.js';
import { printedPath } from '../base/printable.js';
import { isIgnored } from '../base/setLayout.js';
import { failureReason, isAbsent } from '../base/systemReason.js';

/** What a look at a path finds; undefined if nothing is there. What cannot be looked at is not taken for nothing. */
function lookedAt<T>(path: string, look: (path: string) => T): T | undefined {
  try {
    return look(path);
  } catch (error) {
    // No file has so long a name.
    if (isAbsent(error) || (error as NodeJS.ErrnoException).code === 'ENAMETOOLONG') return undefined;
    throw new Error(
      `${printedPath(path)} could not be read: ${failureReason(error)}; make it readable, or use another path.`,
      { cause: error },
    );
  }
}

/** The path of a source of weights, which may be given as a `file:` URL. */
export function pathOf(source: string): string {
  return (/^file:/i.test(source) && attempted(() => fileURLToPath(source))) || source;
}

/** Whether a file or a folder is at a path. */
export function isThere(path: string): boolean {
  return lookedAt(path, (at) => statSync(at)) !== undefined;
}

export function isFolder(path: string): boolean {
  return lookedAt(path, (at) => statSync(at))?.isDirectory() ?? false;
}

/** The names in a folder; none if there is no such folder. */
export function namesIn(folder: string): string[] {
  return lookedAt(folder, (at) => readdirSync(at)) ?? [];
}

/** The names of the folders in a folder, but for hidden ones. An entry that cannot be looked at is left to what reads it. */
export function foldersIn(folder: string): string[] {
  return namesIn(folder).filter((name) => !isIgnored(name) && attempted(() => isFolder(join(folder, name))));
}

/** The text of a file; undefined if there is none. A pipe that nobody writes to would be read forever. */
export function textAt(path: string): string | undefined {
  return lookedAt(path, (at) => {
    const found = statSync(at);
    if (!found.isFile() && !found.isDirectory()) throw new Error('it is a pipe or a device');
    return readFileSync(at, 'utf8');
  });
}

/** Refuses, before the work, a place where its result could not be written. */
export function checkWritable(command: string, path: string): void {
  const refuse = (reason: string): never => {
    throw new Error(`${command}: ${printedPath(path)} could not be written: ${reason}; choose another path.`);
  };
  let folder = dirname(resolve(path));
  while (!isThere(folder)) folder = dirname(folder);
  if (!isFolder(folder)) refuse(`${printedPath(folder)} is a file`);
  try {
    accessSync(isThere(path) ? path : folder, constants.W_OK);
  } catch (error) {
    refuse(failureReason(error));
  }
}

/** Refuses to replace files under names that the user did not give, whoever wrote them. */
export function checkNew(
  command: string,
  paths: readonly string[],
  remedy = 'choose another --out, or add --overwrite',
): void {
  const taken = paths.find(isThere);
  if (taken === undefined) return;
  throw new Error(`${command}: ${taken}, which it would replace, is there already; move it away, ${remedy}.`);
}

/**
 * Refuses to replace a JSON file of something else by one that a command writes beside what was named.
 *
 * @param fields of those that the command writes.
 * @returns what is replaced; empty if there is nothing.
 */
export function checkReplaced(
  command: string,
  path: string,
  fields: readonly string[],
): Record<string, unknown> {
  const text = textAt(path);
  const found = Object(text && attempted(() => JSON.parse(text)));
  if (text === undefined || fields.every((field) => Object.hasOwn(found, field))) return found;
  throw new Error(
    `${command}: ${path}, which it would replace, was not written by ${command}; move it away, or choose another path.`,
  );
}
