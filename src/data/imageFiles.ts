import { checkSeed, fail, wholeNumber } from '../base/check.js';
import { type RawImage, type RgbImage, toRgb } from '../images/pixels.js';
import { resized } from '../images/preprocess.js';
import { PLAIN_PREPROCESSING, type Preprocessing, preprocessingAt } from '../images/preprocessing.js';
import { DataError } from '../io/errors.js';
import { type Augmentation, checkAugmentation } from './augment.js';
import { type FileImage, ImageFileSet, type ImageProblem, sentence } from './imageFileSet.js';
import { inParallel } from './parallel.js';
import { drawValidation } from './split.js';

/** A picture's file. */
export interface ImageFile {
  /** Where it lies below the folder of all classes, with `/` between: the first part is its class (`cats/young/1.jpg`). */
  path: string;
  /** Decodes it; away from the main thread, as `createImageBitmap` in browsers and sharp in Node do. */
  read(): Promise<RawImage | ImageBitmap>;
}

/** Options of {@link imageFiles}. */
export interface ImageFilesOptions {
  /**
   * The preprocessing of the weights that the pictures are for: `published.preprocessing`, or a row's of `PUBLISHED`. Default: RGB
   * from 0 to 1, the shorter side resized to `size`, the middle cut out.
   */
  preprocessing?: Preprocessing;
  /** Side of the square pictures. Default the preprocessing's, 224; a preprocessing with another resizes in proportion. */
  size?: number;
  /** Share of each class that is set aside for validation, 0 to 1. Default 0.2. */
  validation?: number;
  /** Draws which those are, 0 to 4294967295. Default 0. A file's turn depends on its path, not on the other files. */
  seed?: number;
  /** How training pictures vary. Default: they do not. */
  augment?: Augmentation;
  /** The classes in order; a file of another is a problem. Default: those that the files have, sorted. */
  classNames?: readonly string[];
  /** Bytes of pictures that are kept in memory; those beyond are read anew each time. Default 1 GiB: 4000 at 256x341. */
  maxBytes?: number;
  /** Pictures that are decoded at once, each of which may take 300 MB for that time. Default 4. */
  parallel?: number;
  /** Called with each file that is left out. */
  onProblem?: (problem: ImageProblem) => void;
  /** Called after each file of the first pass. */
  onProgress?: (progress: { done: number; total: number }) => void;
  /** Stops the first pass, which then rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** Pictures in classes, apart for training and validation. */
export interface ImageFiles {
  /** Shuffled and augmented wherever a seed is given, as `train` does. */
  trainSet: ImageFileSet;
  /** Never augmented: each picture as `preprocess` prepares it. Empty with `validation: 0`. */
  validationSet: ImageFileSet;
  classNames: readonly string[];
  /** The files that were left out, and later those that could not be read again, by path. */
  problems: ImageProblem[];
}

/** More pixels than this are refused after resizing, as `readImage` refuses them before: 300 MB. */
const MOST_PIXELS = 100_000_000;

/**
 * Pictures in a folder for each class, as torchvision's `ImageFolder` has them, from any kind of files. Each is decoded once
 * to see that it can be, and kept as small as the preprocessing makes it while `maxBytes` last. `imageFolder` of `vgg-blocks/node`
 * does it with a folder on disk.
 *
 * @throws DataError when a class has no picture that can be read; RangeError when an option is out of range; the signal's
 *   reason.
 * @example
 * // Of <input type="file" webkitdirectory>, whose paths begin with the folder that was chosen:
 * const files = Array.from(input.files, (file) => ({
 *   path: file.webkitRelativePath.split('/').slice(1).join('/'),
 *   read: () => createImageBitmap(file),
 * }));
 * const { train, validation } = await imageFiles(files, { preprocessing: published.preprocessing });
 */
export async function imageFiles(
  files: readonly ImageFile[],
  options: ImageFilesOptions = {},
): Promise<ImageFiles> {
  const { preprocessing: published = PLAIN_PREPROCESSING } = options;
  const preprocessing = preprocessingAt(
    published,
    wholeNumber('imageFiles', 'size', options.size ?? published.crop),
  );
  const { validation = 0.2, seed = 0, augment, maxBytes = 2 ** 30, parallel = 4 } = options;
  if (!(validation >= 0 && validation <= 1)) {
    fail('imageFiles', `validation is ${validation}; it is a share from 0 to 1.`);
  }
  checkSeed('imageFiles', seed);
  wholeNumber('imageFiles', 'maxBytes', maxBytes, 0);
  wholeNumber('imageFiles', 'parallel', parallel);
  if (augment) checkAugmentation('imageFiles', augment);
  const problems: ImageProblem[] = [];
  const report = (problem: ImageProblem) => {
    problems.push(problem);
    problems.sort((a, b) => (a.path < b.path ? -1 : 1));
    options.onProblem?.(problem);
  };

  const { classNames, known } = sortOut(files, options.classNames, report);
  const entries = await openAll(known, preprocessing, { maxBytes, parallel, report, options });
  checkClasses(classNames, entries, problems);
  const drawn = new Set(
    classNames.flatMap((_, label) => {
      const own = entries.filter((entry) => entry.label === label);
      return [
        ...drawValidation(
          own.map(({ path }) => path),
          validation,
          seed,
        ),
      ].map((i) => own[i]!);
    }),
  );
  const set = (inValidation: boolean) =>
    new ImageFileSet({
      entries: entries.filter((entry) => drawn.has(entry) === inValidation),
      classNames,
      preprocessing,
      parallel,
      onProblem: report,
      ...(!inValidation && { augment }),
    });
  return { trainSet: set(false), validationSet: set(true), classNames, problems };
}

/** The classes, and the files that lie in one, in the order of class and path. */
function sortOut(
  files: readonly ImageFile[],
  given: readonly string[] | undefined,
  report: (problem: ImageProblem) => void,
): { classNames: readonly string[]; known: { file: ImageFile; label: number }[] } {
  const sorted = [...files].sort((a, b) => (a.path < b.path ? -1 : 1));
  const classOf = ({ path }: ImageFile) => (path.includes('/') ? path.slice(0, path.indexOf('/')) : '');
  const classNames = given ?? [...new Set(sorted.map(classOf))].filter((name) => name !== '').sort();
  const labels = new Map(classNames.map((name, label) => [name, label]));
  const known = sorted.flatMap((file) => {
    const label = labels.get(classOf(file));
    if (label !== undefined) return [{ file, label }];
    const where =
      classOf(file) === '' ? 'in no folder of a class' : 'in a folder that is none of the classes';
    report({ path: file.path, reason: `${file.path} lies ${where}.` });
    return [];
  });
  if (classNames.length === 0) {
    throw new DataError(
      'imageFiles',
      'missing',
      'there are no folders with pictures; give a folder that has one for each class.',
    );
  }
  return { classNames, known: known.sort((a, b) => a.label - b.label) };
}

/** Decodes every file once; those that cannot be are reported and left out. */
async function openAll(
  files: readonly { file: ImageFile; label: number }[],
  preprocessing: Preprocessing,
  given: {
    maxBytes: number;
    parallel: number;
    report: (problem: ImageProblem) => void;
    options: ImageFilesOptions;
  },
): Promise<FileImage[]> {
  const opened: (FileImage | undefined)[] = [];
  let bytes = 0;
  let done = 0;
  const { parallel, options, report } = given;
  await inParallel(
    files,
    parallel,
    async ({ file, label }, i) => {
      const { path } = file;
      const load = async () => prepared(path, await file.read(), preprocessing);
      try {
        const picture = await load();
        const fits = bytes + picture.data.length <= given.maxBytes;
        if (fits) bytes += picture.data.length;
        opened[i] = { path, label, load, ...(fits && { kept: picture }) };
      } catch (error) {
        report({ path, reason: sentence(path, error) });
      }
      options.onProgress?.({ done: ++done, total: files.length });
    },
    options.signal,
  );
  return opened.filter((entry) => entry !== undefined);
}

/** A decoded picture as the preprocessing resizes it; a browser's bitmap is let go. */
async function prepared(
  path: string,
  picture: RawImage | ImageBitmap,
  preprocessing: Preprocessing,
): Promise<RgbImage> {
  try {
    const pixels = await toRgb(picture, path);
    const { width, height } = pixels;
    const { resize } = preprocessing;
    const grown = 'height' in resize ? 0 : (resize.shorterSide / Math.min(width, height)) ** 2;
    if (grown * width * height > MOST_PIXELS) {
      fail(path, `it has ${width}x${height} pixels and would have over ${MOST_PIXELS} resized; cut it.`);
    }
    return resized(pixels, preprocessing);
  } finally {
    if ('close' in picture) picture.close();
  }
}

function checkClasses(
  classNames: readonly string[],
  entries: readonly FileImage[],
  problems: readonly ImageProblem[],
): void {
  const has = new Set(entries.map(({ label }) => label));
  const bare = classNames.find((_, label) => !has.has(label));
  if (bare === undefined) return;
  const own = problems.filter(({ path }) => path.startsWith(`${bare}/`));
  const why =
    own.length === 0
      ? 'its folder has no files'
      : `none of its ${own.length} files could be read (${own[0]!.reason})`;
  throw new DataError(`the class '${bare}'`, 'missing', `it has no pictures: ${why}; add some or remove it.`);
}
