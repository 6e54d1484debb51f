import { mean, type Tensor, type Tensor4D, tidy } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { fail, wholeNumber } from '../../base/check.js';
import type { Preprocessing } from '../../images/index.js';
import { type ImageInput, preprocess } from '../../images/index.js';
import { featureExtractor } from '../taps/featureExtractor.js';

/** How pictures become vectors. */
export interface EmbedOptions {
  /** The recipe that belongs to the model's weights: `published.preprocessing`, or a row's of `PUBLISHED`. */
  preprocessing: Preprocessing;
  /**
   * Whose output is taken, by any name that `featureExtractor` knows. Default `pool5`, 512 numbers of VGG-16; feature maps
   * are averaged over their places, the output of a fully connected layer (`relu7`, 4096 numbers) stays as it is.
   */
  layer?: string;
  /** Pictures that go through the network at once. Default 8. */
  batchSize?: number;
}

/**
 * Vectors of pictures that lie near each other where a network sees the same in them: a layer's features, averaged over
 * places, scaled to length one, so that their products are cosines.
 *
 * @returns a vector a picture, in their order; all zeros for one in which the layer sees nothing.
 * @throws RangeError when there is no such layer, or a picture cannot be read.
 * @example
 * const index = new EmbeddingIndex(512);
 * const vectors = await embed(model, pictures, { preprocessing: published.preprocessing });
 * vectors.forEach((vector, i) => index.add(paths[i], vector));
 */
export async function embed(
  model: LayersModel,
  pictures: readonly ImageInput[],
  { preprocessing, layer = 'pool5', batchSize = 8 }: EmbedOptions,
): Promise<Float32Array[]> {
  wholeNumber('embed', 'batchSize', batchSize);
  const { crop } = preprocessing;
  const extractor = featureExtractor(model, layer, { inputShape: [crop, crop, 3] });
  const vectors: Float32Array[] = [];
  for (let from = 0; from < pictures.length; from += batchSize) {
    const x = await preprocess(pictures.slice(from, from + batchSize), preprocessing);
    const y = tidy(() => pooled(extractor.predict(x) as Tensor));
    try {
      const numbers = await y.data<'float32'>();
      const length = y.shape[1]!;
      for (let at = 0; at < numbers.length; at += length) vectors.push(unit(numbers.slice(at, at + length)));
    } finally {
      for (const one of [x, y]) one.dispose();
    }
  }
  return vectors;
}

/**
 * How alike two pictures are to a network: the cosine of their vectors, 1 for the same picture. What a ReLU puts out is
 * never below zero, so neither is the cosine; of ImageNet's pictures few pairs are below 0.2, so compare it with those of
 * others rather than with a fixed number.
 *
 * @throws RangeError as `embed` does.
 */
export async function imageSimilarity(
  model: LayersModel,
  picture: ImageInput,
  other: ImageInput,
  options: EmbedOptions,
): Promise<number> {
  const [a, b] = await embed(model, [picture, other], options);
  return cosine(a!, b!);
}

/**
 * The cosine of the angle between two vectors, from -1 to 1; 0 when one of them is all zeros.
 *
 * @throws RangeError when they have different lengths.
 */
export function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) {
    fail('cosine', `the vectors have ${a.length} and ${b.length} numbers; give two of one length.`);
  }
  let [product, squares, others] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    product += a[i]! * b[i]!;
    squares += a[i]! ** 2;
    others += b[i]! ** 2;
  }
  return product === 0 ? 0 : Math.max(-1, Math.min(1, product / Math.sqrt(squares * others)));
}

function pooled(y: Tensor): Tensor {
  return y.shape.length === 4 ? mean(y as Tensor4D, [1, 2]) : y;
}

/** A vector scaled to length one, in place; one of zeros stays. */
function unit(vector: Float32Array): Float32Array {
  const length = Math.sqrt(vector.reduce((sum, one) => sum + one * one, 0));
  return length > 0 ? vector.map((one) => one / length) : vector;
}
