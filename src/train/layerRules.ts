import { mul, type Tensor, tensor, tidy } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
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
 * Makes frozen batch normalization use its moving statistics in training too, and leave them unchanged, as in Keras. In tfjs
 * `trainable` does not affect either.
 */
export function holdFrozenNorms(model: LayersModel): Replacement {
  const frozen = layersWithin(model).filter(
    (layer) => layer.getClassName() === 'BatchNormalization' && isFrozen(layer),
  );
  return replaceCalls(frozen, (_, own) => (inputs, kwargs) => own(inputs, { ...kwargs, training: false }));
}
