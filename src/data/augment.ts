import { fail, oneOf } from '../base/check.js';
import { type Random, shuffled } from '../base/random.js';
import type { Preprocessing } from '../images/index.js';
import type { RgbImage } from '../images/pixels.js';
import { cropped } from '../images/preprocess.js';
import { resizeBilinear, resizeNearest } from '../images/resize.js';
import { brightness, contrast, hue, saturation } from './jitter.js';

type Range = readonly [low: number, high: number];

/**
 * How training pictures vary, anew each time that they are seen: torchvision's `RandomResizedCrop` or `RandomCrop`, then
 * `RandomHorizontalFlip`, then `ColorJitter`. What is left out does not vary.
 */
export interface Augmentation {
  /** How probable it is that a picture is mirrored left to right, 0 to 1; 0.5 is usual. */
  flip?: number;
  /**
   * `'centre'` (the default) cuts out the middle, `'random'` a square of that size from anywhere, and an object a part of
   * another size and form, stretched to the square: its share of the picture's area (`scale`, torchvision's default
   * [0.08, 1]) and width to height (`ratio`, [3/4, 4/3]).
   */
  crop?: 'centre' | 'random' | { scale?: Range; ratio?: Range };
  /**
   * Changes of the colours, in an order that is drawn too. A number `b` draws a factor from max(0, 1 - b) to 1 + b, for `hue`
   * (at most 0.5) a turn from -b to b; two numbers are the ends of the range.
   */
  jitter?: Partial<Record<keyof typeof CHANGES, number | Range>>;
}

const CHANGES = { brightness, contrast, saturation, hue };
const NAMES = Object.keys(CHANGES) as (keyof typeof CHANGES)[];

/** Throws unless every part of it is in its range. */
export function checkAugmentation(where: string, augment: Augmentation): void {
  for (const name of Object.keys(augment)) {
    oneOf(where, "augment's option", name, ['flip', 'crop', 'jitter']);
  }
  const { flip = 0, crop = 'centre', jitter = {} } = augment;
  if (!(flip >= 0 && flip <= 1)) {
    fail(where, `augment.flip is ${flip}; it is a probability from 0 to 1, 0.5 say.`);
  }
  if (typeof crop === 'object') {
    checkRange(where, 'augment.crop.scale', scaleOf(crop), 1);
    checkRange(where, 'augment.crop.ratio', ratioOf(crop), Number.MAX_VALUE);
  } else oneOf(where, 'augment.crop', crop, ['centre', 'random']);
  for (const name of Object.keys(jitter)) oneOf(where, "augment.jitter's option", name, NAMES);
  for (const name of NAMES) {
    const [low, high] = rangeOf(name, jitter[name]) ?? [0, 0];
    const [least, most] = name === 'hue' ? [-0.5, 0.5] : [0, Number.MAX_VALUE];
    if (!(low >= least && low <= high && high <= most)) {
      fail(
        where,
        `augment.jitter.${name} is ${JSON.stringify(jitter[name])}; give ${name === 'hue' ? 'at most 0.5' : 'a number of at least 0'} or the range of its factor.`,
      );
    }
  }
}

function checkRange(where: string, name: string, [low, high]: Range, most: number): void {
  if (!(low > 0 && low <= high && high <= most)) {
    fail(
      where,
      `${name} is [${low}, ${high}]; give two numbers above 0${most === 1 ? ' and up to 1' : ''}, the smaller first.`,
    );
  }
}

/** A square of `recipe.crop` pixels of a picture that was resized by the recipe, varied as `augment` says. */
export function augmented(
  picture: RgbImage,
  recipe: Preprocessing,
  augment: Augmentation,
  random: Random,
): Uint8Array {
  const { flip = 0, crop = 'centre', jitter = {} } = augment;
  const { data } = cut(picture, recipe, crop, random);
  if (random.chance(flip)) mirror(data, recipe.crop);
  for (const i of shuffled(NAMES.length, random)) {
    const range = rangeOf(NAMES[i]!, jitter[NAMES[i]!]);
    if (range) CHANGES[NAMES[i]!](data, random.between(...range));
  }
  return data;
}

/** A copy of the part of the picture that is taken. */
function cut(
  picture: RgbImage,
  recipe: Preprocessing,
  crop: Augmentation['crop'] & {},
  random: Random,
): RgbImage {
  const side = recipe.crop;
  if (crop === 'centre') {
    const { data, width, height } = cropped(picture, side);
    return { data: data.slice(), width, height };
  }
  if (crop === 'random') {
    const [left, top] = [random.below(picture.width - side + 1), random.below(picture.height - side + 1)];
    return part(picture, { left, top, width: side, height: side });
  }
  const box = randomBox(picture.width, picture.height, scaleOf(crop), ratioOf(crop), random);
  const by = recipe.interpolation === 'nearest' ? resizeNearest : resizeBilinear;
  return by(part(picture, box), side, side);
}

interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

/**
 * A part of a picture as torchvision's `RandomResizedCrop.get_params` draws it: of a share of the area drawn from `scale` and of
 * a form whose logarithm is drawn from that of `ratio`; after ten that stick out, the middle, as large as the forms allow.
 */
export function randomBox(width: number, height: number, scale: Range, ratio: Range, random: Random): Box {
  const [narrow, wide] = ratio.map(Math.log) as [number, number];
  for (let tries = 0; tries < 10; tries++) {
    const area = width * height * random.between(...scale);
    const form = Math.exp(random.between(narrow, wide));
    const [w, h] = [Math.round(Math.sqrt(area * form)), Math.round(Math.sqrt(area / form))];
    if (w > 0 && w <= width && h > 0 && h <= height) {
      return { left: random.below(width - w + 1), top: random.below(height - h + 1), width: w, height: h };
    }
  }
  const form = width / height;
  const w = form > ratio[1] ? Math.round(height * ratio[1]) : width;
  const h = form < ratio[0] ? Math.round(width / ratio[0]) : height;
  return { left: Math.floor((width - w) / 2), top: Math.floor((height - h) / 2), width: w, height: h };
}

function part({ data, width }: RgbImage, box: Box): RgbImage {
  const bytes = new Uint8Array(3 * box.width * box.height);
  for (let y = 0; y < box.height; y++) {
    const from = 3 * ((box.top + y) * width + box.left);
    bytes.set(data.subarray(from, from + 3 * box.width), 3 * box.width * y);
  }
  return { data: bytes, width: box.width, height: box.height };
}

/** Mirrors a square picture left to right, in place. */
function mirror(bytes: Uint8Array, side: number): void {
  for (let row = 0; row < bytes.length; row += 3 * side) {
    for (let left = row, right = row + 3 * (side - 1); left < right; left += 3, right -= 3) {
      for (let colour = 0; colour < 3; colour++) {
        const held = bytes[left + colour]!;
        bytes[left + colour] = bytes[right + colour]!;
        bytes[right + colour] = held;
      }
    }
  }
}

type FreeCrop = { scale?: Range; ratio?: Range };
const scaleOf = ({ scale = [0.08, 1] }: FreeCrop): Range => scale;
const ratioOf = ({ ratio = [3 / 4, 4 / 3] }: FreeCrop): Range => ratio;

function rangeOf(name: keyof typeof CHANGES, amount: number | Range | undefined): Range | undefined {
  if (typeof amount !== 'number') return amount;
  if (amount === 0) return undefined;
  return name === 'hue' ? [-amount, amount] : [Math.max(0, 1 - amount), 1 + amount];
}
