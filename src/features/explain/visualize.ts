import {
  add,
  clipByValue,
  concat,
  div,
  grad,
  keep,
  mean,
  mul,
  slice,
  sqrt,
  square,
  sub,
  type Tensor,
  type Tensor4D,
  tensor,
  tensor1d,
} from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { checkArguments, MODEL, TEXT } from '../../base/arguments.js';
import { breathing } from '../../base/breathing.js';
import { checkSeed, fail, numberThat, shown, wholeNumber } from '../../base/check.js';
import type { Progress } from '../../base/progress.js';
import { publishedOptionsOf } from '../../base/publishedOptions.js';
import { fillUniform, seededRandom } from '../../base/random.js';
import { unlessAborted } from '../../base/unlessAborted.js';
import { normalizeImages, type Preprocessing, type RawImage } from '../../images/index.js';
import { depthOf } from '../../images/preprocessing.js';
import { checkMaps } from '../../tfjs/axes.js';
import { appliedFixed } from '../../tfjs/fixedCall.js';
import { checkGradients, reads } from '../../tfjs/gradients.js';
import { compute, graphOf } from '../../tfjs/graph.js';
import { held } from '../../tfjs/held.js';
import { checkImageSize, imageShapeOf } from '../../tfjs/imageSize.js';
import { inUse } from '../../tfjs/inUse.js';
import { withTape } from '../../tfjs/tape.js';
import { checkWeights } from '../../train/finite.js';
import { metadataOf, preprocessingFor } from '../../weights/metadata.js';
import { extractorOf } from '../taps/featureExtractor.js';
import { blurred } from './blurred.js';
import { numbersOf } from './subject.js';

/** Options of {@link visualize}. */
export interface VisualizeOptions {
  /**
   * Preprocessing of the model's weights. Default: as the model says; for networks of one channel that do not say it, pixels from 0 to 1.
   */
  preprocessing?: Preprocessing;
  /** Default 256. */
  steps?: number;
  /** The length of a step: how far a pixel of mean slope moves, where white is 1. Default 0.02. */
  learningRate?: number;
  /**
   * The most pixels by which the image is shifted in each direction before a step, and back after it (Mordvintsev et al. 2015). It
   * suppresses patterns finer than that. Default 2.
   */
  jitter?: number;
  /**
   * The fraction of the way to the start, the mean color, that each pixel goes back in each step (Yosinski et al. 2015,
   * arXiv:1506.06579, section 3). It keeps dark what the filter does not need. Default 0.01.
   */
  decay?: number;
  /**
   * The standard deviation, in pixels, of the Gaussian that smooths each gradient, so that outlines count more than texture. 0: none.
   * Default 1.
   */
  blur?: number;
  /** Seed of the start and of the shifts, 0 to 4294967295. Default 0; the same seed gives the same image. */
  seed?: number;
  /** Called after each step. */
  onProgress?: (progress: Progress) => void;
  /** Stops after the current step: rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** A Gaussian of this deviation covers some 190 pixels. */
const MAX_BLUR = 32;

/** The start is the mean color and noise up to this. */
const NOISE = 0.1;

/**
 * The image that a filter responds to most: activation maximization (Erhan et al. 2009; Simonyan et al. 2013, arXiv:1312.6034,
 * section 2, for classes). Gradient ascent begins at the mean color with a little noise, smooths each gradient, and divides it by
 * its root mean square.
 *
 * @param layer any name that `featureExtractor` knows; `'logits'` for classes.
 * @param filter a channel of feature maps, whose mean is maximized, or a unit of a vector, such as a class; from 0.
 * @returns an image of the size of the model's input, or of `preprocessing.crop` where that is free: RGB, or one byte a pixel for a
 *   network of one channel.
 * @throws RangeError when there is no such layer or filter, the model does not say how images are prepared and `preprocessing` is not
 *   passed, an option is out of range, or the filter's activation does not rise, as when a ReLU blocks its gradient.
 * @example
 * await writeImage('tabby.png', await visualize(model, 'logits', 281));
 */
export function visualize(
  model: LayersModel,
  layer: string,
  filter: number,
  options: VisualizeOptions = {},
): Promise<RawImage> {
  return inUse('visualize', { model }, () => visualized(model, layer, filter, options));
}

async function visualized(
  model: LayersModel,
  layer: string,
  filter: number,
  options: VisualizeOptions,
): Promise<RawImage> {
  const where = 'visualize';
  const {
    steps = 256,
    learningRate = 0.02,
    jitter = 2,
    decay = 0.01,
    blur = 1,
    seed = 0,
    onProgress,
    signal,
  } = publishedOptionsOf(where, options, {
    steps: 1,
    learningRate: 1,
    jitter: 1,
    decay: 1,
    blur: 1,
    seed: 1,
    preprocessing: 1,
    onProgress: 1,
    signal: 1,
  });
  checkArguments(where, { model, layer }, { model: MODEL, layer: TEXT });
  const isPositive = (n: number) => n > 0 && n < Number.POSITIVE_INFINITY;
  wholeNumber(where, 'steps', steps);
  wholeNumber(where, 'jitter', jitter, 0);
  numberThat(where, 'learningRate', learningRate, isPositive, 'above 0');
  numberThat(where, 'decay', decay, (n) => n >= 0 && n < 1, 'at least 0 and below 1');
  numberThat(where, 'blur', blur, (n) => n >= 0 && n <= MAX_BLUR, `from 0 to ${MAX_BLUR}`);
  checkSeed(where, seed);
  const extractor = extractorOf(where, model, layer);
  const graph = graphOf(where, extractor);
  checkGradients(where, graph, reads(graph.input), 'name a layer before it');
  await checkWeights(where, extractor);
  const channels = extractor.outputs[0]!.shape.at(-1)!;
  if (!Number.isInteger(filter) || filter < 0 || filter >= channels) {
    fail(
      where,
      `filter is ${shown(filter)}; ${layer} has ${channels} filters, so pass 0 to ${channels - 1}.`,
    );
  }
  const shape = imageShapeOf(where, model);
  checkMaps(where, model);
  const [, , colors] = shape;
  const isKnown = options.preprocessing !== undefined || metadataOf(model).preprocessing !== undefined;
  const preprocessing =
    colors === 3 || isKnown ? preprocessingFor(where, model, options.preprocessing) : undefined;
  if (preprocessing && depthOf(preprocessing) !== colors) {
    fail(
      where,
      `the preprocessing makes images of ${depthOf(preprocessing)} channels, but the model takes ${colors}; pass that of its weights.`,
    );
  }
  const [height, width] = shape.map((length) => length ?? preprocessing?.crop);
  if (colors !== 3 && colors !== 1) {
    fail(where, `the model takes images of ${colors} channels; only those of 1 and 3 can be shown.`);
  }
  if (!height || !width) {
    fail(where, 'the model takes images of any size; build it with inputShape, so that the image has one.');
  }
  checkImageSize(where, graph, [height, width, colors]);

  const score = (image: Tensor) => {
    const x = preprocessing ? normalizeImages(image as Tensor4D, preprocessing) : image;
    const [y] = compute<Tensor>(graph.outputs, new Map([[graph.input, [x]]]), appliedFixed) as [Tensor];
    const others = y.shape.slice(0, -1);
    return mean(slice(y, [...others.map(() => 0), filter], [...others, 1]));
  };
  const slope = grad(score);
  const breathe = breathing();
  const random = seededRandom(seed);
  const shift = () => random.below(2 * jitter + 1) - jitter;
  const noise = new Float32Array(height * width * colors);
  fillUniform(noise, NOISE / 2, seed, 1);
  const base = keep(tensor1d(baseColor(preprocessing, colors)));
  let image: Tensor = held(() => {
    const lifted = add(tensor(noise, [1, height, width, colors]), NOISE / 2);
    return clipByValue(add(base, lifted), 0, 1);
  });
  try {
    const [started] = await numbersOf(() => score(image));
    for (let step = 0; step < steps; step++) {
      await breathe();
      signal?.throwIfAborted();
      const [down, right] = [shift(), shift()];
      const next = held(() => {
        const shifted = withTape(() => slope(rolled(image, down, right)));
        const gradient = smoothed(rolled(shifted, -down, -right), blur);
        const length = sqrt(mean(square(gradient)));
        const moved = add(image, mul(div(gradient, add(length, 1e-12)), learningRate));
        return clipByValue(add(base, mul(sub(moved, base), 1 - decay)), 0, 1);
      });
      image.dispose();
      image = next;
      await unlessAborted(signal, () => onProgress?.({ done: step + 1, total: steps, unit: 'steps' }));
    }
    const [reached] = await numbersOf(() => score(image));
    if (!Number.isFinite(reached!)) {
      fail(where, "the filter's activation is not finite; check the model's weights.");
    }
    if (reached! <= started!) {
      fail(
        where,
        `filter ${filter} of ${layer} responds no more to the result (${reached}) than to the start (${started}); try a smaller learningRate, another seed or, where a ReLU blocks the gradient, the layer before it (conv5_3 for relu5_3).`,
      );
    }
    const values = await image.data<'float32'>();
    return { data: Uint8Array.from(values, (value) => Math.round(255 * value)), width, height };
  } finally {
    for (const one of [image, base]) one.dispose();
  }
}

/** Where an image starts: the color that the network takes for 0, from 0 to 1 and in the order of the image's channels. */
function baseColor(preprocessing: Preprocessing | undefined, colors: number): number[] {
  if (!preprocessing) return new Array<number>(colors).fill(0);
  const { mean, white, channels } = preprocessing;
  const color = mean.slice(0, colors).map((value) => Math.min(1, Math.max(0, value / white)));
  return channels === 'BGR' ? color.reverse() : color;
}

function smoothed(gradient: Tensor, deviation: number): Tensor {
  return deviation === 0 ? gradient : blurred(gradient as Tensor4D, deviation, Math.ceil(3 * deviation));
}

/** An image shifted by whole pixels; what leaves on one side enters on the other. */
function rolled(x: Tensor, down: number, right: number): Tensor {
  return rolledAlong(rolledAlong(x, 1, down), 2, right);
}

function rolledAlong(x: Tensor, axis: 1 | 2, by: number): Tensor {
  const length = x.shape[axis]!;
  const cut = ((-by % length) + length) % length;
  if (cut === 0) return x;
  const part = (from: number, to: number) => {
    const begin = x.shape.map((_, i) => (i === axis ? from : 0));
    return slice(
      x,
      begin,
      x.shape.map((all, i) => (i === axis ? to - from : all)),
    );
  };
  return concat([part(cut, length), part(0, cut)], axis);
}
