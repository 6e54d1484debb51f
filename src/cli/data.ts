import { readdirSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import {
  FASHION_MNIST,
  fashionMnist,
  garments,
  type ImageSet,
  idxImages,
  MNIST,
  mnist,
} from 'vgg-blocks/data';

/** Whether a folder has IDX files. */
export function isIdxFolder(path: string): boolean {
  return readdirSync(path).some((name) => /[-.]idx[13][-.]ubyte(\.gz)?$/.test(name));
}

/** Loads the images that `--data` names. */
export async function loadData(
  source: string,
  seed: number,
  log: (line: string) => void,
): Promise<{ trainSet: ImageSet; testSet: ImageSet }> {
  switch (source) {
    case 'generated':
      return garments({ seed });
    case 'fashion-mnist':
      log(`downloading Fashion-MNIST from ${FASHION_MNIST.home}, unless it is cached`);
      return fashionMnist({ source: FASHION_MNIST });
    case 'mnist':
      log(`downloading MNIST from ${MNIST.home}, unless it is cached`);
      return mnist({ source: MNIST });
    default:
      // IDX files do not name their classes; the folder's name may show which data set it is.
      return basename(resolve(source)).includes('fashion') ? fashionMnist({ source }) : idxImages({ source });
  }
}
