import { readdir, stat } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { glob, isDynamicPattern } from 'tinyglobby';
import type { RawImage } from 'vgg-blocks/images';
import { countBar, readImage } from 'vgg-blocks/node';

const PICTURES = /\.(png|jpe?g|webp|gif|tiff?|avif)$/i;

/** What a command's pictures argument takes. */
export const IMAGES_HELP = 'pictures, folders of pictures, or globs';

/** Prints a line while there may be a bar on the terminal. */
export type Print = (line: string) => void;

/**
 * Does something with each picture that is meant: files as they are named, what folders hold, what globs find. A picture
 * that cannot be read is a line on the standard error, and the rest goes on; a bar on the standard error shows how far
 * it is, where that is a terminal.
 *
 * @param work may print, but through its third argument alone.
 * @throws Error when none could be read, and whatever `work` throws.
 */
export async function eachImage(
  command: string,
  patterns: readonly string[],
  work: (image: RawImage, path: string, print: Print) => Promise<void>,
): Promise<void> {
  const bar = countBar('pictures');
  const print = (line: string) => {
    bar.stop();
    console.log(line);
  };
  const complain = (line: string) => {
    bar.stop();
    console.error(line);
  };
  const paths = await picturesOf(patterns, complain);
  let failed = 0;
  try {
    for (const [done, path] of paths.entries()) {
      bar.update(done, paths.length);
      const image = await readImage(path).catch((error: Error) => complain(error.message));
      if (image) await work(image, path, print);
      else failed++;
    }
  } finally {
    bar.stop();
  }
  if (paths.length === 0) throw new Error(`${command}: there are no pictures in ${patterns.join(', ')}.`);
  const summary = `${command}: ${failed} of ${paths.length} pictures could not be read.`;
  if (failed === paths.length) throw new Error(summary);
  if (failed > 0) console.error(summary);
}

/** The paths of the pictures that are meant, in order; what holds none is told. */
async function picturesOf(patterns: readonly string[], complain: Print): Promise<string[]> {
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
          .filter((name) => PICTURES.test(name))
          .map((name) => join(pattern, name));
    if (inside.length === 0) {
      complain(
        isGlob
          ? `${pattern} matches no file.`
          : `${pattern} holds no pictures (files that end in .png, .jpg, .webp, .gif, .tif or .avif).`,
      );
    }
    paths.push(...inside.sort());
  }
  return paths;
}
