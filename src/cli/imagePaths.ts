import { readdir as readdirOf } from 'node:fs';
import { open, readdir, realpath, stat } from 'node:fs/promises';
import { isAbsolute, join, relative } from 'node:path';
import { glob, isDynamicPattern } from 'tinyglobby';
import { FORMAT_BYTES, imageFormatOf } from '../base/imageFormat.js';
import { isIgnored } from '../base/setLayout.js';
import { failureReason, isAbsent } from '../base/systemReason.js';

/** The names of images, whatever is in them. */
const CALLED_IMAGE = /\.(png|jpe?g|webp|gif|tiff?|avif|heic|bmp|p[bgnp]m|svg)$/i;

/** Files named in the message about those that are left out. */
const MAX_NAMES = 3;

/**
 * The paths of the images that the patterns name, in order: files, the images in folders and below, matches of globs. A pattern that
 * names none is reported, and so are the files of folders that are not images, judging by their first bytes.
 */
export async function imagePaths(
  patterns: readonly string[],
  complain: (line: string) => void,
): Promise<string[]> {
  // Gathered in lists: as arguments of `push`, 130,000 paths overflow the stack.
  const found: string[][] = [];
  let unreadable = 0;
  const report = (folder: string, error: unknown) => {
    unreadable++;
    process.exitCode ??= 1;
    complain(
      `${folder} could not be read: ${failureReason(error)}; change its permissions, or leave it out.`,
    );
  };
  for (const pattern of patterns) {
    const before = unreadable;
    const stats = await stat(pattern).catch(() => undefined);
    if (stats?.isDirectory()) {
      const inside = await imagesBelow(pattern, complain, report);
      if (inside.length === 0 && unreadable === before) {
        process.exitCode ??= 1;
        complain(`${pattern} contains no images.`);
      }
      found.push(inside);
    } else if (!stats && isDynamicPattern(pattern)) {
      const matches = await glob(pattern.replaceAll('\\', '/'), {
        absolute: isAbsolute(pattern),
        fs: { readdir: reporting(report) },
      });
      if (matches.length === 0 && unreadable === before) {
        process.exitCode ??= 1;
        complain(`${pattern} matches no files.`);
      }
      found.push(matches.sort());
    } else found.push([pattern]);
  }
  return found.flat();
}

/** Receives a folder that could not be read. */
type Report = (folder: string, error: unknown) => void;

/** What lists a folder for globs, which pass over one that cannot be read without a word. */
function reporting(report: Report): typeof readdirOf {
  const listed = (folder: string, options: object, done: (error: unknown, entries: unknown) => void) =>
    readdirOf(folder, options, (error, entries) => {
      if (error && !isAbsent(error)) report(folder, error);
      done(error, entries);
    });
  return listed as typeof readdirOf;
}

/** The images of a folder, as `finetune` finds them; files of other kinds are left out with a message. */
async function imagesBelow(
  folder: string,
  complain: (line: string) => void,
  report: Report,
): Promise<string[]> {
  const images: string[] = [];
  const others: string[] = [];
  for (const path of await filesBelow(folder, [], report)) {
    const isImage = await startsLikeImage(path);
    (isImage ? images : others).push(path);
  }
  if (others.length > 0) {
    const names = others.slice(0, MAX_NAMES).map((path) => relative(folder, path));
    const listed = others.length > MAX_NAMES ? [...names, '...'] : names;
    const subject =
      others.length === 1 ? '1 file that is not an image' : `${others.length} files that are not images`;
    complain(`${folder}: left out ${subject} (${listed.join(', ')}).`);
    // One that is called an image is damaged.
    if (others.some((path) => CALLED_IMAGE.test(path))) process.exitCode ??= 1;
  }
  return images;
}

/** The files in a folder and below, sorted, without hidden ones. Links are followed, but no folder is entered within itself. */
async function filesBelow(folder: string, above: readonly string[], report: Report): Promise<string[]> {
  try {
    const real = await realpath(folder);
    if (above.includes(real)) return [];
    const files: string[][] = [];
    for (const name of (await readdir(folder)).filter((one) => !isIgnored(one)).sort()) {
      const path = join(folder, name);
      const isFolder = await stat(path).then(
        (found) => found.isDirectory(),
        () => false,
      );
      files.push(isFolder ? await filesBelow(path, [...above, real], report) : [path]);
    }
    return files.flat();
  } catch (error) {
    report(folder, error);
    return [];
  }
}

/** Whether a file begins like an image; true for one that cannot be read or is empty, which reading it reports. */
async function startsLikeImage(path: string): Promise<boolean> {
  const head = await headOf(path);
  return head === undefined || head.length === 0 || imageFormatOf(head) !== undefined;
}

/** The first bytes of a file, by which its format is known; undefined for what is not a file or cannot be read. */
export async function headOf(path: string): Promise<Uint8Array | undefined> {
  try {
    // Opening a pipe that nobody writes to would wait forever.
    if (!(await stat(path)).isFile()) return undefined;
    const file = await open(path);
    try {
      const { bytesRead, buffer } = await file.read(new Uint8Array(FORMAT_BYTES), 0, FORMAT_BYTES);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch {
    return undefined;
  }
}
