import { input, type LayersModel, type SymbolicTensor, model as tfjsModel } from '@tensorflow/tfjs-layers';
import { fail } from '../../base/check.js';
import { sharedLayer } from '../../tfjs/sharedLayer.js';
import { checkChain } from '../taps/chain.js';
import { featureExtractor } from '../taps/featureExtractor.js';
import { placeOf } from '../taps/places.js';

/**
 * A model in two: what computes the features of a layer, and what makes the output of them. Both share the model's
 * weights, so what `upper` learns the model has; they take no memory, and disposing them frees nothing. Which layers are
 * trained is as it was when the model was split.
 *
 * With the features in a cache, training what comes after them costs a fraction of training the model.
 *
 * @param at the last layer of the lower part: a layer's name, or a block's (`block4` for `block4_pool`).
 * @returns `lower`, from images to the features, and `upper`, from the features to the model's output.
 * @throws RangeError when there is no such layer, nothing follows it, or the layers are no chain.
 * @example
 * const { lower, upper } = splitModel(model, 'block5');
 * const features = await cacheFeatures(lower, examples);
 * await train(upper, { train: features });
 */
export function splitModel(model: LayersModel, at: string): { lower: LayersModel; upper: LayersModel } {
  const { last } = placeOf('splitModel', model, at);
  const above = model.layers.slice(last + 1);
  if (above.length === 0) {
    fail(
      'splitModel',
      `${model.layers[last]!.name} is the model's last layer, so nothing would be above it; name one before it.`,
    );
  }
  const lower = featureExtractor(model, model.layers[last]!.name, { name: `${model.name}_lower` });
  const features = input({
    shape: (lower.outputs[0]!.shape as (number | null)[]).slice(1),
    name: `${model.layers[last]!.name}_features`,
  });
  checkChain('splitModel', model.layers.slice(last));
  let x = features;
  for (const layer of above) x = sharedLayer(layer).apply(x) as SymbolicTensor;
  return { lower, upper: tfjsModel({ inputs: features, outputs: x, name: `${model.name}_upper` }) };
}
