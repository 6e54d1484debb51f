import { type Tensor, tensor } from '@tensorflow/tfjs-core';
import { initializers } from '@tensorflow/tfjs-layers';
import { fillNormal, fillUniform } from '../base/random.js';
import { shapeText, size } from '../base/shapes.js';
import { memoryView, unfilledTensor } from '../tfjs/memory.js';
import { noMemory } from '../tfjs/outOfMemory.js';
import type { Initializer } from './options.js';

/** Numbers in a kernel: four GiB, all the memory that WebAssembly has. */
const MAX_WEIGHTS = 2 ** 30;

type TfjsInitializer = ReturnType<typeof initializers.glorotUniform>;

/** The initializers of a network's kernels, in the order of its layers. */
export interface KernelInitializers {
  next(): TfjsInitializer;
}

/** For a model whose kernels are all about to be loaded: they stay uninitialized. */
export const UNFILLED: KernelInitializers = { next: () => undrawn() };

/** Each kernel has its own stream of random numbers: those of the n-th depend on `seed` and n alone. */
export function kernelInitializers(options: { initializer: Initializer; seed: number }): KernelInitializers {
  const { initializer, seed } = options;
  let kernels = 0;
  return {
    next() {
      const stream = kernels++;
      if (initializer === 'zeros') return undrawn((memory) => memory.fill(0));
      // One of tfjs's initializers, because a saved model must name one that plain tfjs knows. Only its draw is replaced, since
      // tfjs draws one number at a time through three closures.
      const instance: TfjsInitializer = initializers[initializer]({ seed });
      instance.apply = (shape) => draw(shape as number[], initializer, seed, stream);
      return instance;
    },
  };
}

/** tfjs's zeros, allocated directly in the backend's memory, which only `clear` sets to zero. */
function undrawn(clear?: (memory: Float32Array) => void): TfjsInitializer {
  const instance = initializers.zeros();
  instance.apply = (shape) => filled(shape as number[], (values, inPlace) => inPlace && clear?.(values));
  return instance;
}

/**
 * A kernel of the given shape, `[height, width, in, out]` or `[in, out]`. Glorot & Bengio (2010) divide the variance
 * by the mean of fan-in and fan-out, He et al. (2015) by half the fan-in.
 */
function draw(
  shape: number[],
  initializer: Exclude<Initializer, 'zeros'>,
  seed: number,
  stream: number,
): Tensor {
  const [inChannels, outChannels] = shape.slice(-2) as [number, number];
  const window = size(shape.slice(0, -2));
  const glorot = initializer.startsWith('glorot');
  const variance = 2 / (window * (glorot ? inChannels + outChannels : inChannels));
  return filled(shape, (values) => {
    if (initializer.endsWith('Normal')) fillNormal(values, Math.sqrt(variance), seed, stream);
    else fillUniform(values, Math.sqrt(3 * variance), seed, stream);
  });
}

/**
 * A tensor filled by `fill`, directly in the backend's memory where that can be reached: with half a gigabyte of weights,
 * touching the memory of a copy takes longer than drawing the numbers.
 */
function filled(shape: number[], fill: (values: Float32Array, inPlace: boolean) => void): Tensor {
  if (size(shape) > MAX_WEIGHTS) throw noMemory(`a kernel of ${shapeText(shape)} has more than 2^30 numbers`);
  const inPlace = unfilledTensor(shape);
  if (inPlace) {
    fill(memoryView(inPlace)!, true);
    return inPlace;
  }
  const values = new Float32Array(size(shape));
  fill(values, false);
  return tensor(values, shape);
}
