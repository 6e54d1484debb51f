import type { LayersModel } from '@tensorflow/tfjs-layers';
import { layersWithin } from '../tfjs/layersWithin.js';
import { replaceCalls } from '../tfjs/replaceCalls.js';

/**
 * Makes batch normalization that is not trainable use its moving statistics in training too, and leave them as they are, as
 * Keras does; tfjs goes by whether the model trains alone.
 *
 * @returns what gives the layers their own behaviour back.
 */
export function holdFrozenNorms(model: LayersModel): () => void {
  const frozen = layersWithin(model).filter(
    (layer) => layer.getClassName() === 'BatchNormalization' && !layer.trainable,
  );
  return replaceCalls(frozen, (_, own) => (inputs, kwargs) => own(inputs, { ...kwargs, training: false }));
}
