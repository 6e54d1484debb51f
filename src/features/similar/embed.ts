import { type Tensor, tidy } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { checkArguments, LIST, MODEL, NUMBERS } from '../../base/arguments.js';
import { fail, wholeNumber } from '../../base/check.js';
import { publishedOptionsOf } from '../../base/publishedOptions.js';
import type { ImageInput, PreparedImage, Preprocessing } from '../../images/index.js';
import { preprocessed } from '../../images/preprocess.js';
import { depthOf } from '../../images/preprocessing.js';
import { graphOf } from '../../tfjs/graph.js';
import { checkImageSize, imageShapeOf } from '../../tfjs/imageSize.js';
import { inUse } from '../../tfjs/inUse.js';
import { checkWeights } from '../../train/finite.js';
import { preprocessingFor } from '../../weights/metadata.js';
import { outputsAt } from '../taps/activations.js';
import { extractorOf } from '../taps/featureExtractor.js';
import { tapOf } from '../taps/taps.js';
import { largest } from './largest.js';

/** Options of {@link embed}. */
export interface EmbedOptions {
  /**
   * Preprocessing of the model's weights: `published.preprocessing`, or that of an entry of `PUBLISHED`. Default: the one that the
   * model carries (`metadataOf`), at the size of its input.
   */
  preprocessing?: Preprocessing;
  /**
   * The layer whose output is used, by any name that `featureExtractor` knows. Default `pool5`, 512 numbers of VGG-16. Feature
   * maps are averaged over positions; the output of a fully connected layer (`relu7`, 4096 numbers) is used as it is.
   */
  layer?: string;
  /** Images per forward pass. Default 8. */
  batchSize?: number;
}

/**
 * Turns images into vectors that are close where the images look alike to a network: a layer's features, averaged over
 * positions and scaled to length one, so that dot products are cosines.
 *
 * @returns one vector per image, in order; all zeros where the layer's features are.
 * @throws RangeError when there is no such layer, no preprocessing is known, an image cannot be read, the preprocessed images are too
 *   small for the layer, or its features are not finite.
 * @example
 * const index = new EmbeddingIndex(512);
 * const vectors = await embed(model, images, { preprocessing: published.preprocessing });
 * vectors.forEach((vector, i) => index.add(paths[i], vector));
 */
export function embed(
  model: LayersModel,
  images: readonly (ImageInput | PreparedImage)[],
  options: EmbedOptions = {},
): Promise<Float32Array[]> {
  return inUse('embed', { model }, () => embedded('embed', model, images, options));
}

async function embedded(
  where: string,
  model: LayersModel,
  images: readonly (ImageInput | PreparedImage)[],
  options: EmbedOptions,
): Promise<Float32Array[]> {
  checkArguments(where, { model, images }, { model: MODEL, images: LIST });
  const {
    preprocessing: given,
    layer = 'pool5',
    batchSize = 8,
  } = publishedOptionsOf(where, options, { preprocessing: 1, layer: 1, batchSize: 1 });

  wholeNumber(where, 'batchSize', batchSize);
  const preprocessing = preprocessingFor(where, model, given);
  const { crop } = preprocessing;
  const inputShape = [crop, crop, depthOf(preprocessing)] as const;
  const graph = graphOf(where, model);
  imageShapeOf(where, model);
  checkImageSize(where, graph, inputShape, outputsAt([tapOf(where, graph, layer)]));
  const extractor = extractorOf(where, model, layer, { inputShape, pooling: 'avg' });
  await checkWeights(where, extractor);
  const vectors: Float32Array[] = [];
  for (let from = 0; from < images.length; from += batchSize) {
    const x = await preprocessed(where, images.slice(from, from + batchSize), preprocessing);
    let y: Tensor | undefined;
    try {
      y = tidy(() => extractor.predict(x) as Tensor);
      const numbers = await y.data<'float32'>();
      if (!numbers.every(Number.isFinite)) {
        fail(where, `the features of ${layer} are not finite; check the model's weights and the images.`);
      }
      const length = y.shape[1]!;
      for (let at = 0; at < numbers.length; at += length) vectors.push(unit(numbers.slice(at, at + length)));
    } finally {
      for (const one of [x, y]) one?.dispose();
    }
  }
  return vectors;
}

/**
 * How similar two images are to a network: the cosine of their vectors, 1 for the same image. A ReLU's output is never
 * negative, so neither is the cosine, and few pairs of ImageNet's images are below 0.2: compare it with the cosines of other
 * pairs rather than with a fixed number.
 *
 * @throws RangeError like `embed`.
 */
export async function imageSimilarity(
  model: LayersModel,
  images: readonly [ImageInput | PreparedImage, ImageInput | PreparedImage],
  options: EmbedOptions = {},
): Promise<number> {
  const where = 'imageSimilarity';
  checkArguments(where, { images }, { images: LIST });
  if (images.length !== 2) fail(where, `there are ${images.length} images; pass the two to compare.`);
  const [a, b] = await inUse(where, { model }, () => embedded(where, model, images, options));
  return cosine(a!, b!);
}

/**
 * The cosine of the angle between two vectors, from -1 to 1; 0 when one of them is all zeros.
 *
 * @throws RangeError when they have different lengths, or a number that is not finite.
 */
export function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  checkArguments('cosine', { a, b }, { a: NUMBERS, b: NUMBERS });

  if (a.length !== b.length) {
    fail('cosine', `the vectors have ${a.length} and ${b.length} numbers; pass two of the same length.`);
  }
  const [most, mostOther] = [largest(a), largest(b)];
  for (const [name, value] of Object.entries({ a: most, b: mostOther })) {
    if (!Number.isFinite(value))
      fail('cosine', `${name} has numbers that are NaN or infinite; pass finite numbers.`);
  }
  if (most === 0 || mostOther === 0) return 0;
  // Relative to the largest number, whose square may be too large or too small for a number.
  let [product, squares, others] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i]! / most, b[i]! / mostOther];
    product += x * y;
    squares += x * x;
    others += y * y;
  }
  return Math.max(-1, Math.min(1, product / Math.sqrt(squares * others)));
}

/** A vector scaled to length one; zeros stay zeros. */
function unit(vector: Float32Array): Float32Array {
  const length = Math.sqrt(vector.reduce((sum, one) => sum + one * one, 0));
  return length > 0 ? vector.map((one) => one / length) : vector;
}
