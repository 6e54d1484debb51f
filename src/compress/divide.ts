import { dispose, type Tensor2D } from '@tensorflow/tfjs-core';
import {
  input,
  type LayersModel,
  layers,
  type SymbolicTensor,
  model as tfjsModel,
} from '@tensorflow/tfjs-layers';
import { rebuilt } from '../core/rebuilt.js';
import { applied, type Call, compute, type Graph, type Output } from '../tfjs/graph.js';
import { inputShapeOf, isFrozen } from '../tfjs/models.js';
import { sharedLayer, uniqueLayerNames } from '../tfjs/sharedLayer.js';
import type { Factors } from './factors.js';

/**
 * A model from images to what calls are given, and the index of each call's among its outputs: several may read the same. It has the
 * weights of the graph's model, and disposing it frees none.
 */
export function inputsOf(
  { input: given, model }: Graph,
  calls: readonly Call[],
): { model: LayersModel; outputs: number[] } {
  const read: Output[] = [];
  const indices = calls.map(({ inputs: [first] }) => {
    const known = read.findIndex(({ call, index }) => call === first!.call && index === first!.index);
    return known < 0 ? read.push(first!) - 1 : known;
  });
  const image = input({ shape: inputShapeOf(model), dtype: model.inputs[0]!.dtype, name: given.layer.name });
  const named = uniqueLayerNames(image.name);
  const outputs = compute<SymbolicTensor>(read, new Map([[given, [image]]]), (call, inputs) =>
    applied(call, inputs, named(sharedLayer(call.layer))),
  );
  return { model: tfjsModel({ inputs: image, outputs }), outputs: indices };
}

/**
 * A copy of a model in which some dense layers are two: a linear one, `fc1_reduce`, and one with the name, the bias and the activation
 * of the layer.
 *
 * @param factors what the two of each layer multiply with; they are disposed. The weights of these layers are not read.
 */
export function divided(
  where: string,
  graph: Graph,
  factors: ReadonlyMap<layers.Layer, Factors>,
): LayersModel {
  const pairs = new Map<layers.Layer, layers.Layer[]>();
  try {
    const result = rebuilt(where, graph, (layer) => {
      const own = factors.get(layer);
      if (own) pairs.set(layer, pairOf(layer, own));
      return pairs.get(layer);
    });
    for (const [layer, [reduce, expand]] of pairs) {
      const { first, second, bias } = factors.get(layer)!;
      reduce!.setWeights([first]);
      expand!.setWeights(bias ? [second, bias] : [second]);
    }
    return result;
  } finally {
    for (const one of factors.values()) dispose(Object.values(one) as Tensor2D[]);
  }
}

/** The name of the first of two layers. */
export function reducedName(name: string): string {
  return `${name}_reduce`;
}

function pairOf(layer: layers.Layer, { first, second, bias }: Factors): layers.Layer[] {
  const { activation, name } = layer.getConfig() as { activation: 'relu'; name: string };
  // Their numbers are set once they are built.
  const shared = { kernelInitializer: 'zeros', trainable: !isFrozen(layer) } as const;
  return [
    layers.dense({ ...shared, units: first.shape[1], useBias: false, name: reducedName(name) }),
    layers.dense({
      ...shared,
      units: second.shape[1],
      useBias: bias !== undefined,
      activation,
      name,
    }),
  ];
}
