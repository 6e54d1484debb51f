import { isListOf } from '../base/arguments.js';
import { fail, isReadable, MAX_SIDE, shown, tag, wholeNumber } from '../base/check.js';
import { plain } from '../base/printable.js';

/** The preparation of images that a set of weights was trained with. */
export interface Preprocessing {
  /**
   * The order of the color channels, or `'gray'`: one channel, as PIL's `convert('L')`, with the first number of `mean` and `std`.
   */
  channels: 'RGB' | 'BGR' | 'gray';
  /** The value of white before mean and standard deviation are applied. */
  white: 1 | 255;
  /** Subtracted from each channel, in the order of `channels`. */
  mean: readonly [number, number, number];
  /** Each channel is then divided by this. */
  std: readonly [number, number, number];
  /** The shorter side after resizing, or both sides where the image is stretched. */
  resize: { shorterSide: number } | { height: number; width: number };
  /**
   * Side of the square that is cut from the center. An image is resized to it where it is larger than `shorterSide`: torchvision would
   * pad it with zeros instead.
   */
  crop: number;
  interpolation: 'bilinear' | 'nearest';
  /** Whether resizing averages over the pixels it drops: true for 'bilinear', as in PIL; 'nearest' ignores it. */
  antialias: boolean;
}

/** The number of channels that a network of this preprocessing takes. */
export function depthOf({ channels }: Pick<Preprocessing, 'channels'>): 1 | 3 {
  return channels === 'gray' ? 1 : 3;
}

/** Preprocessing for networks trained from scratch: RGB from 0 to 1, the 224x224 center of an image whose shorter side is 224. */
export const PLAIN_PREPROCESSING: Preprocessing = {
  channels: 'RGB',
  white: 1,
  mean: [0, 0, 0],
  std: [1, 1, 1],
  resize: { shorterSide: 224 },
  crop: 224,
  interpolation: 'bilinear',
  antialias: true,
};

/**
 * The same preprocessing for another input size. The crop keeps its proportion to the resized image: 224 of 256 becomes 96 of
 * 110.
 *
 * @param size side of the resulting square images.
 */
export function preprocessingAt(preprocessing: Preprocessing, size: number): Preprocessing {
  preprocessingArgument('preprocessingAt', preprocessing);
  const { crop, resize } = preprocessing;
  wholeNumber('preprocessingAt', 'size', size, 1, MAX_SIDE);
  const scaled = (length: number) => Math.round((length * size) / crop);
  return {
    ...preprocessing,
    crop: size,
    resize:
      'height' in resize
        ? { height: scaled(resize.height), width: scaled(resize.width) }
        : { shorterSide: scaled(resize.shorterSide) },
  };
}

const isSide = (value: unknown) =>
  Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= MAX_SIDE;
const isTriple = (value: unknown, test: (number: number) => boolean) =>
  isListOf(value, (one) => Number.isFinite(one) && test(one as number)) && value.length === 3;

/** The fields of {@link Preprocessing}: what each may be, in words and as a test. */
const FIELDS: Record<keyof Preprocessing, [allowed: string, test: (value: unknown) => boolean]> = {
  channels: ["'RGB', 'BGR' or 'gray'", (value) => ['RGB', 'BGR', 'gray'].includes(value as string)],
  white: ['1 or 255', (value) => value === 1 || value === 255],
  mean: ['three finite numbers', (value) => isTriple(value, () => true)],
  std: ['three finite numbers above 0', (value) => isTriple(value, (number) => number > 0)],
  resize: [
    `{ shorterSide } or { height, width }, whole numbers from 1 to ${MAX_SIDE}`,
    (value) =>
      isTable(value) &&
      ['shorterSide', 'height,width'].includes(Object.keys(value).sort().join()) &&
      Object.values(value).every(isSide),
  ],
  crop: [`a whole number from 1 to ${MAX_SIDE}`, isSide],
  interpolation: ["'bilinear' or 'nearest'", (value) => value === 'bilinear' || value === 'nearest'],
  antialias: ['true or false', (value) => typeof value === 'boolean'],
};

/** Throws, by `refuse`, unless a value is a preprocessing with all of its fields and no others. */
export function checkPreprocessing(value: unknown, refuse: (sentence: string) => never): void {
  const table = checkedTable('preprocessing', value, Object.keys(FIELDS), refuse);
  for (const [field, [allowed, test]] of Object.entries(FIELDS)) {
    if (!test(table[field]))
      refuse(`preprocessing.${field} is ${shown(table[field])}; it must be ${allowed}.`);
  }
  const { resize, crop, interpolation, antialias } = value as Preprocessing;
  if (interpolation === 'bilinear' && !antialias) {
    refuse(
      "preprocessing.antialias is false, but 'bilinear' averages over the pixels that it drops, as PIL does; pass true, or interpolation 'nearest'.",
    );
  }
  if ('height' in resize && crop > Math.min(resize.height, resize.width)) {
    refuse(
      `preprocessing.crop is ${crop}, more than the image has after its resize to ${resize.width}x${resize.height}; pass a smaller crop.`,
    );
  }
}

/** A value as a table that has no other fields than these. */
export function checkedTable(
  name: string,
  value: unknown,
  fields: readonly string[],
  refuse: (sentence: string) => never,
): Readonly<Record<string, unknown>> {
  if (!isReadable(value) || !isTable(value))
    return refuse(`${name} is ${shown(value)}; it must be an object.`);
  const unknown = Object.keys(value).find((field) => !fields.includes(field));
  if (unknown !== undefined) {
    refuse(
      `${name} has the unknown field '${plain(unknown).slice(0, 80)}'; the fields are ${fields.join(', ')}.`,
    );
  }
  return value;
}

function isTable(value: unknown): value is Record<string, unknown> {
  return tag(value) === 'Object';
}

/** `checkPreprocessing` for an argument of the function `where`. */
export function preprocessingArgument(where: string, preprocessing: Preprocessing): void {
  checkPreprocessing(preprocessing, (sentence) => fail(where, sentence));
}
