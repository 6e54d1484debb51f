import {
  input,
  type LayersModel,
  type layers,
  type SymbolicTensor,
  model as tfjsModel,
} from '@tensorflow/tfjs-layers';
import { copiedLayer } from '../tfjs/copiedLayer.js';
import { applied, compute, type Graph } from '../tfjs/graph.js';
import { ownOnce } from '../tfjs/models.js';
import { uniqueLayerNames } from '../tfjs/sharedLayer.js';
import { built } from './built.js';

/**
 * A model with other layers in the places of some. The rest are copies, with variables of their own that share their numbers with the
 * model's. Models within it are flattened; name and metadata are kept.
 *
 * @param where the public function, for messages.
 * @param replacement returns the layers that take a layer's place, one after another: none to leave it out, undefined for a copy.
 *   It is called once for each layer.
 */
export function rebuilt(
  where: string,
  { model, input: image, outputs }: Graph,
  replacement: (layer: layers.Layer) => readonly layers.Layer[] | undefined,
): LayersModel {
  const result = built(where, () => {
    const [{ shape, dtype }] = model.inputs as [SymbolicTensor];
    const x = input({ shape: shape.slice(1), dtype, name: image.layer.name });
    const named = uniqueLayerNames(image.layer.name);
    const made = new Map<layers.Layer, readonly layers.Layer[]>();
    const results = compute<SymbolicTensor>(outputs, new Map([[image, [x]]]), (call, inputs) => {
      const own = made.get(call.layer) ?? (replacement(call.layer) ?? [copiedLayer(call.layer)]).map(named);
      made.set(call.layer, own);
      return own.reduce((tensors, layer) => applied(call, tensors, layer), inputs);
    });
    const network = tfjsModel({ inputs: x, outputs: results, name: model.name });
    network.layers.forEach(ownOnce);
    return network;
  });
  const metadata = model.getUserDefinedMetadata();
  if (metadata) result.setUserDefinedMetadata(metadata);
  return result;
}

/**
 * {@link rebuilt}, where the other layers take time to make.
 *
 * @param make makes them, and passes each to `own` as soon as it has weights, so that a failure frees them.
 */
export async function rebuiltWith(
  where: string,
  graph: Graph,
  make: (own: (layer: layers.Layer, by: layers.Layer) => layers.Layer) => Promise<void>,
): Promise<LayersModel> {
  const made = new Map<layers.Layer, layers.Layer>();
  try {
    await make((layer, by) => {
      made.set(layer, by);
      return by;
    });
    return rebuilt(where, graph, (layer) => (made.has(layer) ? [made.get(layer)!] : undefined));
  } catch (error) {
    for (const layer of made.values()) for (const weight of layer.weights) weight.dispose();
    throw error;
  }
}
