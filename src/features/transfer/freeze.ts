import type { LayersModel, layers } from '@tensorflow/tfjs-layers';
import { placeOf } from '../taps/places.js';

/**
 * Keeps a model's layers from being trained, from its input up to and including one. `train` of `vgg-blocks/train` leaves
 * their weights as they are, bit for bit, and their batch normalization uses and keeps its moving statistics, as Keras has
 * it; `fit` of tfjs would go on changing these.
 *
 * @param upTo a layer (`block4_pool`, `pool4`, or another name that `featureExtractor` takes) or a block (`block4`). Default: the
 *   last layer.
 * @returns the model that was given.
 * @throws RangeError when there is no such layer.
 * @example const base = freeze(await fromWeights(file, { includeTop: false }).then(({ model }) => model));
 */
export function freeze(model: LayersModel, upTo?: string): LayersModel {
  const end = upTo === undefined ? model.layers.length : placeOf('freeze', model, upTo).last + 1;
  for (const layer of model.layers.slice(0, end)) layer.trainable = false;
  return model;
}

/**
 * Lets a model's layers be trained again, from one of them to its output; those before it stay as they are. The fixed
 * averages of `adaptivePool` are no weights to be trained and stay fixed.
 *
 * @param from a layer or a block, as for {@link freeze}. Default: the first.
 * @returns the model that was given.
 * @throws RangeError when there is no such layer.
 * @example await train(unfreeze(model, 'block5'), data, { optimizer: 'adam', learningRate: 1e-4 });
 */
export function unfreeze(model: LayersModel, from?: string): LayersModel {
  const start = from === undefined ? 0 : placeOf('unfreeze', model, from).first;
  for (const layer of model.layers.slice(start)) if (!isFixed(layer)) layer.trainable = true;
  return model;
}

/** Whether a layer's matrix averages the places of `adaptivePool`. */
function isFixed({ name }: layers.Layer): boolean {
  return /^avgpool_(height|width)$/.test(name);
}
