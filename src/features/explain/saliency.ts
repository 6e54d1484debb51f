import {
  abs,
  add,
  dispose,
  keep,
  max,
  min,
  mul,
  randomNormal,
  sub,
  type Tensor,
  type Tensor4D,
  tidy,
  zerosLike,
} from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { checkArguments, MODEL } from '../../base/arguments.js';
import { breathing } from '../../base/breathing.js';
import { checkSeed, numberThat, wholeNumber } from '../../base/check.js';
import { publishedOptionsOf } from '../../base/publishedOptions.js';
import type { HeatMap } from '../../images/heatMap.js';
import type { ImageInput } from '../../images/index.js';
import { classifierOutputs } from '../../tfjs/classifier.js';
import { checkGradients, reads } from '../../tfjs/gradients.js';
import { graphOf } from '../../tfjs/graph.js';
import { held } from '../../tfjs/held.js';
import { inUse } from '../../tfjs/inUse.js';
import { logitsFrom } from '../taps/logits.js';
import { type ClassOptions, classGradient, NO_GRADIENT, prepareInput } from './classGradient.js';

/** Options of {@link saliency}. */
export interface SaliencyOptions extends ClassOptions {
  /**
   * Number of noisy copies of the image whose gradients are averaged: SmoothGrad (Smilkov et al. 2017, arXiv:1706.03825), which
   * uses 20 to 50; at most 10,000. Default 1: the gradient of the image itself, without noise.
   */
  samples?: number;
  /** Standard deviation of the noise, as a fraction of the range of the image's values. Default 0.15. */
  noise?: number;
  /** Seed of the noise, 0 to 4294967295. Default 0; the same seed gives the same map. */
  seed?: number;
  /** Stops after the current sample: rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** More samples than that tell no more. */
const MOST_SAMPLES = 10_000;

/**
 * The pixels that change a class's logit most: the gradient with respect to the image, and for each pixel the maximum absolute
 * value over its channels (Simonyan et al. 2013, arXiv:1312.6034, section 3).
 *
 * @param image an image, with `preprocessing`; or a preprocessed tensor `[1, height, width, channels]`.
 * @returns a map of the size of the model's input.
 * @throws RangeError like `gradCam`, and when `samples`, `noise` or `seed` is out of range; the signal's reason.
 * @example const map = await saliency(model, image, { ...published, samples: 25 });
 */
export function saliency(
  model: LayersModel,
  image: ImageInput | Tensor4D,
  options: SaliencyOptions = {},
): Promise<HeatMap> {
  return inUse('saliency', { model, image }, () => saliencyMap('saliency', model, image, options));
}

/** As `saliency`, for the function that error messages name. */
export async function saliencyMap(
  where: string,
  model: LayersModel,
  image: ImageInput | Tensor4D,
  options: SaliencyOptions,
): Promise<HeatMap> {
  checkArguments(where, { model }, { model: MODEL });
  const {
    classIndex,
    preprocessing,
    samples = 1,
    noise = 0.15,
    seed = 0,
    signal,
  } = publishedOptionsOf(where, options, {
    samples: 1,
    noise: 1,
    seed: 1,
    signal: 1,
    classIndex: 1,
    preprocessing: 1,
  });

  wholeNumber(where, 'samples', samples, 1, MOST_SAMPLES);
  checkSeed(where, seed);
  numberThat(where, 'noise', noise, (n) => n >= 0 && n < Number.POSITIVE_INFINITY, '0 or more, such as 0.15');
  const graph = graphOf(where, model);
  const { classes } = classifierOutputs(where, graph);
  checkGradients(where, graph, reads(graph.input), NO_GRADIENT);
  const logits = logitsFrom(graph);
  const {
    x,
    region,
    dispose: free,
  } = await prepareInput(where, graph, classes, image, { classIndex, preprocessing });
  let total: Tensor | undefined;
  const breathe = breathing();
  try {
    signal?.throwIfAborted();
    const plain = await classGradient(where, logits, x, classIndex);
    total = plain.gradient;
    if (samples > 1) {
      const { classIndex } = plain;
      total.dispose();
      total = keep(zerosLike(x));
      for (let i = 0; i < samples; i++) {
        await breathe();
        signal?.throwIfAborted();
        // tfjs treats a seed of 0 as none.
        const noisy = held(() => withNoise(x, noise, 1 + seed * samples + i));
        const { gradient } = await classGradient(where, logits, noisy, classIndex).finally(() =>
          noisy.dispose(),
        );
        const before: Tensor = total;
        total = keep(add(before, gradient));
        dispose([before, gradient]);
      }
    }
    const map = tidy(() => max(abs(total!), -1));
    const values = await map.data<'float32'>().finally(() => map.dispose());
    const [, height, width] = x.shape;
    return {
      values: values.map((value) => value / samples),
      width,
      height,
      classIndex: plain.classIndex,
      region,
    };
  } finally {
    total?.dispose();
    free();
  }
}

/** An image with normal noise, whose standard deviation is a fraction of the range of the image's values. */
function withNoise(x: Tensor, fraction: number, seed: number): Tensor {
  const range = sub(max(x), min(x));
  return add(x, mul(randomNormal(x.shape, 0, fraction, 'float32', seed), range));
}
