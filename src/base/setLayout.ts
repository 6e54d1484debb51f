/** A part of a data set. */
export type SetPart = 'train' | 'validation' | 'test';

const PARTS: readonly (readonly [SetPart, RegExp])[] = [
  ['train', /^train(ing)?$/i],
  ['validation', /^(val|valid|validation)$/i],
  // Kaggle numbers some.
  ['test', /^test(ing)?\d*$/i],
];

/** The part of a data set that a folder's name stands for; undefined for names of classes. */
export function partOf(folder: string): SetPart | undefined {
  return PARTS.find(([, names]) => names.test(folder))?.[0];
}

/**
 * Whether the folders of a data set are its parts and not its classes: `train` with `val` or `test`, or nothing else. A class may
 * be called `train` among others.
 */
export function areParts(folders: readonly string[]): boolean {
  const parts = folders.map(partOf);
  const isSplit = parts.includes('train') && (parts.includes('validation') || parts.includes('test'));
  return isSplit || (parts.length > 0 && parts.every((part) => part !== undefined));
}

/** Whether a file or folder is hidden (such as macOS' `._1.jpg`), or one that file managers leave behind. */
export function isIgnored(name: string): boolean {
  return /^(\.[^./]|__MACOSX$|Thumbs\.db$|desktop\.ini$)/i.test(name);
}
