import { areParts, isIgnored, partOf, type SetPart } from '../base/setLayout.js';
import type { Preprocessing } from '../images/preprocessing.js';
import { DataError } from '../io/errors.js';
import type { ImageProblem } from './imageFileSet.js';
import type { DecodedImage } from './resizedImage.js';

/** An image file. */
export interface ImageFile {
  /**
   * Path inside the data set's folder, with `/`: the first part is the class (`cats/young/1.jpg`), or the second in a data set
   * that is already split (`train/cats/1.jpg`, `val/cats/2.jpg`).
   */
  path: string;
  /**
   * Decodes it, best off the main thread, as `createImageBitmap` in browsers and sharp in Node do. A bitmap is closed once its pixels
   * are read, and a tensor `[height, width, channels]` from 0 to 255 is disposed.
   *
   * @param preprocessing what the image will be resized for, if it will: it may be resized for that already.
   */
  read(preprocessing?: Preprocessing): Promise<DecodedImage>;
}

/** A file whose class is known, and its part of the data set if that is already split. */
export interface KnownFile {
  file: ImageFile;
  label: number;
  part?: SetPart;
}

/** The classes, and the files of each, ordered by class and path. */
export async function sortOut(
  where: string,
  files: readonly ImageFile[],
  given: readonly string[] | undefined,
  report: (problem: ImageProblem) => Promise<void>,
): Promise<{ classNames: readonly string[]; known: KnownFile[] }> {
  const sorted = files
    .filter(({ path }) => !path.split('/').some(isIgnored))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  const top = [...new Set(sorted.map(({ path }) => firstOf(path)))].filter((name) => name !== '');
  const isSplit = areParts(top) && !given?.some((name) => top.includes(name));
  if (isSplit) checkParts(where, sorted, top);
  const classOf = ({ path }: ImageFile) => firstOf(isSplit ? path.slice(path.indexOf('/') + 1) : path);
  const place = ({ path }: ImageFile) => (isSplit ? partOf(firstOf(path)) : undefined);
  const learned = sorted.filter((file) => !isSplit || place(file) === 'train');
  const classNames = given ?? [...new Set(learned.map(classOf))].filter((name) => name !== '').sort();
  const labels = new Map(classNames.map((name, label) => [name, label]));
  const strays: ImageProblem[] = [];
  const known = sorted.flatMap((file): KnownFile[] => {
    const label = labels.get(classOf(file));
    const part = place(file);
    if (label !== undefined && (part || !isSplit)) return [{ file, label, ...(part && { part }) }];
    const where =
      classOf(file) === '' ? 'outside the folders of the classes' : 'in the folder of an unknown class';
    strays.push({ path: file.path, reason: `${file.path} is ${where}.` });
    return [];
  });
  for (const stray of strays) await report(stray);
  if (classNames.length === 0) {
    throw new DataError(
      'the files',
      'missing',
      'there are no folders with images; use a folder with one folder for each class.',
      undefined,
      where,
    );
  }
  return { classNames, known: known.sort((a, b) => a.label - b.label) };
}

/** The first folder of a path; empty for a file outside all folders. */
function firstOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.indexOf('/')) : '';
}

/** Refuses parts without folders of classes, as some sets on Kaggle have them. */
function checkParts(where: string, files: readonly ImageFile[], folders: readonly string[]): void {
  const train = folders.find((folder) => partOf(folder) === 'train');
  if (train === undefined) {
    throw new DataError(
      `the folders ${folders.join(', ')}`,
      'missing',
      'there is no train folder beside them; use the folder that has it, or one of these alone.',
      undefined,
      where,
    );
  }
  if (files.some(({ path }) => firstOf(path) === train && path.split('/').length > 2)) return;
  throw new DataError(
    `the folder ${train}`,
    'missing',
    `its images are not in a folder for each class; move them, for instance to ${train}/cats and ${train}/dogs, since names of files and tables (CSV) are not read as classes.`,
    undefined,
    where,
  );
}
