import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Folders that may hold sets of real images, which are too large for the repository. */
const PLACES = [
  process.env.VGG_BLOCKS_DATA,
  fileURLToPath(new URL('../../../shared/data', import.meta.url)),
  '/usr/share/datasets',
];

/** The published sets, each under the names that its folder may have. */
const NAMES = { 'fashion-mnist': ['fashion-mnist', 'fashion-mnist-2k'], mnist: ['mnist', 'mnist-20k'] };

export type RealSet = keyof typeof NAMES;

/** The folder of a set of real images, its IDX files gzipped under their published names; undefined where there is none. */
export function imageFolder(set: RealSet): string | undefined {
  return PLACES.flatMap((place) => (place ? NAMES[set].map((name) => join(place, name)) : [])).find(
    (folder) => existsSync(join(folder, 'train-images-idx3-ubyte.gz')),
  );
}
