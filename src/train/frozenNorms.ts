import type { LayersModel } from '@tensorflow/tfjs-layers';
import { layersWithin } from './layersWithin.js';

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
  for (const layer of frozen) {
    const { call } = layer;
    layer.call = (inputs, kwargs) => call.call(layer, inputs, { ...kwargs, training: false });
  }
  return () => {
    // Their own is that of their class.
    for (const layer of frozen) Reflect.deleteProperty(layer, 'call');
  };
}
