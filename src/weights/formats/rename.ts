import { either, FUNCTION, kind, STRING, tableOf } from '../../base/arguments.js';
import { shown } from '../../base/check.js';
import { checkNames } from './checks.js';
import { printable, WeightFileError } from './error.js';
import type { StoredTensor } from './tensor.js';

/** New names for the tensors of a file: see `WeightFileOptions.rename`. */
export type Rename = Readonly<Record<string, string>> | ((name: string) => string);

export const RENAME = either(
  tableOf('a table of names, { old: new },', STRING),
  kind('a function from old names to new ones', FUNCTION.holds),
);

/**
 * The tensors under their new names.
 *
 * @throws WeightFileError when an entry of the table fits no tensor, two tensors get one name, or a new name is not a text.
 */
export function renamed(
  file: string,
  tensors: readonly StoredTensor[],
  rename: Rename | undefined,
): readonly StoredTensor[] {
  if (rename === undefined) return tensors;
  const newName = typeof rename === 'function' ? rename : byTable(file, rename, tensors);
  const names = new Map<string, string>();
  const changed = tensors.map((tensor) => {
    const old = tensor.role ?? tensor.name;
    const name: unknown = newName(old);
    if (typeof name !== 'string') {
      // Nobody else would see a promise reject.
      Promise.resolve(name).catch(() => undefined);
      throw new WeightFileError(file, `rename gives '${printable(old)}' ${shown(name)}; return a name.`);
    }
    const other = names.get(name);
    if (other !== undefined) {
      throw new WeightFileError(
        file,
        `rename gives '${printable(other)}' and '${printable(old)}' the same name, '${printable(name)}'; give each its own.`,
      );
    }
    names.set(name, old);
    return name === old ? tensor : { ...tensor, name, role: tensor.role && name };
  });
  checkNames(file, [...names.keys()]);
  return changed;
}

function byTable(
  file: string,
  table: Readonly<Record<string, string>>,
  tensors: readonly StoredTensor[],
): (name: string) => string {
  const longestFirst = Object.keys(table).sort((a, b) => b.length - a.length);
  const entryOf = (name: string) =>
    longestFirst.find((old) => name === old || name.startsWith(`${old}.`) || name.startsWith(`${old}/`));
  const used = new Set(tensors.map(({ name, role }) => entryOf(role ?? name)));
  const unused = longestFirst.find((old) => !used.has(old));
  if (unused !== undefined) {
    const first = tensors[0] ? `; the first is '${printable(tensors[0].role ?? tensors[0].name)}'` : '';
    throw new WeightFileError(
      file,
      `rename has '${printable(unused)}', but no tensor has that name, or it followed by '.' or '/'${first}.`,
    );
  }
  return (name) => {
    const old = entryOf(name);
    return old === undefined ? name : table[old] + name.slice(old.length);
  };
}
