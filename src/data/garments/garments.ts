import { optionsOf } from '../../base/arguments.js';
import { checkSeed, wholeNumber } from '../../base/check.js';
import { seededRandom, shuffled } from '../../base/random.js';
import { ImageSet } from '../imageSet.js';
import { drawGarment, SIDE } from './drawGarment.js';
import { GARMENT_NAMES } from './names.js';

/** Options of {@link garments}. */
export interface GarmentOptions {
  /** Training images; default 4000. */
  trainImages?: number;
  /** Test images; default 1000. */
  testImages?: number;
  /** Seed of the drawings, a whole number from 0 to 2^32 - 1; default 1409. */
  seed?: number;
}

/**
 * Draws images of garments, without any download: 28x28 gray pixels, light on black, ten kinds in Fashion-MNIST's order. They
 * vary in cut, position, rotation, size, shade, pattern and noise, so a network has to learn shapes: comparing with the mean
 * image of each kind classifies only about three quarters of them correctly.
 *
 * The kinds come in equal numbers (give or take one) and in random order, and no image is in both sets. The same
 * options give the same bytes in every process.
 *
 * @throws RangeError when a count or the seed is not a whole number in its range.
 */
export function garments(options: GarmentOptions = {}): { trainSet: ImageSet; testSet: ImageSet } {
  optionsOf('garments', options, { trainImages: 1, testImages: 1, seed: 1 });

  const { trainImages = 4000, testImages = 1000, seed = 1409 } = options;
  checkSeed('garments', seed);
  wholeNumber('garments', 'trainImages', trainImages, 0, MAX_IMAGES);
  wholeNumber('garments', 'testImages', testImages, 0, MAX_IMAGES);
  return { trainSet: drawSet(trainImages, seed, 0), testSet: drawSet(testImages, seed, 1) };
}

/** The most images of a set, whose pixels take 784 MB. */
const MAX_IMAGES = 1e6;

function drawSet(count: number, seed: number, split: number): ImageSet {
  const images = new Uint8Array(count * SIDE * SIDE);
  const labels = new Uint8Array(count);
  const order = shuffled(count, seededRandom(seed, split));
  order.forEach((garment, index) => {
    labels[index] = garment % GARMENT_NAMES.length;
    // Even streams are for training and odd ones for testing; 0 and 1 drew the order.
    images.set(
      drawGarment(garment % GARMENT_NAMES.length, seededRandom(seed, 2 + 2 * garment + split)),
      index * SIDE * SIDE,
    );
  });
  return new ImageSet({ images, labels, shape: [SIDE, SIDE, 1], classNames: GARMENT_NAMES });
}
