import { add, mul, sub, type Tensor4D, tensor4d, zerosLike } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { checkArguments, MODEL } from '../../base/arguments.js';
import { wholeNumber } from '../../base/check.js';
import { owning } from '../../base/owning.js';
import { publishedOptionsOf } from '../../base/publishedOptions.js';
import { type HeatMap, interpolated, keptMap } from '../../images/heatMap.js';
import type { ImageInput } from '../../images/index.js';
import { held } from '../../tfjs/held.js';
import { inUse } from '../../tfjs/inUse.js';
import { type BatchOptions, ofVersions } from './batches.js';
import { blurred } from './blurred.js';
import type { ClassOptions } from './classGradient.js';
import { type Subject, subjectOf } from './subject.js';

/** More steps than that tell no more. */
const MOST_STEPS = 10_000;

/** Options of {@link faithfulness}. */
export interface FaithfulnessOptions extends BatchOptions, Pick<ClassOptions, 'preprocessing'> {
  /** Steps in which all pixels are changed. Default 50. */
  steps?: number;
}

/** How the probability of a class changes with the pixels that a map ranks first. */
export interface FaithfulnessCurve {
  /** The fraction of the pixels that is changed, from 0 to 1. */
  fractions: number[];
  /** The probability of the class, 0 to 1, for each fraction. */
  probabilities: number[];
  /** The area under the curve, 0 to 1. */
  area: number;
}

/**
 * How faithful a map is to the network, by deletion and insertion (Petsiuk et al. 2018, arXiv:1806.07421, section 3.4). Deletion sets the
 * pixels to 0, the most important ones first: the faster the class's probability falls, the better, so that a small area is good.
 * Insertion puts them into a blurred image (11x11, of standard deviation 5, 0 around it): the faster it rises, the better, so that a large
 * area is good. Both happen after preprocessing: 0 is the mean color for `PUBLISHED` weights, and black where no mean is subtracted.
 *
 * @param image the image that the map was computed from, with `preprocessing`; or a preprocessed tensor.
 * @param map of `explain`, enlarged bilinearly to the network's input. Of equal pixels, the first by rows counts as more important.
 * @throws RangeError like `explain`, and when `steps` is out of range or the map's numbers are not finite or not as many as its size says.
 * @example
 * const map = await explain(model, image, { ...published, method: 'layercam' });
 * const { deletion, insertion } = await faithfulness(model, image, map, published);
 */
export async function faithfulness(
  model: LayersModel,
  image: ImageInput | Tensor4D,
  map: HeatMap,
  given: FaithfulnessOptions = {},
): Promise<{ deletion: FaithfulnessCurve; insertion: FaithfulnessCurve }> {
  const where = 'faithfulness';
  checkArguments(where, { model }, { model: MODEL });
  const kept = keptMap(where, map);
  const {
    steps = 50,
    preprocessing,
    ...options
  } = publishedOptionsOf(where, given, {
    steps: 1,
    preprocessing: 1,
    batchSize: 1,
    onProgress: 1,
    signal: 1,
  });
  wholeNumber(where, 'steps', steps, 1, MOST_STEPS);
  const { classIndex } = kept;
  return inUse(where, { model, image }, () =>
    owning(async (own) => {
      const free = (one: { dispose(): void }) => one.dispose();
      const subject = own(await subjectOf(where, model, image, { classIndex, preprocessing }), free);
      const empty = own(zerosLike(subject.x), free);
      const smooth = own(
        held(() => blurred(subject.x, 5, 5)),
        free,
      );
      const ranks = ranksOf(kept, subject);
      return {
        deletion: await curve(subject, ranks, subject.x, empty, steps, options),
        insertion: await curve(subject, ranks, smooth, subject.x, steps, options),
      };
    }),
  );
}

/** The place of each pixel, 0 for the most important one. */
function ranksOf(map: HeatMap, { x }: Subject): Uint32Array {
  const [, height, width] = x.shape;
  const isWhole = map.width === width && map.height === height;
  const values = isWhole
    ? map.values
    : interpolated(map, { width, height }, { left: 0, top: 0, width, height });
  const order = Array.from(values, (_, pixel) => pixel).sort((a, b) => values[b]! - values[a]! || a - b);
  const ranks = new Uint32Array(order.length);
  order.forEach((pixel, rank) => {
    ranks[pixel] = rank;
  });
  return ranks;
}

/** The class's probability while an image turns into another one, pixel by pixel. */
async function curve(
  subject: Subject,
  ranks: Uint32Array,
  from: Tensor4D,
  to: Tensor4D,
  steps: number,
  options: BatchOptions,
): Promise<FaithfulnessCurve> {
  const [, height, width] = from.shape;
  const fractions = Array.from({ length: steps + 1 }, (_, step) => step / steps);
  const changed = (step: number) => {
    const count = Math.round(fractions[step]! * ranks.length);
    const mask = Float32Array.from(ranks, (rank) => (rank < count ? 1 : 0));
    return add(from, mul(sub(to, from), tensor4d(mask, [1, height, width, 1])));
  };
  const found = await ofVersions(subject, steps + 1, changed, subject.probability, options);
  const probabilities = Array.from(found);
  const ends = (probabilities[0]! + probabilities[steps]!) / 2;
  const area = (probabilities.reduce((a, b) => a + b) - ends) / steps;
  return { fractions, probabilities, area };
}
