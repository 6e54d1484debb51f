import { Option } from 'commander';
import { PLAIN_PREPROCESSING, type Preprocessing, preprocessingAt } from 'vgg-blocks/images';
import { PUBLISHED } from 'vgg-blocks/weights';

/** The preprocessings that have a name. */
export const PREPROCESSINGS = {
  torchvision: PUBLISHED['torchvision/vgg16'].preprocessing,
  keras: PUBLISHED['keras/vgg16'].preprocessing,
  plain: PLAIN_PREPROCESSING,
} satisfies Record<string, Preprocessing>;

export type PreprocessingName = keyof typeof PREPROCESSINGS;

/** The option that names a preprocessing. */
export function preprocessingOption(description: string): Option {
  return new Option('--preprocessing <name>', description).choices(Object.keys(PREPROCESSINGS));
}

/**
 * The preprocessing of image files that is what `train` does with arrays of pixels: numbers from 0 to 1, stretched to a square.
 * Undefined where it shrinks them: it takes at most 2x2 pixels for each new one, files the mean of all that it covers.
 *
 * @param shape of the images as they are stored.
 */
export function preprocessingOfArrays(
  [height, width, channels]: readonly [height: number, width: number, channels: number],
  size: number,
): Preprocessing | undefined {
  if (size < Math.max(height, width)) return undefined;
  return {
    ...preprocessingAt(PLAIN_PREPROCESSING, size),
    channels: channels === 1 ? 'gray' : 'RGB',
    ...(height !== width && { resize: { height: size, width: size } }),
  };
}

/** What is known of how images are prepared for weights. */
export interface KnownPreprocessing {
  /** As the weights say. */
  preprocessing?: Preprocessing;
  /** Why what they say cannot be used. */
  problem?: string;
  /** The one that is usual for the names in their file. */
  usual?: PreprocessingName;
}

/**
 * The preprocessing of the images of a network: the one that `named` is of, or the one that its weights say, at its size and in its
 * colors.
 *
 * @param shape of the network's input, `[batch, height, width, channels]`.
 * @throws Error, one sentence, when neither is known, or does not fit the network.
 */
export function preprocessingFor(
  where: string,
  shape: readonly (number | null)[],
  named: PreprocessingName | undefined,
  { preprocessing, problem, usual }: KnownPreprocessing,
): Preprocessing {
  const { side, isGray } = inputOf(where, shape);
  const chosen = named ? PREPROCESSINGS[named] : preprocessing;
  if (!chosen) throw unsaid(where, problem, isGray ? 'plain' : usual);
  return sizedFor(isGray ? grayed(where, chosen) : chosen, side);
}

/** The error for weights that do not say how images are prepared. Guessing would give wrong predictions without a sign of it. */
function unsaid(where: string, problem: string | undefined, usual: PreprocessingName = 'plain'): Error {
  const others = Object.keys(PREPROCESSINGS).filter((name) => name !== usual);
  const reason = {
    torchvision: 'usual for tensor names as in PyTorch',
    keras: 'usual for tensor names as in Keras',
    plain: 'for networks trained from scratch',
  }[usual];
  return new Error(
    `${where}${problem === undefined ? ' does not say how images are prepared for it' : `: ${problem}`}; pass --preprocessing ${usual} (${reason}), ${others.join(' or ')}.`,
  );
}

/** A preprocessing at the input size of a network, if that is fixed; published ones are for 224. */
export function sizedFor(preprocessing: Preprocessing, side: number | null): Preprocessing {
  return side ? preprocessingAt(preprocessing, side) : preprocessing;
}

/** The side of the images that a network takes, null for any, and whether they are gray. */
function inputOf(where: string, shape: readonly (number | null)[]): { side: number | null; isGray: boolean } {
  const [, height, width, channels] = shape;
  if (height !== width || (channels !== 3 && channels !== 1)) {
    const given = [height, width, channels].map((length) => length ?? 'any').join('x');
    throw new Error(
      `${where} takes images of ${given}, but image files are prepared as squares, in color or gray; use a network for those. evaluate measures this one on arrays, such as IDX files.`,
    );
  }
  return { side: height!, isGray: channels === 1 };
}

/** A preprocessing for a network of gray images; the mean and deviation of colors cannot be those of gray. */
function grayed(where: string, preprocessing: Preprocessing): Preprocessing {
  const { mean, std } = preprocessing;
  if ([mean, std].every((three) => three.every((one) => one === three[0]))) {
    return { ...preprocessing, channels: 'gray' };
  }
  throw new Error(
    `${where} takes gray images, and this preprocessing is for color; pass --preprocessing plain.`,
  );
}
