import { extname, relative } from 'node:path';
import type { RawImage } from 'vgg-blocks/images';
import { readImage } from 'vgg-blocks/node';
import { isFolder, namesIn } from './disk.js';
import { imagePaths } from './imagePaths.js';

/** An image that may be read later. */
interface Side {
  path: string;
  read: () => Promise<RawImage>;
}

/** Two images to compare. */
export interface ImagePair {
  /** What tells the pair from others: the path within its folder. */
  name: string;
  one: Side;
  other: Side;
}

/**
 * The pairs of two images, of an image and each of a folder, or of two folders, whose images are paired by their path within the
 * folder, with the same ending or, if there is one candidate, another. Images without a partner are reported, and the command fails in
 * the end.
 *
 * @throws Error when an argument is a file that cannot be read.
 */
export async function imagePairs(
  first: string,
  second: string,
  complain: (line: string) => void,
): Promise<{ pairs: ImagePair[]; ofFolders: boolean }> {
  const [ones, others] = [await imagesOf(first, complain), await imagesOf(second, complain)];
  if ('path' in ones && 'path' in others) {
    return { pairs: [{ name: second, one: ones, other: others }], ofFolders: false };
  }
  if ('path' in ones || 'path' in others) {
    const pairs =
      'path' in ones
        ? [...(others as Folder)].map(([name, other]) => ({ name, one: ones, other }))
        : [...ones].map(([name, one]) => ({ name, one, other: others as Side }));
    return { pairs, ofFolders: true };
  }
  const pairs: ImagePair[] = [];
  const [left, right] = [new Map(ones), new Map(others)];
  const pair = (name: string, partner: string) => {
    pairs.push({ name, one: left.get(name)!, other: right.get(partner)! });
    left.delete(name);
    right.delete(partner);
  };
  for (const name of [...left.keys()]) if (right.has(name)) pair(name, name);
  for (const name of [...left.keys()]) {
    const [mine, theirs] = [left, right].map((side) =>
      [...side.keys()].filter((one) => stem(one) === stem(name)),
    );
    if (mine!.length === 1 && theirs!.length === 1) pair(name, theirs![0]!);
  }
  for (const [side, folder] of [
    [left, second],
    [right, first],
  ] as const) {
    for (const { path } of side.values()) {
      complain(`${path} has no partner in ${folder}.`);
      process.exitCode ??= 1;
    }
  }
  return { pairs: pairs.sort((a, b) => (a.name < b.name ? -1 : 1)), ofFolders: true };
}

/** The images of a folder by their paths within it. */
type Folder = Map<string, Side>;

/** The images of a folder, or an image, which is read at once. */
async function imagesOf(path: string, complain: (line: string) => void): Promise<Folder | Side> {
  if (isFolder(path)) {
    // Otherwise no image of the other folder would have a partner.
    namesIn(path);
    const paths = await imagePaths([path], complain);
    return new Map(paths.map((one) => [relative(path, one), { path: one, read: () => readImage(one) }]));
  }
  const image = await readImage(path);
  return { path, read: async () => image };
}

/** A path without its ending. */
function stem(path: string): string {
  return path.slice(0, path.length - extname(path).length);
}
