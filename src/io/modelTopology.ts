import { shown } from '../base/check.js';
import type { WeightSpec } from './modelJson.js';

/** What tfjs's decoder of weights knows. */
const DTYPES = ['float32', 'int32', 'bool', 'string', 'complex64'];
const STORED = ['uint8', 'uint16', 'float16'];

/** Why tfjs could not build the model of a parsed `model.json`, as a clause; undefined if nothing is known. Classes are not looked up. */
export function modelFault(topology: unknown, specs: readonly WeightSpec[]): string | undefined {
  for (const { name, dtype, quantization } of specs) {
    if (!DTYPES.includes(dtype) || (quantization && !STORED.includes(quantization.dtype))) {
      return `its weight ${shown(name)} has the type ${shown(DTYPES.includes(dtype) ? quantization!.dtype : dtype)}, which TensorFlow.js does not read`;
    }
  }
  // A graph of operations, as TensorFlow's converter writes it.
  if (Array.isArray(Object(topology).node)) return undefined;
  return layerFault('its modelTopology', Object(topology).model_config ?? topology);
}

/** What is wrong with a layer or a model of them. */
function layerFault(name: string, layer: unknown): string | undefined {
  const { class_name: className, config } = Object(layer) as { class_name?: unknown; config?: unknown };
  if (typeof className !== 'string' || typeof config !== 'object' || config === null) {
    return `${name} is ${shown(layer)}, without the class_name and the config of a layer`;
  }
  // Old files list the layers of a Sequential in its place.
  const layers: unknown = Array.isArray(config) ? config : Object(config).layers;
  if (!Array.isArray(layers)) return undefined;
  for (const [i, one] of layers.entries()) {
    const fault = layerFault(`layer ${i + 1} of ${name}`, one);
    if (fault !== undefined) return fault;
  }
  return graphFault(layers);
}

/** A layer of a model, as far as the order of the calls follows from it. */
interface Called {
  name?: unknown;
  config: { name?: unknown; layers?: unknown };
  /** For each call, its inputs as `[layer, call, output]`; other ways of writing them are not looked at. */
  inbound_nodes?: unknown;
}

/** Which call of a layer never gets its inputs, for which TensorFlow.js would wait without end. */
function graphFault(layers: readonly Called[]): string | undefined {
  const made = new Set<string>();
  const waiting = layers.flatMap(({ name: own, config, inbound_nodes: nodes }) => {
    const name = String(own ?? config.name);
    const calls = Array.isArray(nodes) ? nodes : [];
    const isModel = Array.isArray(config) || Array.isArray(config.layers);
    // An input has no call, and a model counts its own making as one.
    if (calls.length === 0 || isModel) made.add(`${name}/0`);
    return calls.map((inputs, i) => ({
      name,
      makes: `${name}/${isModel ? i + 1 : i}`,
      needs: (Array.isArray(inputs) ? inputs : [])
        .filter(Array.isArray)
        .map(([layer, call]) => `${layer}/${call}`),
    }));
  });
  for (let before = -1; made.size > before; ) {
    before = made.size;
    for (const { makes, needs } of waiting) if (needs.every((one) => made.has(one))) made.add(makes);
  }
  const stuck = waiting.find(({ makes }) => !made.has(makes));
  return stuck && `the inputs of its layer ${shown(stuck.name)} do not exist, or are computed from it`;
}
