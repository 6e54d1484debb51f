import { checkArguments, FLOATS, kind, NUMBERS, optionsOf, plainObject } from '../base/arguments.js';
import { checkSeed, fail, numberThat, wholeNumber } from '../base/check.js';
import { type Random, seededRandom, shuffled } from '../base/random.js';
import { size } from '../base/shapes.js';

/**
 * Random changes to the images of an `ImageSet`, drawn again for each batch. They are made in this order; omitted options change
 * nothing.
 */
export interface BatchAugmentation {
  /** Shifts each image by up to so many pixels, fewer than its sides have, to each side, and fills with black: torchvision's `RandomCrop` with padding. */
  shift?: number;
  /** Probability that an image is mirrored left to right, 0 to 1; 0.5 is usual. */
  flip?: number;
  /**
   * Probability that a rectangle of 2 % to a third of an image, with sides of at most 1 to 3.3, is made black: torchvision's
   * `RandomErasing` (Zhong et al. 2020, arXiv:1708.04896).
   */
  erase?: number;
  /**
   * Mixes each image and its class with another of the batch (Zhang et al. 2018, arXiv:1710.09412). The fraction is drawn for the
   * batch from Beta(alpha, alpha); this is alpha, 0.1 to 1. The labels become probabilities.
   */
  mixup?: number;
}

/** Images of a batch and their classes, before they become tensors. */
export interface PixelBatch {
  /** `images * height * width * channels` numbers (NHWC). */
  pixels: Float32Array;
  shape: readonly [images: number, height: number, width: number, channels: number];
  /** The probability of each class for each image, `images * classes` numbers. */
  targets: Float32Array;
}

const BATCH = kind(
  'a batch as { pixels, shape, targets }, whose arrays have the numbers that shape says',
  (value) => {
    const { pixels, shape, targets } = value as PixelBatch;
    return (
      FLOATS.holds(pixels) &&
      FLOATS.holds(targets) &&
      NUMBERS.holds(shape) &&
      shape.length === 4 &&
      size(shape) === pixels.length &&
      targets.length % shape[0] === 0
    );
  },
);

/** Throws unless every option is in its range, for images of a height and a width. */
export function checkBatchAugmentation(
  where: string,
  augment: BatchAugmentation,
  [height, width]: readonly [height: number, width: number],
): void {
  const names = { shift: 1, flip: 1, erase: 1, mixup: 1 } as const;
  const { shift = 0, flip = 0, erase = 0, mixup = 0.1 } = optionsOf(where, augment, names);
  wholeNumber(where, 'shift', shift, 0);
  if (shift > 0 && shift >= Math.min(height, width)) {
    fail(
      where,
      `shift is ${shift}, by which images of ${height}x${width} move out of sight; it must be below ${Math.min(height, width)}.`,
    );
  }
  for (const [name, chance] of Object.entries({ flip, erase })) {
    const isChance = (n: number) => n >= 0 && n <= 1;
    numberThat(where, name, chance, isChance, 'a probability from 0 to 1, such as 0.5');
  }
  const isAlpha = (n: number) => n >= 0.1 && n <= 1;
  numberThat(where, 'mixup', mixup, isAlpha, 'from 0.1 to 1, such as 0.2, or left out');
}

/** A batch with its images changed at random; the same batch and seed give the same result everywhere. */
export function augmentBatch(batch: PixelBatch, augment: BatchAugmentation, seed: number): PixelBatch {
  const where = 'augmentBatch';
  checkArguments(
    where,
    { batch, augment },
    { batch: BATCH, augment: plainObject('an object, such as { flip: 0.5 }') },
  );
  checkBatchAugmentation(where, augment, [batch.shape[1], batch.shape[2]]);
  checkSeed(where, seed);
  for (const name of ['pixels', 'targets'] as const) {
    const stray = batch[name].find((number) => !Number.isFinite(number));
    if (stray !== undefined) fail(where, `the ${name} have the number ${stray}; pass finite numbers.`);
  }
  return changed(batch, augment, seed);
}

/** As `augmentBatch`, of arguments that are known to be right. */
export function changed(batch: PixelBatch, augment: BatchAugmentation, seed: number): PixelBatch {
  const { shift, flip, erase, mixup } = augment;
  // Each change has its own stream, so that none depends on which others are made.
  if (shift) batch = shifted(batch, shift, seededRandom(seed, 1));
  if (flip) batch = flipped(batch, flip, seededRandom(seed, 2));
  if (erase) batch = erased(batch, erase, seededRandom(seed, 3));
  return mixup ? mixed(batch, mixup, seededRandom(seed, 4)) : batch;
}

function shifted(batch: PixelBatch, most: number, random: Random): PixelBatch {
  const [images, height, width, channels] = batch.shape;
  const pixels = new Float32Array(batch.pixels.length);
  for (let n = 0; n < images; n++) {
    const [down, right] = [random.below(2 * most + 1) - most, random.below(2 * most + 1) - most];
    const columns = width - Math.abs(right);
    if (columns <= 0) continue;
    for (let row = Math.max(0, down); row < Math.min(height, height + down); row++) {
      const from = ((n * height + row - down) * width + Math.max(0, -right)) * channels;
      const to = ((n * height + row) * width + Math.max(0, right)) * channels;
      pixels.set(batch.pixels.subarray(from, from + columns * channels), to);
    }
  }
  return { ...batch, pixels };
}

function flipped(batch: PixelBatch, probability: number, random: Random): PixelBatch {
  const [images, height, width, channels] = batch.shape;
  const pixels = batch.pixels.slice();
  for (let n = 0; n < images; n++) {
    if (!random.chance(probability)) continue;
    for (let row = n * height; row < (n + 1) * height; row++) {
      for (let column = 0; column < width; column++) {
        const from = (row * width + width - 1 - column) * channels;
        pixels.set(batch.pixels.subarray(from, from + channels), (row * width + column) * channels);
      }
    }
  }
  return { ...batch, pixels };
}

function erased(batch: PixelBatch, probability: number, random: Random): PixelBatch {
  const [images, height, width, channels] = batch.shape;
  const pixels = batch.pixels.slice();
  for (let n = 0; n < images; n++) {
    if (!random.chance(probability)) continue;
    const area = height * width * random.between(0.02, 1 / 3);
    const ratio = Math.exp(random.between(-1, 1) * Math.log(3.3));
    const tall = Math.min(height, Math.max(1, Math.round(Math.sqrt(area * ratio))));
    const wide = Math.min(width, Math.max(1, Math.round(Math.sqrt(area / ratio))));
    const [top, left] = [random.below(height - tall + 1), random.below(width - wide + 1)];
    for (let row = top; row < top + tall; row++) {
      const from = ((n * height + row) * width + left) * channels;
      pixels.fill(0, from, from + wide * channels);
    }
  }
  return { ...batch, pixels };
}

function mixed(batch: PixelBatch, alpha: number, random: Random): PixelBatch {
  const fraction = beta(alpha, random);
  const partners = shuffled(batch.shape[0], random);
  const mix = (values: Float32Array) => {
    const length = values.length / partners.length;
    return values.map((value, i) => {
      const n = Math.floor(i / length);
      const other = values[i + (partners[n]! - n) * length]!;
      return fraction * value + (1 - fraction) * other;
    });
  };
  return { ...batch, pixels: mix(batch.pixels), targets: mix(batch.targets) };
}

/** A number from 0 to 1 with the distribution Beta(alpha, alpha), for alpha up to 1 (Johnk 1964). */
function beta(alpha: number, random: Random): number {
  for (;;) {
    const [x, y] = [random.next() ** (1 / alpha), random.next() ** (1 / alpha)];
    if (x + y > 0 && x + y <= 1) return x / (x + y);
  }
}
