import { COUNT, checkArguments, TEXTS } from '../base/arguments.js';
import { wholeNumber } from '../base/check.js';
import { publishedOptionsOf } from '../base/publishedOptions.js';
import type { PreparedImage } from '../images/prepare.js';
import { type Preprocessing, preprocessingArgument } from '../images/preprocessing.js';
import { imageTasks } from './imageThreads.js';

/** Options of {@link prepareImages}. */
export interface PrepareImagesOptions {
  /** Preprocessing of the weights that the images are for: `published.preprocessing`, or that of an entry of `PUBLISHED`. */
  preprocessing: Preprocessing;
  /** Images that are prepared before their turn; at 224x224 each takes 600 kB. Default 32. */
  ahead?: number;
  /** Images with more pixels are refused; default 100 million, which take 300 MB once decoded. */
  maxPixels?: number;
  /** Stops before the next image: the loop then throws the signal's reason. */
  signal?: AbortSignal;
}

/** A file, with its image or with the reason that it has none: an error of one sentence. */
export type PreparedFile = { path: string; image: PreparedImage } | { path: string; error: Error };

/**
 * Reads image files and prepares them for a network, in order. Where there are many, other threads do it ahead of the loop, so that a
 * network need not wait for images; at most twelve images are decoded at a time. An image that cannot be read does not end the loop.
 *
 * @throws RangeError, at once, when an argument is out of range.
 * @example
 * for await (const file of prepareImages(paths, { preprocessing: published.preprocessing })) {
 *   if ('error' in file) console.error(file.error.message);
 *   else console.log(file.path, await classify(model, file.image, published));
 * }
 */
export function prepareImages(
  paths: readonly string[],
  options: PrepareImagesOptions,
): AsyncGenerator<PreparedFile, void, undefined> {
  checkArguments('prepareImages', { paths }, { paths: TEXTS });
  const {
    preprocessing,
    ahead = 32,
    maxPixels,
    signal,
  } = publishedOptionsOf('prepareImages', options, {
    preprocessing: 1,
    ahead: 1,
    maxPixels: COUNT,
    signal: 1,
  });

  preprocessingArgument('prepareImages', preprocessing);
  wholeNumber('prepareImages', 'ahead', ahead);
  const tasks = imageTasks(paths.length);
  const prepare = (path: string): Promise<PreparedFile> =>
    tasks.run({ path, form: 'prepared', preprocessing, maxPixels }).then(
      (image) => ({ path, image }),
      (error: Error) => ({ path, error }),
    );
  return readAhead(paths, ahead, prepare, tasks.drop, signal);
}

/** The results of `read` in order, of which a number is in work ahead of the loop. */
async function* readAhead<T>(
  paths: readonly string[],
  ahead: number,
  read: (path: string) => Promise<T>,
  drop: () => void,
  signal: AbortSignal | undefined,
): AsyncGenerator<T, void, undefined> {
  try {
    const pending: Promise<T>[] = [];
    for (let next = 0; next < paths.length || pending.length > 0; ) {
      signal?.throwIfAborted();
      while (pending.length < ahead && next < paths.length) pending.push(read(paths[next++]!));
      const result = await pending.shift()!;
      signal?.throwIfAborted();
      yield result;
    }
  } finally {
    drop();
  }
}
