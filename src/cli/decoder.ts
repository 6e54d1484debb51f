import { createRequire } from 'node:module';
import type { Command } from 'commander';
import { imageFormatOf } from '../base/imageFormat.js';
import { headOf, imagePaths } from './imagePaths.js';

/** The formats that are decoded without sharp. */
const OWN_FORMATS = ['BMP', 'PNM'];

/**
 * Makes a command look for sharp before anything else if its images need it; otherwise it would fail once for each image, after the
 * network was loaded or downloaded.
 *
 * @param imagesOf the files, folders and globs that a call names; by default all of its arguments.
 */
export function decoding<T>(
  command: Command,
  imagesOf: (options: T, args: readonly string[]) => readonly string[] | Promise<readonly string[]> = (
    _,
    args,
  ) => args,
): Command {
  return command.hook('preAction', async (_, action) => {
    if (hasSharp()) return;
    const paths = await imagePaths(await imagesOf(action.opts() as T, action.args), () => {});
    for (const path of paths) {
      const head = await headOf(path);
      const format = head && imageFormatOf(head);
      if (format === undefined || OWN_FORMATS.includes(format)) continue;
      throw new Error(
        `${action.name()}: ${path} is ${format}, which the package sharp decodes, but it is not installed; run npm install sharp.`,
      );
    }
  });
}

function hasSharp(): boolean {
  try {
    createRequire(import.meta.url)('sharp');
    return true;
  } catch (error) {
    // Where it cannot be loaded, decoding says why.
    return (error as { code?: unknown }).code !== 'MODULE_NOT_FOUND' || 'permission' in process;
  }
}
