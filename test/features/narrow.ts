import { seededRandom } from '../../src/base/random.js';
import { ImageSet } from '../../src/data/index.js';
import { freeze } from '../../src/features/index.js';
import { scaleArch, VGG11, type VggOptions, vgg } from '../../src/index.js';
import type { TrainOptions } from '../../src/train/index.js';

/** VGG-11 at a 32nd of its width, for images of 32x32. */
export const narrow = (options: VggOptions = {}) =>
  vgg(scaleArch(VGG11, 32), {
    inputShape: [32, 32, 3],
    includeTop: false,
    initializer: 'heUniform',
    ...options,
  });
export const frozenBase = (options?: VggOptions) => freeze(narrow(options));

/** Images of noise in three classes. */
export const images = (length: number, seed = 0) => {
  const random = seededRandom(seed, 3);
  return new ImageSet({
    images: Uint8Array.from({ length: length * 32 * 32 * 3 }, () => random.below(256)),
    labels: Uint8Array.from({ length }, (_, i) => i % 3),
    shape: [32, 32, 3],
    classNames: ['a', 'b', 'c'],
  });
};

export const RUN: TrainOptions = { epochs: 2, batchSize: 5, optimizer: 'adam', seed: 4 };
