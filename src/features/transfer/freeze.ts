import type { LayersModel } from '@tensorflow/tfjs-layers';
import { isAverage } from '../../core/vgg.js';
import { layersOf } from '../taps/taps.js';

/**
 * Freezes a model's layers, from its input up to and including one. `train` of `vgg-blocks/train` does not change their
 * weights, and their batch normalization uses its moving statistics without updating them, as in Keras; tfjs's `fit` would
 * update them.
 *
 * @param upTo a layer (`block4_pool`, `pool4`, or any name that `featureExtractor` knows) or a block (`block4`). Default: the
 *   last layer.
 * @returns the same model.
 * @throws RangeError when there is no such layer.
 * @example const base = freeze(await fromWeights(file, { includeTop: false }).then(({ model }) => model));
 */
export function freeze(model: LayersModel, upTo?: string): LayersModel {
  const end = upTo === undefined ? model.layers.length : layersOf('freeze', model, upTo).last + 1;
  for (const layer of model.layers.slice(0, end)) layer.trainable = false;
  return model;
}

/**
 * Unfreezes a model's layers, from one of them to its output; those before it stay as they are. The averages of `adaptivePool`
 * always stay fixed.
 *
 * @param from a layer or a block, as for {@link freeze}. Default: the first layer.
 * @returns the same model.
 * @throws RangeError when there is no such layer.
 * @example await train(unfreeze(model, 'block5'), sets, { optimizer: 'adam', learningRate: 1e-4 });
 */
export function unfreeze(model: LayersModel, from?: string): LayersModel {
  const start = from === undefined ? 0 : layersOf('unfreeze', model, from).first;
  for (const layer of model.layers.slice(start)) if (!isAverage(layer.name)) layer.trainable = true;
  return model;
}
