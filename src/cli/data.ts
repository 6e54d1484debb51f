import { basename, join, resolve } from 'node:path';
import {
  drawGarments,
  FASHION_MNIST,
  fashionMnist,
  type ImageSet,
  idxImages,
  MNIST,
  mnist,
} from 'vgg-blocks/data';
import { countBar } from 'vgg-blocks/node';
import { printedPath } from '../base/printable.js';
import { foldersIn, isFolder, isThere, namesIn } from './disk.js';
import { oddClasses } from './oddClasses.js';

/** Whether a folder has IDX files, or tables of pixels instead of folders of images. */
export function isSetFolder(path: string): boolean {
  const names = namesIn(path);
  const has = (pattern: RegExp) => names.some((name) => pattern.test(name));
  if (has(/[-.]idx[13][-.]ubyte(\.gz)?$/)) return true;
  return has(/(^|[-_])(train|test)\.csv$/i) && foldersIn(path).length === 0;
}

/** A set of labeled images. */
export interface Sets {
  trainSet: ImageSet;
  testSet: ImageSet;
}

/** Loads the images that `--data` names, and logs what is odd about their classes. */
export async function loadData(source: string, seed: number, log: (line: string) => void): Promise<Sets> {
  const sets = await load(source, seed, log);
  for (const note of oddClasses(sets)) log(`note: ${note}`);
  return sets;
}

/** Refuses a folder that does not exist, before anything else is said of its images. */
export function checkPresent(source: string): void {
  if (['generated', 'fashion-mnist', 'mnist'].includes(source) || source.includes('://')) return;
  if (!isThere(source))
    throw new Error(`${printedPath(source)} could not be read: there is no such folder; check the path.`);
}

/** Refuses a folder of folders, as of images, where arrays are read. */
export function checkArrays(command: string, source: string, remedy: string): void {
  const folders = isFolder(source) && !isSetFolder(source) ? foldersIn(source) : [];
  // The arrays may be in one of them.
  if (folders.length === 0 || folders.some((name) => isSetFolder(join(source, name)))) return;
  throw new Error(
    `${command}: ${source} has folders, as of images, where --data names arrays of images (IDX files or tables); ${remedy}.`,
  );
}

async function load(source: string, seed: number, log: (line: string) => void): Promise<Sets> {
  switch (source) {
    case 'generated':
      return drawn(seed);
    case 'fashion-mnist':
      log(`downloading Fashion-MNIST from ${FASHION_MNIST.home}, unless it is cached`);
      return fashionMnist({ source: FASHION_MNIST });
    case 'mnist':
      log(`downloading MNIST from ${MNIST.home}, unless it is cached`);
      return mnist({ source: MNIST });
    default:
      return isFashion(source) ? fashionMnist({ source }) : idxImages({ source });
  }
}

async function drawn(seed: number): Promise<Sets> {
  const bar = countBar({ label: 'drawing' });
  return drawGarments({ seed, onProgress: bar.update }).finally(bar.stop);
}

/** Whether a folder has Fashion-MNIST, whose files do not name the classes; its name or theirs may show it. */
function isFashion(folder: string): boolean {
  return [basename(resolve(folder)), ...namesIn(folder)].some((name) => name.includes('fashion'));
}
