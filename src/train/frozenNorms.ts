import type { LayersModel, layers } from '@tensorflow/tfjs-layers';

/**
 * Makes batch normalization that is not trainable use its moving statistics in training too, and leave them as they are, as
 * Keras does; tfjs goes by whether the model trains alone.
 *
 * @returns what gives the layers their own behaviour back.
 */
export function holdFrozenNorms(model: LayersModel): () => void {
  const frozen = flatten(model.layers).filter(
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

/** The layers of a model, those of models inside it among them. */
function flatten(all: readonly layers.Layer[]): layers.Layer[] {
  return all.flatMap((layer) => ('layers' in layer ? flatten(layer.layers as layers.Layer[]) : [layer]));
}
