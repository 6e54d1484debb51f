import { ones, type Tensor, zeros } from '@tensorflow/tfjs-core';
import type { LayersModel, layers } from '@tensorflow/tfjs-layers';
import { fail } from '../base/check.js';
import { isFrozen, layersWithin } from '../tfjs/models.js';
import { type Replacement, replaceCalls } from '../tfjs/replaceCalls.js';

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
