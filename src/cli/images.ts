import type { RawImage } from 'vgg-blocks/images';
import { countBar, readImage } from 'vgg-blocks/node';
import { imagePaths } from './imagePaths.js';

/** Help for a command's images argument. */
export const IMAGES_HELP = 'images, folders of images, or globs';

/** Prints a line without disturbing the progress bar. */
export type Print = (line: string) => void;

/** Images that are decoded, on other threads, before their turn. */
const AHEAD = 4;

/**
 * Runs `work` for each image that the patterns name: files, the images of folders, and the matches of globs. An image that
 * cannot be read is reported on standard error and skipped, and the command fails in the end. On a terminal, a bar shows the
 * progress.
 *
 * @param work must print through its third argument only.
 * @throws Error if no image could be read, and whatever `work` throws.
 */
export async function eachImage(
  command: string,
  patterns: readonly string[],
  work: (image: RawImage, path: string, print: Print) => Promise<void>,
): Promise<void> {
  const bar = countBar();
  const print = (line: string) => {
    bar.stop();
    console.log(line);
  };
  const complain = (line: string) => {
    bar.stop();
    console.error(line);
  };
  const paths = await imagePaths(patterns, complain);
  let failed = 0;
  try {
    const images = readAhead(paths);
    for (const [done, path] of paths.entries()) {
      bar.update({ done, total: paths.length, unit: 'images' });
      const { value: image } = await images.next();
      if (image && 'data' in image) await work(image, path, print);
      else {
        complain((image as Error).message);
        failed++;
      }
    }
  } finally {
    bar.stop();
  }
  if (paths.length === 0) throw new Error(`${command}: there are no images in ${patterns.join(', ')}.`);
  if (failed === 0) return;
  const summary = `${command}: ${failed} of ${paths.length} images could not be read.`;
  if (failed === paths.length) throw new Error(summary);
  console.error(summary);
  process.exitCode ??= 1;
}

/** The images in order, each as its pixels or as the reason that it has none, decoded while those before it are used. */
async function* readAhead(paths: readonly string[]): AsyncGenerator<RawImage | Error, void, undefined> {
  const read = (path: string) => readImage(path).catch((error: Error) => error);
  const pending = paths.slice(0, AHEAD).map(read);
  for (let next = AHEAD; pending.length > 0; next++) {
    yield (await pending.shift())!;
    if (next < paths.length) pending.push(read(paths[next]!));
  }
}
