import type { LayersModel, layers } from '@tensorflow/tfjs-layers';
import { fail } from '../base/check.js';
import { isFrozen } from '../tfjs/models.js';
import { constantsIn, unwrapped } from '../tfjs/normConstants.js';
import { type Replacement, replaceCalls, together } from '../tfjs/replaceCalls.js';

const bare = (norm: layers.Layer) => norm.trainableWeights.length === 0;

/**
 * Makes normalization train as in Keras. Frozen batch normalization uses its moving statistics in training too, and leaves them
 * unchanged; in tfjs `trainable` does not affect either. Layers without a scale or an offset have ones and zeros in its place,
 * where tfjs fails.
 *
 * @throws RangeError when a layer normalizes another axis than the last, which tfjs cannot train.
 */
export function trainNorms(where: string, model: LayersModel): Replacement {
  const placed = unwrapped(model.layers).filter(({ layer }) => layer.getClassName() === 'BatchNormalization');
  const norms = placed.map(({ layer }) => layer);
  // One without a scale and an offset has no weights in which tfjs would note that a model around it is frozen.
  const isHeld = (i: number) =>
    isFrozen(norms[i]!) || (bare(norms[i]!) && placed[i]!.around.some(({ trainable }) => !trainable));
  for (const [i, norm] of norms.entries()) {
    const { axis } = norm.getConfig() as { axis: number };
    const rank = norm.inputSpec[0]!.ndim!;
    if (axis === -1 || axis === rank - 1 || isHeld(i)) continue;
    fail(
      where,
      `${norm.name} normalizes axis ${axis} of ${rank}, which TensorFlow.js computes but cannot train; freeze it, or build it with axis -1.`,
    );
  }
  const rules = replaceCalls(norms, (_, own, i) => (inputs, kwargs) => {
    const training = kwargs.training === true && !isHeld(i);
    return own(inputs, { ...kwargs, training });
  });
  return together([constantsIn(model.layers), rules]);
}
