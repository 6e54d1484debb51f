import { mul, ones, type Tensor, tensor, tidy, zeros } from '@tensorflow/tfjs-core';
import type { LayersModel, layers } from '@tensorflow/tfjs-layers';
import { fail } from '../base/check.js';
import { fillUniform } from '../base/random.js';
import { size } from '../base/shapes.js';
import { isFrozen, layersWithin } from '../tfjs/models.js';
import { type Replacement, replaceCalls } from '../tfjs/replaceCalls.js';

/** The dropout layers of a model during a run's steps. */
export interface SeededDropout extends Replacement {
  /** Selects the masks of a step: those of its examples from `first` on, by default of all. */
  setStep(step: number, first?: number): void;
}

/**
 * Makes the dropout layers of a model draw their masks from a run's seed: different masks at each step, and the same in every
 * process and on every backend, so that runs are reproducible. In tfjs a layer with a seed draws the same mask at every step,
 * and one without a seed draws different masks in every process.
 */
export function seedDropout(model: LayersModel, seed: number): SeededDropout {
  const layers = layersWithin(model).filter((layer) => layer.getClassName() === 'Dropout');
  let [step, first] = [0, 0];
  const calls = replaceCalls(layers, (layer, own, i) => {
    const { rate, noiseShape } = layer.getConfig() as { rate: number; noiseShape?: (number | null)[] };
    return (inputs, kwargs) => {
      if (kwargs.training !== true || !(rate > 0 && rate < 1)) return own(inputs, kwargs);
      const x = (Array.isArray(inputs) ? inputs[0] : inputs) as Tensor;
      const shape = noiseShape?.map((length, axis) => length ?? x.shape[axis]!) ?? x.shape;
      // Examples may share a mask.
      const skipped = noiseShape?.[0] == null ? first : 0;
      // Far from the streams of the initial weights.
      const stream = 0x80000000 + i + layers.length * step;
      return tidy(() => mul(x, mask(shape, skipped, rate, seed, stream)));
    };
  });
  return {
    setStep(now, from = 0) {
      [step, first] = [now, from];
    },
    ...calls,
  };
}

/**
 * Zeros for a fraction `rate` of the numbers; the others are scaled up to keep the sum.
 *
 * @param skipped rows of the stream's mask that come before.
 */
function mask(shape: number[], skipped: number, rate: number, seed: number, stream: number): Tensor {
  const [rows, ...row] = shape as [number, ...number[]];
  const drawn = new Float32Array((skipped + rows) * size(row));
  fillUniform(drawn, 0.5, seed, stream);
  const values = drawn.subarray(skipped * size(row));
  const kept = 1 / (1 - rate);
  // A product, because an unpredictable branch takes as long as the draw.
  for (let i = 0; i < values.length; i++) values[i] = kept * Number(values[i]! >= rate - 0.5);
  return tensor(values, shape);
}

/**
 * Makes batch normalization train as in Keras. Frozen layers use their moving statistics in training too, and leave them
 * unchanged; in tfjs `trainable` does not affect either. Those without a scale or an offset have ones and zeros in its place,
 * where tfjs fails.
 *
 * @throws RangeError when a layer normalizes another axis than the last, which tfjs cannot train.
 */
export function trainNorms(where: string, model: LayersModel): Replacement {
  const norms = layersWithin(model).filter((layer) => layer.getClassName() === 'BatchNormalization');
  for (const norm of norms) {
    const { axis } = norm.getConfig() as { axis: number };
    const rank = norm.inputSpec[0]!.ndim!;
    if (axis === -1 || axis === rank - 1 || isFrozen(norm)) continue;
    fail(
      where,
      `${norm.name} normalizes axis ${axis} of ${rank}, which TensorFlow.js computes but cannot train; freeze it, or build it with axis -1.`,
    );
  }
  return replaceCalls(norms, (layer, own) => (inputs, kwargs) => {
    if (kwargs.training !== true) return own(inputs, kwargs);
    if (isFrozen(layer)) return own(inputs, { ...kwargs, training: false });
    return withConstants(layer, ([inputs].flat()[0] as Tensor).shape.at(-1)!, () => own(inputs, kwargs));
  });
}

/** Gives a layer a scale of ones and an offset of zeros, as far as it has none, while `work` runs. */
function withConstants<T>(layer: layers.Layer, channels: number, work: () => T): T {
  const norm = layer as unknown as Partial<Record<'gamma' | 'beta', { read(): Tensor }>>;
  const absent = Object.entries({ gamma: ones, beta: zeros }).filter(([name]) => !norm[name as 'gamma']);
  for (const [name, create] of absent) {
    const constant = create([channels]);
    norm[name as 'gamma'] = { read: () => constant };
  }
  try {
    return work();
  } finally {
    for (const [name] of absent) norm[name as 'gamma'] = undefined;
  }
}
