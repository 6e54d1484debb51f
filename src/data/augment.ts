import { checkArguments, kind, LIST, someOf } from '../base/arguments.js';
import { fail, numberThat, shown } from '../base/check.js';
import { type Random, shuffled } from '../base/random.js';
import { centerCropped, cropped } from '../images/crop.js';
import type { Region } from '../images/geometry.js';
import { mirror } from '../images/mirror.js';
import type { RgbImage } from '../images/pixels.js';
import { resize } from '../images/prepare.js';
import type { Preprocessing } from '../images/preprocessing.js';
import { brightness, contrast, hue, saturation } from './jitter.js';

type Range = readonly [low: number, high: number];

/**
 * Random changes to training images, drawn again each time an image is used: torchvision's `RandomResizedCrop` or `RandomCrop`,
 * then `RandomHorizontalFlip`, then `ColorJitter`. Omitted options change nothing.
 */
export interface Augmentation {
  /** Probability that an image is mirrored left to right, 0 to 1; 0.5 is usual. */
  flip?: number;
  /**
   * `'center'` (the default) cuts the square from the middle, `'random'` from anywhere. An object cuts a rectangle of random
   * size and stretches it to a square: `scale` is its fraction of the image's area (torchvision's default, [0.08, 1]) and
   * `ratio` its width to height ([3/4, 4/3]). `shorterSide` cuts a square from anywhere after the shorter side was resized to a
   * length of that range, the VGG paper's scale jitter ([256, 512] for crops of 224). It starts from the image as preprocessing
   * resizes it, so `resize` should not be much smaller than the highest length.
   */
  crop?: 'center' | 'random' | { scale?: Range; ratio?: Range } | { shorterSide: Range };
  /**
   * Color changes, in random order. A number `b` draws a factor from max(0, 1 - b) to 1 + b, or for `hue` (at most 0.5) a shift
   * from -b to b; two numbers are the range itself.
   */
  jitter?: Partial<Record<keyof typeof CHANGES, number | Range>>;
}

const CHANGES = { brightness, contrast, saturation, hue };
const NAMES = Object.keys(CHANGES) as (keyof typeof CHANGES)[];

const AUGMENT = someOf('flip', 'crop', 'jitter');
const FREE_CROP = someOf('scale', 'ratio');
const SCALED_CROP = someOf('shorterSide');
const CROP = kind(
  `"center", "random", ${FREE_CROP.allowed}, or { shorterSide }`,
  (crop) => ['center', 'random'].includes(crop as string) || FREE_CROP.holds(crop) || SCALED_CROP.holds(crop),
);

/** Throws unless every option is in its range. */
export function checkAugmentation(where: string, augment: Augmentation): void {
  checkArguments(where, { augment }, { augment: AUGMENT });
  const { flip = 0, crop = 'center', jitter = {} } = augment;
  const isChance = (n: number) => n >= 0 && n <= 1;
  numberThat(where, 'augment.flip', flip, isChance, 'a probability from 0 to 1, such as 0.5');
  checkArguments(
    where,
    { 'augment.crop': crop, 'augment.jitter': jitter },
    { 'augment.crop': CROP, 'augment.jitter': someOf(...NAMES) },
  );
  if (typeof crop === 'object' && 'shorterSide' in crop) {
    checkRange(where, 'augment.crop.shorterSide', crop.shorterSide, Number.MAX_VALUE);
  } else if (typeof crop === 'object') {
    checkRange(where, 'augment.crop.scale', scaleOf(crop), 1);
    checkRange(where, 'augment.crop.ratio', ratioOf(crop), Number.MAX_VALUE);
  }
  for (const name of NAMES) {
    const { [name]: amount = 0 } = jitter;
    const range: unknown = amount === 0 ? [0, 0] : rangeOf(name, amount);
    const [low, high] = LIST.holds(range) ? (range as Range) : [];
    const [minimum, maximum] = name === 'hue' ? [-0.5, 0.5] : [0, Number.MAX_VALUE];
    if (!isRange(low, high, minimum, maximum)) {
      fail(
        where,
        `augment.jitter.${name} is ${shown(jitter[name])}; pass ${name === 'hue' ? 'a number from 0 to 0.5' : 'a number of at least 0'} or the range of its factor.`,
      );
    }
  }
}

function checkRange(where: string, name: string, range: Range, maximum: number): void {
  const [low, high] = Array.isArray(range) ? range : [];
  if (!isRange(low, high, Number.MIN_VALUE, maximum)) {
    fail(
      where,
      `${name} is ${shown(range)}; pass two numbers above 0${maximum === 1 ? ' and up to 1' : ''}, the smaller first.`,
    );
  }
}

/** Whether these are two numbers, not text, from `minimum` to `maximum`, the smaller first. */
function isRange(low: unknown, high: unknown, minimum: number, maximum: number): boolean {
  if (typeof low !== 'number' || typeof high !== 'number') return false;
  return low >= minimum && low <= high && high <= maximum;
}

/** The square crop of an image that `preprocessing` has resized, changed at random by `augment`. */
export function augmented(
  image: RgbImage,
  preprocessing: Preprocessing,
  augment: Augmentation,
  random: Random,
): Uint8Array {
  const { flip = 0, crop = 'center', jitter = {} } = augment;
  const square = cut(image, preprocessing, crop, random);
  const { data } = square;
  if (random.chance(flip)) mirror(square);
  for (const i of shuffled(NAMES.length, random)) {
    const range = rangeOf(NAMES[i]!, jitter[NAMES[i]!]);
    if (range) CHANGES[NAMES[i]!](data, random.between(...range));
  }
  return data;
}

/** A copy of the part that `crop` selects. */
function cut(
  image: RgbImage,
  preprocessing: Preprocessing,
  crop: Augmentation['crop'] & {},
  random: Random,
): RgbImage {
  const side = preprocessing.crop;
  if (crop === 'center') {
    const { data, ...size } = centerCropped(image, side);
    return { data: data.slice(), ...size };
  }
  if (crop === 'random') {
    const [left, top] = [random.below(image.width - side + 1), random.below(image.height - side + 1)];
    return cropped(image, { left, top, width: side, height: side });
  }
  if ('shorterSide' in crop) {
    // The crop's part of the image once that has been resized; not more than the image.
    const shorter = Math.min(image.width, image.height);
    const part = Math.round((side * shorter) / random.between(...crop.shorterSide));
    const length = Math.min(shorter, Math.max(1, part));
    const [left, top] = [random.below(image.width - length + 1), random.below(image.height - length + 1)];
    return resize(
      cropped(image, { left, top, width: length, height: length }),
      { width: side, height: side },
      preprocessing,
    );
  }
  const region = randomRegion(image.width, image.height, scaleOf(crop), ratioOf(crop), random);
  return resize(cropped(image, region), { width: side, height: side }, preprocessing);
}

/**
 * A random part of an image, like torchvision's `RandomResizedCrop.get_params`: its fraction of the area is drawn from `scale`,
 * the logarithm of its aspect ratio from the range that `ratio` spans. After ten draws that do not fit, it is the largest in
 * the middle.
 */
export function randomRegion(
  width: number,
  height: number,
  scale: Range,
  ratio: Range,
  random: Random,
): Region {
  const [narrow, wide] = ratio.map(Math.log) as [number, number];
  for (let tries = 0; tries < 10; tries++) {
    const area = width * height * random.between(...scale);
    const aspect = Math.exp(random.between(narrow, wide));
    const [w, h] = [Math.round(Math.sqrt(area * aspect)), Math.round(Math.sqrt(area / aspect))];
    if (w > 0 && w <= width && h > 0 && h <= height) {
      return { left: random.below(width - w + 1), top: random.below(height - h + 1), width: w, height: h };
    }
  }
  const aspect = width / height;
  const w = aspect > ratio[1] ? Math.max(1, Math.round(height * ratio[1])) : width;
  const h = aspect < ratio[0] ? Math.max(1, Math.round(width / ratio[0])) : height;
  return { left: Math.floor((width - w) / 2), top: Math.floor((height - h) / 2), width: w, height: h };
}

type FreeCrop = { scale?: Range; ratio?: Range };
const scaleOf = ({ scale = [0.08, 1] }: FreeCrop): Range => scale;
const ratioOf = ({ ratio = [3 / 4, 4 / 3] }: FreeCrop): Range => ratio;

function rangeOf(name: keyof typeof CHANGES, amount: number | Range | undefined): Range | undefined {
  if (typeof amount !== 'number') return amount;
  if (amount === 0) return undefined;
  return name === 'hue' ? [-amount, amount] : [Math.max(0, 1 - amount), 1 + amount];
}
