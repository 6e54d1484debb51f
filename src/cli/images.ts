import { readdir, stat } from 'node:fs/promises';
import { extname, isAbsolute, join } from 'node:path';
import { glob, isDynamicPattern } from 'tinyglobby';
import type { RawImage } from 'vgg-blocks/images';
import { countBar, readImage } from 'vgg-blocks/node';

const EXTENSIONS = ['.png', '.jpg', '.jpeg', '.webp', '.gif', '.tif', '.tiff', '.avif'];

/** Files that macOS adds to archives and other disks. */
const LEFT_BEHIND = /(^|[\\/])(\._|__MACOSX[\\/])/;

/** Help for a command's images argument. */
export const IMAGES_HELP = 'images, folders of images, or globs';

/** Prints a line without disturbing the progress bar. */
export type Print = (line: string) => void;

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
  const paths = await imagesOf(patterns, complain);
  let failed = 0;
  try {
    for (const [done, path] of paths.entries()) {
      bar.update({ done, total: paths.length, unit: 'images' });
      const image = await readImage(path).catch((error: Error) => complain(error.message));
      if (image) await work(image, path, print);
      else failed++;
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

/** The paths of the images that the patterns name, in order; a pattern that names none is reported. */
async function imagesOf(patterns: readonly string[], complain: Print): Promise<string[]> {
  const paths: string[] = [];
  for (const pattern of patterns) {
    const found = await stat(pattern).catch(() => undefined);
    const isGlob = !found && isDynamicPattern(pattern);
    if (!found?.isDirectory() && !isGlob) {
      paths.push(pattern);
      continue;
    }
    const inside = isGlob
      ? await glob(pattern.replaceAll('\\', '/'), { absolute: isAbsolute(pattern) })
      : (await readdir(pattern, { recursive: true }))
          .filter((name) => EXTENSIONS.includes(extname(name).toLowerCase()) && !LEFT_BEHIND.test(name))
          .map((name) => join(pattern, name));
    if (inside.length === 0) {
      process.exitCode ??= 1;
      complain(
        isGlob
          ? `${pattern} matches no files.`
          : `${pattern} contains no images (files that end in ${EXTENSIONS.join(', ')}).`,
      );
    }
    paths.push(...inside.sort());
  }
  return paths;
}
