import { input, type LayersModel, type SymbolicTensor, model as tfjsModel } from '@tensorflow/tfjs-layers';
import { checkArguments, MODEL, TEXT } from '../../base/arguments.js';
import { fail } from '../../base/check.js';
import { applied, type Call, callsTo, compute, graphOf, type Output } from '../../tfjs/graph.js';
import { sharedLayer, uniqueLayerNames } from '../../tfjs/sharedLayer.js';
import { extractorOf } from '../taps/featureExtractor.js';
import { callsOf } from '../taps/taps.js';

/**
 * Splits a model in two at a layer. Both parts share the model's weights: training `upper` trains the model, they take no memory,
 * and disposing them frees nothing. Frozen layers stay frozen.
 *
 * With cached features, training the upper part costs a fraction of training the model.
 *
 * @param at the last layer of the lower part: a layer's name, or a block's (`block4` for `block4_pool`).
 * @returns `lower`, from images to features, and `upper`, from features to the model's output.
 * @throws RangeError when there is no such layer, nothing follows it, or the layers above it read others below it
 *   or several of its outputs, too.
 * @example
 * const { lower, upper } = splitModel(model, 'block5');
 * const features = await cacheFeatures(lower, examples);
 * await train(upper, { trainSet: features });
 */
export function splitModel(model: LayersModel, at: string): { lower: LayersModel; upper: LayersModel } {
  checkArguments('splitModel', { model, at }, { model: MODEL, at: TEXT });

  const where = 'splitModel';
  const graph = graphOf(where, model);
  const { last } = callsOf(where, graph, at);
  const { name } = last.layer;
  if (graph.outputs.some(({ call }) => call === last)) {
    fail(where, `${name} is the model's last layer, so nothing would be above it; use an earlier layer.`);
  }
  const above = new Set(callsTo(graph.outputs, new Map([[last, true]])));
  const isOther = ({ call, index }: Output) => call === last && index > 0;
  if ([...graph.outputs, ...[...above].flatMap(({ inputs }) => inputs)].some(isOther)) {
    fail(
      where,
      `the layers above ${name} read several of its outputs, and features are one; split at a layer with one output.`,
    );
  }
  const below = callsTo([{ call: last, index: 0 }]);
  const read = below.findLast((call) => above.has(call));
  if (read) {
    fail(
      where,
      `the layers above ${name} also read ${read.layer.name}, as in a residual block; split where the branches have met.`,
    );
  }
  const lower = extractorOf(where, model, name, { name: `${model.name}_lower` });
  const { shape, dtype } = lower.outputs[0]!;
  const features = input({
    shape: (shape as (number | null)[]).slice(1),
    dtype,
    name: `${name}_features`,
  });
  const named = uniqueLayerNames(features.name);
  const outputs = compute<SymbolicTensor>(
    graph.outputs,
    new Map<Call, SymbolicTensor[]>([[last, [features]]]),
    (call, inputs) => applied(call, inputs, named(sharedLayer(call.layer))),
  );
  return { lower, upper: tfjsModel({ inputs: features, outputs, name: `${model.name}_upper` }) };
}
