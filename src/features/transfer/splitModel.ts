import { input, type LayersModel, type SymbolicTensor, model as tfjsModel } from '@tensorflow/tfjs-layers';
import { fail } from '../../base/check.js';
import { sharedLayer } from '../../tfjs/sharedLayer.js';
import { checkChain } from '../taps/chain.js';
import { featureExtractor } from '../taps/featureExtractor.js';
import { layersOf } from '../taps/taps.js';

/**
 * Splits a model in two at a layer. Both parts share the model's weights: training `upper` trains the model, they take no memory,
 * and disposing them frees nothing. Frozen layers stay frozen.
 *
 * With cached features, training the upper part costs a fraction of training the model.
 *
 * @param at the last layer of the lower part: a layer's name, or a block's (`block4` for `block4_pool`).
 * @returns `lower`, from images to features, and `upper`, from features to the model's output.
 * @throws RangeError when there is no such layer, nothing follows it, or the layers are not a chain.
 * @example
 * const { lower, upper } = splitModel(model, 'block5');
 * const features = await cacheFeatures(lower, examples);
 * await train(upper, { trainSet: features });
 */
export function splitModel(model: LayersModel, at: string): { lower: LayersModel; upper: LayersModel } {
  const { last } = layersOf('splitModel', model, at);
  const above = model.layers.slice(last + 1);
  if (above.length === 0) {
    fail(
      'splitModel',
      `${model.layers[last]!.name} is the model's last layer, so nothing would be above it; use an earlier layer.`,
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
