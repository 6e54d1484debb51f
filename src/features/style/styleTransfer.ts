import { keep, randomUniform, type Tensor4D, variable } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { COUNT, checkArguments, MODEL, withFields } from '../../base/arguments.js';
import { checkSeed, fail, numberThat, oneOf, wholeNumber } from '../../base/check.js';
import type { Progress } from '../../base/progress.js';
import { publishedOptionsOf } from '../../base/publishedOptions.js';
import { isStopped, unlessAborted } from '../../base/unlessAborted.js';
import { imageTensor } from '../../images/imageToTensor.js';
import {
  fittedSize,
  type ImageInput,
  type Preprocessing,
  type RawImage,
  tensorToImage,
  toRgb,
} from '../../images/index.js';
import { inUse } from '../../tfjs/inUse.js';
import { checkWeights } from '../../train/finite.js';
import { preprocessingFor } from '../../weights/metadata.js';
import { imageOptimizer } from './imageOptimizer.js';
import {
  checkStyleSize,
  resolveStyle,
  type StyleLosses,
  type StyleLossOptions,
  styleObjective,
} from './styleObjective.js';

/** Progress of a style transfer, in `'steps'`. */
export interface StyleProgress extends Required<Progress> {
  /** The latest losses: of the current image with L-BFGS, of the image before the step with Adam. */
  losses: StyleLosses;
  /** Estimated seconds until the last step is done. */
  secondsLeft: number;
  /** Reads the current image; call it before the callback's promise resolves. */
  image(): Promise<RawImage>;
}

/** The two images of a style transfer. */
export interface StyleImages {
  content: ImageInput;
  style: ImageInput;
}

/** Options of {@link styleTransfer}. */
export interface StyleTransferOptions extends StyleLossOptions {
  /**
   * Preprocessing of the model's weights: `published.preprocessing`, or that of an entry of `PUBLISHED`. Default: the one that the
   * model carries.
   */
  preprocessing?: Preprocessing;
  /** Longer side of content, style and result in pixels. Default 256. */
  size?: number;
  /** Default 100. */
  steps?: number;
  /**
   * `'lbfgs'`, the default, is the paper's, and needs a quarter of the steps of `'adam'` for the same loss (measured in
   * docs/perceptual.md). A move that would increase the loss is shortened.
   */
  optimizer?: 'lbfgs' | 'adam';
  /** Default 1 for L-BFGS; 0.02 for Adam, where 1 is the range from black to white. */
  learningRate?: number;
  /** The initial image: the content (default), uniform noise, or an image, resized like the content. */
  init?: 'content' | 'noise' | ImageInput;
  /** Seed of the noise, 0 to 4294967295. Default 0. */
  seed?: number;
  /** Called after every `every` steps and after the last one, and awaited. */
  onProgress?: (progress: StyleProgress) => void | Promise<void>;
  /** Default 10. */
  every?: number;
  /** Stops after the current step; the result is the image so far. */
  signal?: AbortSignal;
  /** Limit in bytes on the memory of a step; default 3 GiB, which fits the wasm backend. */
  maxBytes?: number;
}

/** Result of {@link styleTransfer}. */
export interface StyledImage {
  /** RGB, of the content's size after resizing. */
  image: RawImage;
  /** The latest losses: of the initial image where no step decreases them; undefined when it was aborted before the first step. */
  losses: StyleLosses | undefined;
  /** Steps done, 0 when none decreases the loss. */
  steps: number;
  /** `'converged'` when L-BFGS cannot decrease the loss any further. */
  ended: 'finished' | 'converged' | 'aborted';
}

const LEARNING_RATES = { lbfgs: 1, adam: 0.02 } as const;

/**
 * Renders one image in the style of another (Gatys, Ecker & Bethge 2016): changes pixels step by step until a network's deep
 * features match the content, and the Gram matrices of its features match the style.
 *
 * The loss is `contentWeight` times the mean squared difference of the content layers' features, plus `styleWeight` times that
 * of the style layers' Gram matrices (divided by height x width x channels), plus `tvWeight` times the mean total variation. It
 * equals the loss of PyTorch's tutorial; the paper's differs by constants, which the weights can absorb. Targets are computed
 * once, and memory does not grow over the steps.
 *
 * @param model any VGG of the library; the caller disposes it, and its weights do not change.
 * @throws RangeError before anything is computed when an option is out of range, the images are too small for the layers or do not fit them
 *   or need more than `maxBytes`; Error when the loss becomes NaN or infinite.
 * @example
 * const { model, published } = await fromPretrained('torchvision/vgg19');
 * const { image } = await styleTransfer(model, { content, style }, { ...published, size: 384 });
 */
export function styleTransfer(
  model: LayersModel,
  images: StyleImages,
  settings: StyleTransferOptions = {},
): Promise<StyledImage> {
  return inUse('styleTransfer', { model }, () => transferred(model, images, settings));
}

async function transferred(
  model: LayersModel,
  images: StyleImages,
  settings: StyleTransferOptions,
): Promise<StyledImage> {
  checkArguments(
    'styleTransfer',
    { model, images },
    { model: MODEL, images: withFields('{ content, style }', 'content', 'style') },
  );
  const given = publishedOptionsOf('styleTransfer', settings, {
    preprocessing: 1,
    size: 1,
    steps: 1,
    optimizer: 1,
    learningRate: 1,
    init: 1,
    seed: 1,
    onProgress: 1,
    every: 1,
    signal: 1,
    maxBytes: COUNT,
    contentLayers: 1,
    contentLayerWeights: 1,
    styleLayers: 1,
    styleLayerWeights: 1,
    contentWeight: 1,
    styleWeight: 1,
    tvWeight: 1,
    pooling: 1,
  });
  const options = { ...given, preprocessing: preprocessingFor('styleTransfer', model, given.preprocessing) };

  const where = 'styleTransfer';
  const { steps = 100, every = 10, size = 256, seed = 0, optimizer: name = 'lbfgs' } = options;
  for (const [one, value] of Object.entries({ steps, every, size })) wholeNumber(where, one, value);
  checkSeed(where, seed);
  oneOf(where, 'optimizer', name, ['lbfgs', 'adam']);
  const { learningRate: rate = LEARNING_RATES[name] } = options;
  const isPositive = (n: number) => n > 0 && n < Number.POSITIVE_INFINITY;
  const allowed = `above 0, e.g. ${LEARNING_RATES[name]} for ${name}`;
  numberThat(where, 'learningRate', rate, isPositive, allowed);
  const loss = resolveStyle(where, model, options);
  await checkWeights(where, model);
  const { signal, init = 'content' } = options;
  const held: { dispose(): void }[] = [];
  const hold = <T extends { dispose(): void }>(one: T): T => {
    held.push(one);
    return one;
  };
  try {
    const pixels = [await toRgb(images.content, where), await toRgb(images.style, where)] as const;
    for (const one of pixels) checkStyleSize(where, loss, fittedSize(one, size), options.maxBytes);
    const content = hold(await imageTensor(where, pixels[0], { size }));
    const style = hold(await imageTensor(where, pixels[1], { size }));
    const first = await firstImage(where, init, content, seed);
    const image = hold(variable(first));
    if (first !== content) first.dispose();
    const objective = hold(styleObjective(loss, content, style));
    const optimizer = hold(imageOptimizer(name, rate, image, () => objective.measure(image)));
    const start = performance.now();
    let losses: StyleLosses | undefined;
    let step = 0;
    let ended: StyledImage['ended'] = 'finished';
    while (step < steps && ended === 'finished') {
      if (signal?.aborted) {
        ended = 'aborted';
        break;
      }
      const { losses: measured, moved } = await optimizer.step();
      losses = measured;
      if (moved) step++;
      else ended = 'converged';
      if (!Number.isFinite(losses.total)) {
        throw new Error(
          `styleTransfer: the loss is ${losses.total}; check the model's weights, or use a smaller learningRate.`,
        );
      }
      const isReported = step % every === 0;
      if (moved ? isReported || step === steps : !isReported) {
        const secondsLeft = ((performance.now() - start) / 1000 / step) * (steps - step);
        const progress: StyleProgress = {
          ...{ done: step, total: steps, unit: 'steps', losses, secondsLeft },
          image: () => {
            if (image.isDisposed)
              fail(where, 'image() was called after the run; call it while onProgress runs.');
            return tensorToImage(image);
          },
        };
        // Once it is aborted, the run ends here.
        await isStopped(signal, () => unlessAborted(signal, () => options.onProgress?.(progress)));
      }
      // Lets timers, signals and the page run.
      await new Promise((resolve) => setTimeout(resolve));
    }
    return { image: await tensorToImage(image), losses, steps: step, ended };
  } finally {
    for (const one of held.reverse()) one.dispose();
  }
}

async function firstImage(
  where: string,
  init: 'content' | 'noise' | ImageInput,
  content: Tensor4D,
  seed: number,
): Promise<Tensor4D> {
  if (init === 'content') return content;
  if (init === 'noise') return keep(randomUniform(content.shape, 0, 1, 'float32', seed)) as Tensor4D;
  const image = await imageTensor(where, init as ImageInput, {
    size: Math.max(content.shape[1], content.shape[2]),
  });
  if (image.shape.join() === content.shape.join()) return image;
  image.dispose();
  fail(
    where,
    `init is ${image.shape[2]}x${image.shape[1]} and the content ${content.shape[2]}x${content.shape[1]} pixels after resizing; pass an image of the content's proportions.`,
  );
}
