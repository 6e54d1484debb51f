import type { LayersModel, layers } from '@tensorflow/tfjs-layers';
import { fail } from '../../base/check.js';

/** A layer in a model, and the layers whose outputs it takes; none for the input. */
export interface Placed {
  layer: layers.Layer;
  inputs: readonly Placed[];
}

/**
 * The layers of a model, each after those that it takes, with models inside it flattened. The input is the first and the output
 * the last.
 *
 * @throws RangeError when there are several inputs or outputs, or a layer is used more than once.
 */
export function graphOf(model: LayersModel): Placed[] {
  checkEnds(model);
  const placed: Placed[] = [{ layer: model.inputs[0]!.sourceLayer, inputs: [] }];
  const output = place(model, placed[0]!, placed);
  if (output !== placed.at(-1)) {
    fail(
      'encodeWeights',
      `the layer '${placed.at(-1)!.layer.name}' does not lead to the model's output; build the model without it.`,
    );
  }
  return placed;
}

/** Adds a model's layers to `placed`, and returns the one whose output is the model's. */
function place(model: LayersModel, input: Placed, placed: Placed[]): Placed {
  checkEnds(model);
  const own = new Map<layers.Layer, Placed>([[model.inputs[0]!.sourceLayer, input]]);
  for (const layer of model.layers) {
    if (own.has(layer)) continue;
    const inputs = inputsOf(model, layer, own);
    if ('layers' in layer) {
      own.set(layer, place(layer as unknown as LayersModel, inputs[0]!, placed));
      continue;
    }
    const found = { layer, inputs };
    own.set(layer, found);
    placed.push(found);
  }
  return own.get(model.outputs[0]!.sourceLayer)!;
}

/** The layers whose outputs a layer takes in `model`. */
function inputsOf(
  model: LayersModel,
  layer: layers.Layer,
  own: ReadonlyMap<layers.Layer, Placed>,
): readonly Placed[] {
  // A layer may also be used in other models.
  const uses = layer.inboundNodes
    .map(({ inboundLayers }) => inboundLayers)
    .filter(
      (inputs) => inputs.length > 0 && inputs.every((one) => own.has(one) || model.layers.includes(one)),
    );
  // A model that is the first layer of a sequential one brings the input layer of both.
  const shared = 'layers' in layer && own.get((layer as unknown as LayersModel).inputs[0]!.sourceLayer);
  if (uses.length === 0 && shared) return [shared];
  if (uses.length !== 1) {
    fail(
      'encodeWeights',
      `the layer '${layer.name}' is used ${uses.length} times; only a model that uses each layer once can be written.`,
    );
  }
  return uses[0]!.map((one) => own.get(one)!);
}

function checkEnds({ inputs, outputs }: LayersModel): void {
  if (inputs.length === 1 && outputs.length === 1) return;
  fail(
    'encodeWeights',
    `the model has ${inputs.length} inputs and ${outputs.length} outputs; only a model with one of each can be written.`,
  );
}
