import { basename, resolve } from 'node:path';
import { FASHION_MNIST, fashionMnist, garments, type ImageSet, MNIST, mnist } from 'vgg-blocks/data';

/** The pictures that `--data` asks for. */
export async function loadData(
  source: string,
  seed: number,
  log: (line: string) => void,
): Promise<{ trainSet: ImageSet; testSet: ImageSet }> {
  switch (source) {
    case 'generated':
      return garments({ seed });
    case 'fashion-mnist':
      log(`downloading Fashion-MNIST from ${FASHION_MNIST.home}, unless it is in the cache`);
      return fashionMnist({ source: FASHION_MNIST });
    case 'mnist':
      log(`downloading MNIST from ${MNIST.home}, unless it is in the cache`);
      return mnist({ source: MNIST });
    default:
      // IDX files do not say what their classes are called; a folder's name may.
      return basename(resolve(source)).includes('fashion') ? fashionMnist({ source }) : mnist({ source });
  }
}
