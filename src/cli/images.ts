import type { Option } from 'commander';
import type { PreparedImage, Preprocessing, RawImage } from 'vgg-blocks/images';
import { countBar, prepareImages, readImage } from 'vgg-blocks/node';
import { imagePaths } from './imagePaths.js';
import { numberIn } from './options.js';
import { complain, say } from './wording.js';

/** Help for a command's images argument. */
export const IMAGES_HELP = 'images, folders of images, or globs';

/** The option for the images of each pass through the network. */
export const batchOption = (): Option =>
  numberIn('count', '--batch <n>', 'images per forward pass; more need more memory', 8);

/** As `say`, without disturbing the progress bar. */
export type Print = typeof say;

/** Images that are decoded, on other threads, before their turn. */
const AHEAD = 4;

/** An image of a file, or why it has none. */
type Read<Image> = { path: string; image: Image } | { path: string; error: Error };

/**
 * Runs `work` for each image that the patterns name: files, the images of folders, and the matches of globs. An image that
 * cannot be read is reported on standard error and skipped, and the command fails in the end. On a terminal, a bar shows the
 * progress.
 *
 * @param work must print through its third argument only.
 * @param begin gets the paths of all images before the first is read.
 * @throws Error if no image could be read, and whatever `work` throws.
 */
export function eachImage(
  command: string,
  patterns: readonly string[],
  work: (image: RawImage, path: string, print: Print) => Promise<void>,
  begin?: (paths: readonly string[]) => void,
): Promise<void> {
  const read = (paths: string[]) => {
    begin?.(paths);
    return readAhead(paths);
  };
  return inBatches(command, patterns, read, 1, ([image], [path], print) => work(image!, path!, print));
}

/** As {@link eachImage}, for images that are prepared for a network on other threads, in batches. */
export function eachBatch(
  command: string,
  patterns: readonly string[],
  { preprocessing, batch }: { preprocessing: Preprocessing; batch: number },
  work: (images: PreparedImage[], paths: string[], print: Print) => Promise<void>,
): Promise<void> {
  const prepare = (paths: string[]) =>
    prepareImages(paths, { preprocessing, ahead: Math.max(1, Math.min(4 * batch, paths.length)) });
  return inBatches(command, patterns, prepare, batch, work);
}

async function inBatches<Image>(
  command: string,
  patterns: readonly string[],
  read: (paths: string[]) => AsyncIterable<Read<Image>>,
  batch: number,
  work: (images: Image[], paths: string[], print: Print) => Promise<void>,
): Promise<void> {
  const bar = countBar();
  const print: Print = (...lines) => {
    bar.stop();
    say(...lines);
  };
  const report = (line: string) => {
    bar.stop();
    complain(line);
  };
  const paths = await imagePaths(patterns, report);
  let [failed, done] = [0, 0];
  let images: Image[] = [];
  let names: string[] = [];
  try {
    for await (const file of read(paths)) {
      bar.update({ done: done++, total: paths.length, unit: 'images' });
      if ('error' in file) {
        report(file.error.message);
        failed++;
      } else {
        images.push(file.image);
        names.push(file.path);
      }
      if (images.length < batch && done < paths.length) continue;
      if (images.length > 0) await work(images, names, print);
      [images, names] = [[], []];
    }
  } finally {
    bar.stop();
  }
  if (paths.length === 0) throw new Error(`${command}: no images were found in ${patterns.join(', ')}.`);
  if (failed === 0) return;
  const summary = `${command}: ${failed} of ${paths.length} images could not be read.`;
  if (failed === paths.length) throw new Error(summary);
  complain(summary);
  process.exitCode ??= 1;
}

/** The images in order, decoded while those before them are used. */
async function* readAhead(paths: readonly string[]): AsyncGenerator<Read<RawImage>, void, undefined> {
  const read = (path: string) =>
    readImage(path).then(
      (image) => ({ path, image }),
      (error: Error) => ({ path, error }),
    );
  const pending = paths.slice(0, AHEAD).map(read);
  for (let next = AHEAD; pending.length > 0; next++) {
    yield (await pending.shift())!;
    if (next < paths.length) pending.push(read(paths[next]!));
  }
}
