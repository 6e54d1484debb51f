import { FUNCTION, optionsOf } from '../../base/arguments.js';
import { breathing } from '../../base/breathing.js';
import { checkSeed, wholeNumber } from '../../base/check.js';
import type { Progress } from '../../base/progress.js';
import { seededRandom, shuffled } from '../../base/random.js';
import { unlessAborted } from '../../base/unlessAborted.js';
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
  const drawing = drawSets(resolved('garments', optionsOf('garments', options, OPTIONS)));
  for (;;) {
    const { done, value } = drawing.next();
    if (done) return value;
  }
}

/** Options of {@link drawGarments}. */
export interface DrawGarmentsOptions extends GarmentOptions {
  /** Called after each image. */
  onProgress?: (progress: Required<Progress>) => void;
  /** Stops the drawing, which then rejects with the signal's reason. */
  signal?: AbortSignal;
}

/**
 * Draws what {@link garments} draws, and lets timers, signals and the page run meanwhile: a hundred thousand images take some ten seconds.
 *
 * @throws RangeError when a count or the seed is not a whole number in its range; the signal's reason.
 */
export async function drawGarments(
  options: DrawGarmentsOptions = {},
): Promise<{ trainSet: ImageSet; testSet: ImageSet }> {
  const { onProgress, signal, ...given } = optionsOf('drawGarments', options, {
    ...OPTIONS,
    onProgress: FUNCTION,
    signal: 1,
  });
  const counts = resolved('drawGarments', given);
  const total = counts.trainImages + counts.testImages;
  const drawing = drawSets(counts);
  const breathe = breathing();
  for (let done = 1; ; done++) {
    signal?.throwIfAborted();
    const drawn = drawing.next();
    if (drawn.done) return drawn.value;
    await unlessAborted(signal, () => onProgress?.({ done, total, unit: 'images' }));
    await breathe();
  }
}

/** The names of the options of {@link garments}. */
const OPTIONS = { trainImages: 1, testImages: 1, seed: 1 } as const;

/** The most images of a set, whose pixels take 784 MB. */
const MAX_IMAGES = 1e6;

function resolved(where: string, options: GarmentOptions): Required<GarmentOptions> {
  const { trainImages = 4000, testImages = 1000, seed = 1409 } = options;
  checkSeed(where, seed);
  wholeNumber(where, 'trainImages', trainImages, 0, MAX_IMAGES);
  wholeNumber(where, 'testImages', testImages, 0, MAX_IMAGES);
  return { trainImages, testImages, seed };
}

function* drawSets({ trainImages, testImages, seed }: Required<GarmentOptions>) {
  return { trainSet: yield* drawSet(trainImages, seed, 0), testSet: yield* drawSet(testImages, seed, 1) };
}

/** Draws a set, image by image. */
function* drawSet(count: number, seed: number, split: number): Generator<undefined, ImageSet> {
  const images = new Uint8Array(count * SIDE * SIDE);
  const labels = new Uint8Array(count);
  const order = shuffled(count, seededRandom(seed, split));
  for (const [index, garment] of order.entries()) {
    labels[index] = garment % GARMENT_NAMES.length;
    // Even streams are for training and odd ones for testing; 0 and 1 drew the order.
    images.set(
      drawGarment(garment % GARMENT_NAMES.length, seededRandom(seed, 2 + 2 * garment + split)),
      index * SIDE * SIDE,
    );
    yield;
  }
  return new ImageSet({ images, labels, shape: [SIDE, SIDE, 1], classNames: GARMENT_NAMES });
}
