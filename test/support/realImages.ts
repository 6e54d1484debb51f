import { inject } from 'vitest';
import { readBytes } from '../../src/io/read.js';
import type { RealSet } from './imageFolders.js';

/** Where a set of real images lies, a folder or in a browser an address; says so where it is nowhere. */
export async function realImages(set: RealSet): Promise<string | undefined> {
  const server = inject('server');
  const found = server ? await served(`${server}images/${set}/`) : await inNode(set);
  if (!found) {
    console.warn(
      `SKIPPED: nothing is tested on the images of ${set}. Name a folder that holds the folder ${set} in VGG_BLOCKS_DATA${
        set === 'fashion-mnist' ? ', or install the Debian package dataset-fashion-mnist' : ''
      }.`,
    );
  }
  return found;
}

async function inNode(set: RealSet): Promise<string | undefined> {
  const { imageFolder } = await import('./imageFolders.js');
  return imageFolder(set);
}

async function served(folder: string): Promise<string | undefined> {
  return readBytes(`${folder}t10k-labels-idx1-ubyte.gz`).then(
    () => folder,
    () => undefined,
  );
}
