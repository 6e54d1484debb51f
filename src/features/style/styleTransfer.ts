import { randomUniform, type Tensor4D, variable } from '@tensorflow/tfjs-core';
import { checkSeed, fail, oneOf, wholeNumber } from '../../base/check.js';
import type { Preprocessing } from '../../images/index.js';
import {
  fittedSize,
  type ImageInput,
  imageToTensor,
  type RawImage,
  tensorToImage,
  toRgb,
} from '../../images/index.js';
import { imageOptimizer } from './imageOptimizer.js';
import {
  checkStyleSize,
  resolveStyle,
  type StyleLosses,
  type StyleLossOptions,
  styleObjective,
} from './styleObjective.js';

/** How far a style transfer is. */
export interface StyleProgress {
  /** Steps done, from 1. */
  step: number;
  /** Steps asked for. */
  steps: number;
  /** As they were measured last: by L-BFGS at the picture as it is, by Adam at the one before the step. */
  losses: StyleLosses;
  /** Estimated seconds until the last step is done. */
  secondsLeft: number;
  /** Makes the picture as it is now; to be called before the callback, or what it promises, ends. */
  picture(): Promise<RawImage>;
}

/** Which picture is restyled, and how. */
export interface StyleTransferOptions extends StyleLossOptions {
  /** What the picture shows. */
  content: ImageInput;
  /** What it is to look like. */
  style: ImageInput;
  /** The recipe that belongs to the model's weights: `published.preprocessing`, or a row's of `PUBLISHED`. */
  preprocessing: Preprocessing;
  /** The longer side of content, style and result in pixels. Default 256. */
  size?: number;
  /** Default 100. */
  steps?: number;
  /**
   * `'lbfgs'`, the default, is what the paper minimizes with, and needs a quarter of the steps of `'adam'` for the same loss
   * (docs/perceptual.md has the measurement). A move of its that would make the loss larger is shortened.
   */
  optimizer?: 'lbfgs' | 'adam';
  /** Default 1 for L-BFGS; 0.02 for Adam, in units of black to white. */
  learningRate?: number;
  /** What the picture is at first: the content (default), even noise, or a picture, made as large as the content. */
  init?: 'content' | 'noise' | ImageInput;
  /** Draws the noise, a whole number from 0 on. Default 0. */
  seed?: number;
  /** Called after every `every` steps and after the last one, and awaited. */
  onProgress?: (progress: StyleProgress) => void | Promise<void>;
  /** Default 10. */
  every?: number;
  /** Stops after the step that is running; the picture so far is the result. */
  signal?: AbortSignal;
  /** More memory than this for a step, in bytes, is refused; default 3 GiB, what the wasm backend has to give. */
  maxBytes?: number;
}

/** A picture in another's style. */
export interface StyledImage {
  /** RGB, as large as the content after resizing. */
  picture: RawImage;
  /** As they were measured last; undefined when there was no step. */
  losses: StyleLosses | undefined;
  /** Steps done. */
  steps: number;
  /** `'converged'` when L-BFGS found no way to make the loss any smaller. */
  ended: 'finished' | 'converged' | 'aborted';
}

const LEARNING_RATES = { lbfgs: 1, adam: 0.02 } as const;

/**
 * Gives a picture the style of another (Gatys, Ecker & Bethge 2016): changes its pixels step by step until a network's deep
 * features are those of the content, and the Gram matrices of its features those of the style.
 *
 * The loss is `contentWeight` times the mean squared difference of the content layers' features, plus `styleWeight` times
 * that of the style layers' Gram matrices (each over height x width x channels), plus `tvWeight` times the total variation
 * over the picture's numbers. That is PyTorch's tutorial, number for number; the paper's has other constants, which the
 * weights take up. Targets are computed once, memory stays the same over the steps, and nothing is left on the backend.
 *
 * @throws RangeError before anything is computed when an option is out of range, the pictures are too small for the layers
 *   or need more than `maxBytes`; Error when the losses stop being numbers.
 * @example
 * const { model, published } = await fromPretrained('torchvision/vgg19');
 * const { picture } = await styleTransfer({ model, ...published, content, style, size: 384 });
 */
export async function styleTransfer(options: StyleTransferOptions): Promise<StyledImage> {
  const where = 'styleTransfer';
  const steps = wholeNumber(where, 'steps', options.steps ?? 100);
  const every = wholeNumber(where, 'every', options.every ?? 10);
  const size = wholeNumber(where, 'size', options.size ?? 256);
  const seed = checkSeed(where, options.seed ?? 0);
  const name = oneOf(where, 'optimizer', options.optimizer ?? 'lbfgs', ['lbfgs', 'adam']);
  const rate = options.learningRate ?? LEARNING_RATES[name];
  if (!(rate > 0 && rate < Number.POSITIVE_INFINITY)) {
    fail(where, `learningRate is ${rate}; it must be above 0, e.g. ${LEARNING_RATES[name]} for ${name}.`);
  }
  const loss = resolveStyle(where, options);
  const { signal, init = 'content' } = options;
  const held: { dispose(): void }[] = [];
  const hold = <T extends { dispose(): void }>(one: T): T => {
    held.push(one);
    return one;
  };
  try {
    const pictures = [await toRgb(options.content, where), await toRgb(options.style, where)] as const;
    for (const one of pictures) checkStyleSize(where, loss, fittedSize(one, size), options.maxBytes);
    const content = hold(await imageToTensor(pictures[0], { size }));
    const style = hold(await imageToTensor(pictures[1], { size }));
    const first = await firstImage(init, content, seed);
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
      const measured = await optimizer.step();
      step++;
      if (measured) losses = measured;
      else ended = 'converged';
      if (!Number.isFinite(losses?.total ?? 0)) {
        throw new Error(
          `styleTransfer: the loss is ${losses!.total}; check the model's weights, or take a smaller learningRate.`,
        );
      }
      if (losses && (step % every === 0 || step === steps || ended === 'converged')) {
        const secondsLeft = ((performance.now() - start) / 1000 / step) * (steps - step);
        await options.onProgress?.({ step, steps, losses, secondsLeft, picture: () => tensorToImage(image) });
      }
      // Timers, signals and the page have a turn.
      await new Promise((resolve) => setTimeout(resolve));
    }
    return { picture: await tensorToImage(image), losses, steps: step, ended };
  } finally {
    for (const one of held.reverse()) one.dispose();
  }
}

async function firstImage(
  init: 'content' | 'noise' | ImageInput,
  content: Tensor4D,
  seed: number,
): Promise<Tensor4D> {
  if (init === 'content') return content;
  if (init === 'noise') return randomUniform(content.shape, 0, 1, 'float32', seed) as Tensor4D;
  const image = await imageToTensor(init as ImageInput, {
    size: Math.max(content.shape[1], content.shape[2]),
  });
  if (image.shape.join() === content.shape.join()) return image;
  image.dispose();
  fail(
    'styleTransfer',
    `init is ${image.shape[2]}x${image.shape[1]} and the content ${content.shape[2]}x${content.shape[1]} pixels after resizing; give a picture of the content's proportions.`,
  );
}
