import { mul, type Tensor, tensor, tidy } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { fillUniform } from '../base/fill.js';
import { layersWithin } from '../tfjs/layersWithin.js';
import { replaceCalls } from '../tfjs/replaceCalls.js';

/** The dropout layers of a model during a run. */
export interface SeededDropout {
  /** Which step's masks are drawn from now on. */
  setStep(step: number): void;
  /** Gives the layers their own behaviour back. */
  release(): void;
}

/**
 * Makes the dropout layers of a model draw their masks by a run's seed: another at each step, and the same in every process
 * and on every backend, so that a run can be repeated. A layer of tfjs's with a seed draws the same mask at every step, and
 * without one another in every process.
 */
export function seedDropout(model: LayersModel, seed: number): SeededDropout {
  const layers = layersWithin(model).filter((layer) => layer.getClassName() === 'Dropout');
  let step = 0;
  const release = replaceCalls(layers, (layer, own, i) => {
    const { rate, noiseShape } = layer.getConfig() as { rate: number; noiseShape?: (number | null)[] };
    return (inputs, kwargs) => {
      if (kwargs.training !== true || !(rate > 0 && rate < 1)) return own(inputs, kwargs);
      const x = (Array.isArray(inputs) ? inputs[0] : inputs) as Tensor;
      const shape = noiseShape?.map((side, axis) => side ?? x.shape[axis]!) ?? x.shape;
      // Far from the streams of the initial weights.
      const stream = 0x80000000 + i + layers.length * step;
      return tidy(() => mul(x, mask(shape, rate, seed, stream)));
    };
  });
  return {
    setStep(now) {
      step = now;
    },
    release,
  };
}

/** Zeros for the share `rate` of the numbers; the others make up for them. */
function mask(shape: number[], rate: number, seed: number, stream: number): Tensor {
  const values = new Float32Array(shape.reduce((size, side) => size * side, 1));
  fillUniform(values, 0.5, seed, stream);
  const kept = 1 / (1 - rate);
  // A product, since a branch that falls either way by chance takes as long as the draw.
  for (let i = 0; i < values.length; i++) values[i] = kept * Number(values[i]! >= rate - 0.5);
  return tensor(values, shape);
}
