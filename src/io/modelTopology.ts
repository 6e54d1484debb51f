import { shown, textOf } from '../base/check.js';
import { size } from '../base/shapes.js';
import type { WeightSpec } from './modelJson.js';

/** What tfjs's decoder of weights knows. */
const DTYPES = ['float32', 'int32', 'bool', 'string', 'complex64'];
const STORED = ['uint8', 'uint16', 'float16'];

const MODELS = ['Sequential', 'Functional', 'Model'];

/** The most numbers in an input; memory ends below it. */
const MOST_NUMBERS = 2 ** 31;

/** What a file has beside its topology, and what TensorFlow.js has. */
interface Known {
  weights: ReadonlyMap<string, WeightSpec>;
  /** Whether the file must have all weights. */
  strict: boolean;
  /** Whether there is a class by this name: of layers, initializers, activations and so on. */
  isClass(name: string): boolean;
  /** Whether a class of layers is one of tfjs. */
  isOwnLayer(name: string): boolean;
}

interface Config {
  name?: unknown;
  layers?: unknown;
  input_layers?: unknown;
  output_layers?: unknown;
  batch_input_shape?: unknown;
  units?: unknown;
  filters?: unknown;
  use_bias?: unknown;
  /** Of a recurrent layer, whether its states are outputs too. */
  return_state?: unknown;
  /** Of a wrapper, the layer within; of a recurrent layer, its cells. */
  layer?: unknown;
  cell?: unknown;
  cells?: unknown;
}

/** A layer of a model, as far as its place and its weights follow from it. */
interface Layer {
  name?: unknown;
  class_name: string;
  config: Config | unknown[];
  /** For each call, its inputs as `[layer, call, output]`; other ways of writing them are not looked at. */
  inbound_nodes?: unknown;
}

/**
 * Why tfjs could not build the model of a parsed `model.json`, as a clause; undefined if nothing is known. tfjs itself would say so in
 * its own words, keep what it had built, or never end.
 */
export function modelFault(
  topology: unknown,
  specs: readonly WeightSpec[],
  known: Omit<Known, 'weights'>,
): string | undefined {
  for (const { name, dtype, quantization } of specs) {
    const { dtype: stored, scale, min } = quantization ?? {};
    if (!DTYPES.includes(dtype) || (quantization && !STORED.includes(quantization.dtype))) {
      return `its weight ${shown(name)} has the type ${shown(DTYPES.includes(dtype) ? quantization!.dtype : dtype)}, which TensorFlow.js does not read`;
    }
    if (stored === undefined) continue;
    if (dtype !== 'float32' && (dtype !== 'int32' || stored === 'float16'))
      return `its weight ${shown(name)} is ${dtype} quantized to ${stored}, which TensorFlow.js does not read`;
    if (stored !== 'float16' && ![scale, min].every(Number.isFinite))
      return `its weight ${shown(name)} is quantized without a scale or a minimum that is a number`;
  }
  // A graph of operations, as TensorFlow's converter writes it.
  if (Array.isArray(Object(topology).node)) return undefined;
  const weights = new Map(
    specs.flatMap((spec) => [[spec.name, spec] as const, [shortened(spec.name), spec] as const]),
  );
  return layerFault('its modelTopology', Object(topology).model_config ?? topology, { ...known, weights });
}

/**
 * Whether a topology is of layers that all pass a test, those within others included. A graph of operations has none.
 *
 * @param topology in which `modelFault` found no fault.
 */
export function hasLayersOnly(
  topology: unknown,
  test: (className: string, config: Readonly<Record<string, unknown>>) => boolean,
): boolean {
  const { class_name: className, config } = Object(
    Object(topology).model_config ?? topology,
  ) as Partial<Layer>;
  if (className === undefined) return false;
  const { layers, layer, cell, cells } = Object(config) as Config;
  const isModel = MODELS.includes(className);
  const inner = isModel ? (Array.isArray(config) ? config : layers) : [layer ?? [], cell ?? [], cells ?? []];
  return (
    (isModel || test(className, Object(config))) && [inner].flat(2).every((one) => hasLayersOnly(one, test))
  );
}

/** A weight's name without that of a cell within its layer, as tfjs reads it. */
function shortened(name: string): string {
  const parts = name.split('/');
  return [...parts.slice(0, -2), parts.at(-1)].join('/');
}

/** A name as tfjs looks it up. */
const camelCase = (name: string) => name.replace(/_+(\w|$)/g, (_, letter: string) => letter.toUpperCase());

/** What is wrong with a layer or a model of them. */
function layerFault(where: string, layer: unknown, known: Known): string | undefined {
  const { class_name: className, config } = Object(layer) as Partial<Layer>;
  if (typeof className !== 'string' || typeof config !== 'object' || config === null) {
    return `${where} is ${shown(layer)}, without the class_name and the config of a layer`;
  }
  for (const name of [(layer as Layer).name, (config as Config).name]) {
    if (typeof (name ?? '') !== 'string') return `${where} has the name ${shown(name)}`;
  }
  if (!known.isClass(className)) {
    const of = `its layer ${shown((config as Config).name)} is of`;
    return `${of} the class ${shown(className)}, which no tf.serialization.registerClass has made known`;
  }
  // Old files list the layers of a Sequential in its place.
  const isList = Array.isArray(config) && className === 'Sequential';
  const layers: unknown = isList ? config : (config as Config).layers;
  if (!MODELS.includes(className)) return ownFault(className, config as Config, known);
  if (!Array.isArray(layers)) return `${where} is a model without a list of layers`;
  for (const [i, one] of layers.entries()) {
    const fault = layerFault(`layer ${i + 1} of ${where}`, one, known);
    if (fault !== undefined) return fault;
  }
  return graphFault(className, config, layers, known);
}

/** What is wrong with the sizes or the weights of a layer that is no model. */
function ownFault(
  className: string,
  config: Config,
  { weights, strict, isClass }: Known,
): string | undefined {
  const { name, batch_input_shape: shape, units, filters, use_bias: bias = true } = config;
  for (const [field, value] of Object.entries(config)) {
    const isPart = /_(initializer|regularizer|constraint)$/.test(field);
    const part: unknown = field === 'activation' ? value : isPart && Object(value).class_name;
    if (typeof part === 'string' && !isClass(camelCase(part)))
      return `its layer ${shown(name)} has the ${field} ${shown(part)}, which TensorFlow.js does not have`;
  }
  if (Array.isArray(shape)) {
    const lengths = shape.filter((one) => one !== null);
    const isLength = (one: unknown) => Number.isSafeInteger(one) && (one as number) >= 1;
    if (!lengths.every(isLength) || size(lengths) > MOST_NUMBERS)
      return `the inputs of its layer ${shown(name)} have the shape ${shown(shape)}`;
  }
  if (!/^(Dense|Conv[123]D)$/.test(className)) return undefined;
  const width = className === 'Dense' ? units : filters;
  for (const weight of ['kernel', ...(bias ? ['bias'] : [])]) {
    const spec = weights.get(`${name}/${weight}`);
    if (!spec && !strict) continue;
    if (!spec) return `it lacks the weight ${shown(`${name}/${weight}`)}`;
    if (spec.shape.at(-1) !== width) {
      const of = className === 'Dense' ? 'units' : 'filters';
      return `its layer ${shown(name)} has ${shown(width)} ${of}, but its ${weight} has the shape [${spec.shape}]`;
    }
  }
  return undefined;
}

/** The calls that a list of references names, as `layer/call`. */
const callsIn = (refs: unknown): string[] =>
  (Array.isArray(refs) ? refs : [])
    .filter(Array.isArray)
    .map(([layer, call]) => `${textOf(layer)}/${textOf(call)}`);

/** References as `[layer, call, output]`. */
function refsIn(value: unknown): unknown[][] {
  const list = Array.isArray(value) ? value : [];
  return typeof list[0] === 'string' ? [list] : list.filter(Array.isArray);
}

/** Which output of a layer is referred to that the layer does not have. */
function absentOutput(
  layers: readonly Layer[],
  config: Config | unknown[],
  isOwnLayer: Known['isOwnLayer'],
): string | undefined {
  const counts = new Map(layers.map((layer) => [layer.name, outputCount(layer, isOwnLayer)]));
  const calls = layers.flatMap(({ inbound_nodes: nodes }) => (Array.isArray(nodes) ? nodes : []));
  const { input_layers: inputs, output_layers: outputs } = config as Config;
  for (const [layer, , output] of [...calls, inputs, outputs].flatMap(refsIn)) {
    const count = counts.get(layer);
    const exists = Number.isSafeInteger(output) && (output as number) >= 0 && (output as number) < count!;
    if (count !== undefined && !exists)
      return `it takes the output ${shown(output)} of its layer ${shown(layer)}, which has ${count} (counted from 0)`;
  }
  return undefined;
}

/** How many outputs a call of a layer has; undefined if that is not known. */
function outputCount({ class_name: className, config }: Layer, isOwnLayer: Known['isOwnLayer']) {
  const { output_layers: outputs, return_state: state, layer } = config as Config;
  if (className === 'Sequential') return 1;
  if (MODELS.includes(className)) return refsIn(outputs).length;
  return isOwnLayer(className) && !state && !layer ? 1 : undefined;
}

/** Which call of a layer never gets its inputs, for which tfjs would wait without end, or which end of a model does not exist. */
function graphFault(
  className: string,
  config: Config | unknown[],
  layers: readonly Layer[],
  { isOwnLayer }: Known,
): string | undefined {
  const absent = absentOutput(layers, config, isOwnLayer);
  if (absent !== undefined) return absent;
  const made = new Set<string>();
  const waiting = layers.flatMap(({ name: own, class_name, inbound_nodes: nodes }) => {
    // Calls refer to a layer by this name; those of a Sequential have none.
    const name = textOf(own);
    const calls = Array.isArray(nodes) ? nodes : [];
    const isModel = MODELS.includes(class_name);
    // An input has no call, and a model counts its own making as one.
    const isInput = class_name === 'InputLayer' || !isOwnLayer(class_name);
    if ((calls.length === 0 && isInput) || isModel) made.add(`${name}/0`);
    return calls.map((inputs, i) => ({
      name,
      makes: `${name}/${isModel ? i + 1 : i}`,
      needs: callsIn(inputs),
    }));
  });
  for (let before = -1; made.size > before; ) {
    before = made.size;
    for (const { makes, needs } of waiting) if (needs.every((one) => made.has(one))) made.add(makes);
  }
  const stuck = waiting.find(({ makes }) => !made.has(makes));
  if (stuck) return `the inputs of its layer ${shown(stuck.name)} do not exist, or are computed from it`;
  if (className === 'Sequential' || Array.isArray(config)) return undefined;
  for (const [end, refs] of Object.entries({ input: config.input_layers, output: config.output_layers })) {
    if (!Array.isArray(refs) || refs.length === 0) return `its model has no ${end}_layers`;
    const calls = callsIn(typeof refs[0] === 'string' ? [refs] : refs);
    const missing = calls.find((one) => !made.has(one));
    if (missing !== undefined) return `its ${end}, ${shown(missing)} as layer and call, does not exist`;
  }
  return undefined;
}
