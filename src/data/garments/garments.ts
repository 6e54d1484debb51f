import { optionsOf } from '../../base/arguments.js';
import { checkSeed, wholeNumber } from '../../base/check.js';
import { type Random, seededRandom, shuffled } from '../../base/random.js';
import { ImageSet } from '../imageSet.js';
import { bag, trouser } from './bottoms.js';
import { Canvas } from './canvas.js';
import { ankleBoot, sandal, sneaker } from './shoes.js';
import { coat, dress, pullover, shirt, tShirt } from './tops.js';

/** The ten kinds of garment, in Fashion-MNIST's order. */
export const GARMENT_NAMES: readonly string[] = [
  'T-shirt/top',
  'Trouser',
  'Pullover',
  'Dress',
  'Coat',
  'Sandal',
  'Shirt',
  'Sneaker',
  'Bag',
  'Ankle boot',
];

/** Options of {@link garments}. */
export interface GarmentOptions {
  /** Training images; default 4000. */
  trainImages?: number;
  /** Test images; default 1000. */
  testImages?: number;
  /** Seed of the drawings, a whole number from 0 to 2^32 - 1; default 1409. */
  seed?: number;
}

const DRAW = [tShirt, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag, ankleBoot];
const SIDE = 28;

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
  wholeNumber('garments', 'trainImages', trainImages, 0);
  wholeNumber('garments', 'testImages', testImages, 0);
  return { trainSet: drawSet(trainImages, seed, 0), testSet: drawSet(testImages, seed, 1) };
}

function drawSet(count: number, seed: number, split: number): ImageSet {
  const images = new Uint8Array(count * SIDE * SIDE);
  const labels = new Uint8Array(count);
  const order = shuffled(count, seededRandom(seed, split));
  order.forEach((garment, index) => {
    labels[index] = garment % DRAW.length;
    // Even streams are for training and odd ones for testing; 0 and 1 drew the order.
    images.set(
      drawGarment(garment % DRAW.length, seededRandom(seed, 2 + 2 * garment + split)),
      index * SIDE * SIDE,
    );
  });
  return new ImageSet({ images, labels, shape: [SIDE, SIDE, 1], classNames: GARMENT_NAMES });
}

function drawGarment(kind: number, random: Random): Uint8Array {
  const size = random.between(10.6, 13.4);
  const canvas = new Canvas(SIDE, {
    angle: random.between(-0.14, 0.14),
    scale: [size * random.between(0.9, 1.08), size * random.between(0.94, 1.06)],
    center: [SIDE / 2 + random.between(-1.6, 1.6), SIDE / 2 + random.between(-1.3, 1.3)],
  });
  DRAW[kind]!(canvas, random, random.between(0.34, 0.95));
  canvas.texture(fabric(random));
  return canvas.bytes(random.between(0.03, 0.22), random);
}

/** A pattern lit from one side, as a factor for the shade at each position. */
function fabric(random: Random): (x: number, y: number) => number {
  const [lightX, lightY] = [random.between(-0.14, 0.14), random.between(-0.16, 0.16)];
  const kind = random.next();
  const pitch = random.between(9, 22);
  const phase = random.between(0, 6);
  const depth = random.between(0.12, 0.4);
  const pattern = (at: number) => 1 - depth * (0.5 + 0.5 * Math.sin(at * pitch + phase));
  return (x, y) => {
    const light = 1 + lightX * x + lightY * y;
    if (kind < 0.14) return light * pattern(y);
    if (kind < 0.22) return light * pattern(x);
    if (kind < 0.3) return light * pattern(x) * pattern(y);
    return light;
  };
}
