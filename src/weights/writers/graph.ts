import type { LayersModel, layers } from '@tensorflow/tfjs-layers';
import { fail } from '../../base/check.js';
import { type Call, graphOf as callsOf } from '../../tfjs/graph.js';
import { layersWithin } from '../../tfjs/models.js';

const WHERE = 'encodeWeights';

/** A layer in a model, and the layers whose outputs it takes; none for the input. */
export interface Placed {
  layer: layers.Layer;
  inputs: readonly Placed[];
}

/**
 * The layers of a model, each after those that it takes, with models inside it flattened. The input is the first and the output
 * the last.
 *
 * @throws RangeError when there are several inputs or outputs, the input is not float32, or a layer is used more than once or not at all.
 */
export function graphOf(model: LayersModel): Placed[] {
  const { inputs, outputs } = model;
  if (inputs.length !== 1 || outputs.length !== 1) {
    fail(
      WHERE,
      `the model has ${inputs.length} inputs and ${outputs.length} outputs; only a model with one of each can be written.`,
    );
  }
  checkInput(WHERE, model);
  const placed = new Map<Call, Placed>();
  for (const call of callsOf(WHERE, model).calls) {
    placed.set(call, { layer: call.layer, inputs: call.inputs.map((one) => placed.get(one.call)!) });
  }
  const all = [...placed.values()];
  checkUses(model, all);
  return all;
}

/** Throws for a model whose input rounds what it is given. */
export function checkInput(where: string, { inputs }: LayersModel): void {
  const { dtype } = inputs[0]!;
  if (dtype !== 'float32') {
    fail(where, `the model takes ${dtype}; only one that takes float32 can be written.`);
  }
}

function checkUses(model: LayersModel, all: readonly Placed[]): void {
  const uses = new Map<layers.Layer, number>();
  for (const { layer } of all) uses.set(layer, (uses.get(layer) ?? 0) + 1);
  for (const [layer, count] of uses) {
    if (count === 1) continue;
    fail(
      WHERE,
      `the layer '${layer.name}' is used ${count} times; only a model that uses each layer once can be written.`,
    );
  }
  const unused = layersWithin(model).find((layer) => !uses.has(layer));
  if (unused) {
    fail(
      WHERE,
      `the layer '${unused.name}' does not lead to the model's output; build the model without it.`,
    );
  }
}
