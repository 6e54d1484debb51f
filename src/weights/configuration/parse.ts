import { printable, WeightFileError } from '../formats/error.js';
import { callsOf, refsOf } from './calls.js';
import { asRecord, type Json, type KerasLayer, type KerasModel, type TensorRef } from './graph.js';
import { isOperation, joinStacks, layerOfOperation } from './operations.js';
import { checkReachable } from './reachable.js';

/** The maximum number of layers, models within models included; VGG-19 with batch normalization has 60. */
const MAX_LAYERS = 2000;

/** The maximum nesting of models within models. */
const MAX_MODEL_DEPTH = 10;

const MODELS = ['Functional', 'Model', 'Sequential'];

/** Today's names of the classes of Keras 1. */
const OLD_CLASSES: Record<string, string> = {
  Convolution2D: 'Conv2D',
  AtrousConvolution2D: 'Conv2D',
  AtrousConv2D: 'Conv2D',
  SeparableConvolution2D: 'SeparableConv2D',
  DepthwiseConvolution2D: 'DepthwiseConv2D',
  MaxPool2D: 'MaxPooling2D',
  AvgPool2D: 'AveragePooling2D',
};

/**
 * Reads a model's configuration as Keras 1, 2 and 3 and tfjs write it. Nothing in it is executed, and layers that are not
 * Keras' own are refused.
 *
 * @throws WeightFileError when it does not describe a graph of layers.
 */
export function parseModel(file: string, configuration: unknown, kerasVersion?: string): KerasModel {
  const counter = { layers: 0 };
  const json = asRecord(configuration);
  const className = textOf(json.class_name);
  if (className === undefined || !MODELS.includes(className)) {
    throw new WeightFileError(
      file,
      `its configuration is ${className === undefined ? 'without the name of a class' : `of the class ${printable(className)}`}, not of a Sequential or Functional model, so it does not say what the network computes; save the weights alone and load them into a model of the same architecture.`,
    );
  }
  checkOrigin(file, json);
  return modelOf({ file, counter, kerasVersion, depth: 0 }, json, 'model');
}

interface Context {
  file: string;
  counter: { layers: number };
  kerasVersion: string | undefined;
  depth: number;
}

function modelOf(context: Context, json: Json, fallbackName: string): KerasModel {
  const { file, depth } = context;
  if (depth > MAX_MODEL_DEPTH) {
    throw new WeightFileError(file, `its configuration nests models more than ${MAX_MODEL_DEPTH} deep.`);
  }
  // Keras up to 2.2 wrote a Sequential as a bare list of layers.
  const bare = Array.isArray(json.config) ? json.config : undefined;
  const config = asRecord(json.config);
  const list = bare ?? config.layers;
  if (!Array.isArray(list) || list.length === 0) {
    throw new WeightFileError(file, 'its configuration lists no layers.');
  }
  context.counter.layers += list.length;
  if (context.counter.layers > MAX_LAYERS) {
    throw new WeightFileError(
      file,
      `its configuration has more than ${MAX_LAYERS} layers; no VGG has so many.`,
    );
  }
  const name = textOf(config.name) ?? textOf(json.name) ?? fallbackName;
  const jsons = list.map(asRecord);
  const given = jsons.map((layer, i) => layerOf(context, layer, `layer_${i}`));
  const twice = given.find((layer, i) => given.findIndex((other) => other.name === layer.name) !== i);
  if (twice) throw new WeightFileError(file, `its configuration has two layers '${printable(twice.name)}'.`);
  if (json.class_name === 'Sequential') return chained(name, given, list);
  const layers = given.map((layer, i) =>
    isOperation(jsons[i]!)
      ? layerOfOperation(file, layer, jsons[i]!)
      : { ...layer, calls: callsOf(file, layer, jsons[i]!.inbound_nodes) },
  );
  const inputs = refsOf(file, config.input_layers);
  const outputs = refsOf(file, config.output_layers);
  if (inputs.length === 0 || outputs.length === 0) {
    throw new WeightFileError(
      file,
      `the model '${printable(name)}' in its configuration has no input or no output.`,
    );
  }
  countFromZero(layers, jsons, outputs);
  const model = { name, layers: joinStacks(layers, outputs), inputs, outputs };
  checkReachable(file, model);
  return model;
}

/** The layers of a Sequential, each of which takes the output of the one before. */
function chained(name: string, given: KerasLayer[], list: readonly unknown[]): KerasModel {
  const layers = [...given];
  if (layers[0]!.className !== 'InputLayer') {
    const { config, version } = layers[0]!;
    const inner = layers[0]!.model?.layers.find(({ className }) => className === 'InputLayer');
    const shape = config.batch_input_shape ?? inner?.config.batch_input_shape ?? inner?.config.batch_shape;
    const built = asRecord(asRecord(list[0]).build_config).input_shape;
    const input = { batch_input_shape: shape ?? built };
    // A name that no layer can have in a file.
    layers.unshift({
      className: 'InputLayer',
      writtenClass: 'InputLayer',
      name: `${name}/input`,
      config: input,
      version,
      calls: [],
    });
  }
  layers.forEach((layer, i) => {
    layer.calls = i === 0 ? [] : [[{ layer: layers[i - 1]!.name, call: 0 }]];
  });
  return {
    name,
    layers,
    inputs: [{ layer: layers[0]!.name, call: 0 }],
    outputs: [{ layer: layers.at(-1)!.name, call: 0 }],
  };
}

function layerOf(context: Context, json: Json, fallbackName: string): KerasLayer {
  const { file } = context;
  const writtenClass = textOf(json.class_name) ?? '';
  const isModel = MODELS.includes(writtenClass);
  const config = asRecord(json.config);
  const name = textOf(config.name) ?? textOf(json.name) ?? fallbackName;
  checkOrigin(file, json, name);
  const className = Object.hasOwn(OLD_CLASSES, writtenClass) ? OLD_CLASSES[writtenClass]! : writtenClass;
  return {
    className,
    writtenClass,
    name,
    config,
    version: versionOf(context, json, config),
    calls: [],
    ...(isModel && { model: modelOf({ ...context, depth: context.depth + 1 }, json, name) }),
  };
}

/** The version by what the file says, or else by what only one version writes. */
function versionOf({ kerasVersion }: Context, json: Json, config: Json): 1 | 2 | 3 {
  const major = Number.parseInt(kerasVersion ?? '', 10);
  const old = ['nb_filter', 'output_dim', 'border_mode', 'dim_ordering', 'p', 'mode', 'init'];
  if (old.some((field) => field in config)) return 1;
  if (major >= 1 && major <= 3) return major as 1 | 2 | 3;
  return 'module' in json || typeof config.dtype === 'object' ? 3 : 2;
}

/** Throws for a layer that a program defined, whose class may have the name of one of Keras' own. */
function checkOrigin(file: string, json: Json, name?: string): void {
  const { module, registered_name: registered } = json;
  const own = (value: unknown) =>
    /^(keras|tf_keras|tensorflow\.keras|tensorflow\.python\.keras)(\.|$)/.test(String(value));
  const isOwn = module === undefined || own(module);
  const builtIn =
    registered === undefined ||
    registered === null ||
    registered === json.class_name ||
    /^Keras>/i.test(String(registered));
  if (isOwn && builtIn) return;
  const what = name === undefined ? 'its model' : `its layer '${printable(name)}'`;
  throw new WeightFileError(
    file,
    `${what} is a ${printable(textOf(registered) ?? textOf(json.class_name) ?? 'class without a name')}, which a program defined; only Keras' own layers can be loaded, and nothing in a file is executed.`,
  );
}

/**
 * Keras 2 counts the calls of a model from 1, because the model's own definition is its call 0. Keras 3 does so only for the
 * outputs.
 */
function countFromZero(
  layers: readonly KerasLayer[],
  jsons: readonly Json[],
  outputs: readonly TensorRef[],
): void {
  const inner = layers.flatMap(({ calls }) => calls.flat());
  layers.forEach((layer, i) => {
    if (!layer.model) return;
    const isKeras3 = jsons.some(
      ({ inbound_nodes }) =>
        Array.isArray(inbound_nodes) && inbound_nodes.some((node) => !Array.isArray(node)),
    );
    const refs = (isKeras3 ? [...outputs] : [...inner, ...outputs]).filter((ref) => ref.layer === layer.name);
    const calls = refs.map(({ call }) => call);
    const fromOne = isKeras3
      ? jsons[i]!.class_name !== 'Sequential' || calls.includes(layer.calls.length)
      : !calls.includes(0);
    if (fromOne) for (const ref of refs) if (ref.call > 0) ref.call--;
  });
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
