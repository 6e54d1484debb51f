import type { LayersModel } from '@tensorflow/tfjs-layers';
import { checkArguments, MODEL, optional, TEXT } from '../../base/arguments.js';
import { isAverage } from '../../core/vgg.js';
import { type Call, callsTo, type Graph, graphOf } from '../../tfjs/graph.js';
import { isFrozen, modelsWithin } from '../../tfjs/models.js';
import { callsOf } from '../taps/taps.js';

/**
 * Freezes a model's layers, from its input up to and including one. `train` of `vgg-blocks/train` does not change their
 * weights, and their batch normalization uses its moving statistics without updating them, as in Keras; tfjs's `fit` would
 * update them.
 *
 * @param upTo a layer (`block4_pool`, `pool4`, or any name that `featureExtractor` knows) or a block (`block4`). With branches,
 *   all that the layer depends on. Default: all layers.
 * @returns the same model.
 * @throws RangeError when there is no such layer.
 * @example const base = freeze(await fromWeights(file, { includeTop: false }).then(({ model }) => model));
 */
export function freeze(model: LayersModel, upTo?: string): LayersModel {
  checkArguments('freeze', { model, upTo }, { model: MODEL, upTo: optional(TEXT) });

  const graph = graphOf('freeze', model);
  const calls =
    upTo === undefined ? graph.calls : callsTo([{ call: callsOf('freeze', graph, upTo).last, index: 0 }]);
  for (const { layer } of calls) layer.trainable = false;
  return model;
}

/**
 * Unfreezes a model's layers, from one of them to its output; those before it stay as they are. The averages of `adaptivePool`
 * always stay fixed.
 *
 * @param from a layer or a block, as for {@link freeze}. With branches, all that depends on it. Default: all layers.
 * @returns the same model.
 * @throws RangeError when there is no such layer.
 * @example await train(unfreeze(model, 'block5'), sets, { optimizer: 'adam', learningRate: 1e-4 });
 */
export function unfreeze(model: LayersModel, from?: string): LayersModel {
  checkArguments('unfreeze', { model, from }, { model: MODEL, from: optional(TEXT) });

  const graph = graphOf('unfreeze', model);
  const calls = new Set(
    from === undefined ? graph.calls : dependentOn(graph, callsOf('unfreeze', graph, from).first),
  );
  // A frozen model freezes all of its layers, which are then frozen one by one.
  const frozen = graph.calls.filter((call) => !calls.has(call) && isFrozen(call.layer));
  for (const one of [model, ...modelsWithin(model)]) one.trainable = true;
  for (const { layer } of frozen) layer.trainable = false;
  for (const { layer } of calls) if (!isAverage(layer.name)) layer.trainable = true;
  return model;
}

/** A call and those that depend on it. */
function dependentOn({ calls }: Graph, first: Call): Call[] {
  const found = new Set([first]);
  for (const call of calls) if (call.inputs.some((input) => found.has(input.call))) found.add(call);
  return [...found];
}
