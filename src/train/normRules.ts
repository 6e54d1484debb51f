import type { LayersModel } from '@tensorflow/tfjs-layers';
import { fail } from '../base/check.js';
import { isFrozen, layersWithin } from '../tfjs/models.js';
import { lacksConstants, withConstants } from '../tfjs/normConstants.js';
import { type Replacement, replaceCalls, together } from '../tfjs/replaceCalls.js';

/**
 * Makes normalization train as in Keras. Frozen batch normalization uses its moving statistics in training too, and leaves them
 * unchanged; in tfjs `trainable` does not affect either. Layers without a scale or an offset have ones and zeros in its place,
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
  const rules = replaceCalls(norms, (layer, own) => (inputs, kwargs) => {
    const training = kwargs.training === true && !isFrozen(layer);
    return own(inputs, { ...kwargs, training });
  });
  const incomplete = layersWithin(model).filter(lacksConstants);
  const constants = replaceCalls(
    incomplete,
    (layer, own) => (inputs, kwargs) => withConstants(layer, inputs, () => own(inputs, kwargs)),
  );
  return together([constants, rules]);
}
