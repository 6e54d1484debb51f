import { printable } from '../formats/error.js';
import { refsOf } from './calls.js';
import { Fields } from './fields.js';
import { asRecord, type Json, type KerasLayer, type TensorRef } from './graph.js';

type Arithmetic = 'Add' | 'Subtract' | 'Multiply' | 'Divide';

/** Operations of two operands, by their names in Keras 3 and, as functions of TensorFlow, in Keras 2. */
const ARITHMETIC: Record<string, Arithmetic> = {
  Add: 'Add',
  Subtract: 'Subtract',
  Multiply: 'Multiply',
  Divide: 'Divide',
  TrueDivide: 'Divide',
  '__operators__.add': 'Add',
  'nn.bias_add': 'Add',
  'math.add': 'Add',
  'math.subtract': 'Subtract',
  'math.multiply': 'Multiply',
  'math.divide': 'Divide',
  'math.truediv': 'Divide',
};

/** Operations of one tensor that an activation computes. */
const ACTIVATIONS: Record<string, string> = {
  Relu: 'relu',
  Relu6: 'relu6',
  Sigmoid: 'sigmoid',
  Silu: 'silu',
  Softplus: 'softplus',
  Tanh: 'tanh',
  'nn.relu': 'relu',
  'math.sigmoid': 'sigmoid',
  'math.tanh': 'tanh',
};

/** Operations of tensors alone that compute what the layer of the same name does, with the same arguments. */
const AS_LAYERS = ['Maximum', 'Minimum', 'Concatenate', 'Softmax', 'ReLU'];

const REVERSED = [{ class_name: '__ellipsis__' }, { start: null, stop: null, step: -1 }];

/** Arguments without effect on what is computed. */
const WITHOUT_EFFECT = ['name', 'trainable', 'function', 'dtype'];

/** An operation in a graph, such as `x / 255`, which Keras writes as if it were a layer. */
interface Operation {
  name: string;
  operands: Operand[];
  /** Its other arguments. */
  options: Json;
}

type Operand = { tensor: TensorRef } | { constant: unknown };

/** Whether Keras wrote an operation instead of a layer. */
export function isOperation({ class_name: className, module, config, inbound_nodes: nodes }: Json): boolean {
  if (isFunction(className)) return true;
  if (module !== undefined) return /^keras(\.src)?\.ops\./.test(String(module));
  // Keras 3 writes no modules into HDF5 files, but of layers alone whether they are trainable.
  const isKeras3 = Array.isArray(nodes) && nodes.length > 0 && !Array.isArray(nodes[0]);
  const { trainable, layers } = asRecord(config);
  return isKeras3 && trainable === undefined && layers === undefined;
}

/** Whether it is a function of TensorFlow, which Keras 2 makes a layer. */
function isFunction(className: unknown): boolean {
  return className === 'TFOpLambda' || className === 'SlicingOpLambda';
}

/**
 * The layer that computes an operation; one of a class that no layer has if there is none.
 *
 * @throws WeightFileError when an operation that is known has operands that no layer computes.
 */
export function layerOfOperation(file: string, layer: KerasLayer, json: Json): KerasLayer {
  const fields = new Fields(file, layer);
  const nodes = Array.isArray(json.inbound_nodes) ? json.inbound_nodes : [];
  if (nodes.length > 1)
    fields.fail('is an operation that is called more than once; save a model without it.');
  const operation = isFunction(json.class_name)
    ? functionOf(file, layer, nodes[0])
    : operationOf(file, layer, nodes[0]);
  const tensors = operation.operands.flatMap((operand) => ('tensor' in operand ? [operand.tensor] : []));
  const { name, dtype } = layer.config;
  const known = translated(fields, operation, tensors.length);
  const [className, config] = known ?? [
    isFunction(json.class_name) ? layer.className : `operation ${operation.name}`,
    {},
  ];
  return {
    ...layer,
    className,
    config: { name, dtype, ...config },
    calls: tensors.length > 0 ? [tensors] : [],
  };
}

/** The class and the arguments of a layer that computes an operation. */
function translated(
  fields: Fields,
  { name, operands, options }: Operation,
  tensors: number,
): [string, Json] | undefined {
  const keys = Object.keys(options);
  if (Object.hasOwn(ARITHMETIC, name) && operands.length === 2) {
    const plain = keys.every((key) => key === 'data_format' && options[key] === 'NHWC');
    return plain ? arithmetic(fields, ARITHMETIC[name]!, operands) : undefined;
  }
  if (AS_LAYERS.includes(name) && tensors === operands.length) {
    return options.axis === null ? undefined : [name, options];
  }
  if (
    (name === 'GetItem' || name === '__operators__.getitem') &&
    operands.length === 2 &&
    'constant' in operands[1]!
  ) {
    return keys.length === 0 ? ['GetItem', { selection: operands[1].constant }] : undefined;
  }
  if (name === 'Stack') return ['Stack', options];
  if (operands.length !== 1 || tensors !== 1) return undefined;
  if (name === 'Flip' && options.axis === -1) return ['GetItem', { selection: REVERSED }];
  if (keys.length > 0) return undefined;
  if (name === 'Negative' || name === 'math.negative') return ['Affine', { scale: -1, offset: 0 }];
  // To another float type, or it is refused.
  if (name === 'Cast' || name === 'cast') return ['Identity', {}];
  return Object.hasOwn(ACTIVATIONS, name) ? ['Activation', { activation: ACTIVATIONS[name] }] : undefined;
}

/** The sum, difference, product or quotient of two tensors, or of a tensor and constants. */
function arithmetic(fields: Fields, kind: Arithmetic, [a, b]: Operand[]): [string, Json] | undefined {
  if ('tensor' in a! && 'tensor' in b!) return kind === 'Divide' ? undefined : [kind, {}];
  const [operand, isFirst] = 'constant' in a! ? [a, true] : [b as { constant: unknown }, false];
  if (isFirst && 'constant' in b!) return undefined;
  const constants = constantsOf(operand.constant);
  if (!constants) {
    return fields.fail(
      `computes with the constant ${printable(JSON.stringify(operand.constant) ?? 'nothing')}, which is not a number or a list of one for each channel; save a model without it.`,
    );
  }
  const { numbers, rank } = constants;
  const negative = numbers.map((one) => -one);
  switch (kind) {
    case 'Add':
      return ['Affine', { scale: 1, offset: numbers, rank }];
    case 'Subtract':
      return [
        'Affine',
        isFirst ? { scale: -1, offset: numbers, rank } : { scale: 1, offset: negative, rank },
      ];
    case 'Multiply':
      return ['Affine', { scale: numbers, offset: 0, rank }];
    case 'Divide':
      if (isFirst) return undefined;
      if (numbers.includes(0)) fields.fail('divides by zero; save a model without it.');
      return ['Affine', { scale: numbers.map((one) => 1 / one), offset: 0, rank }];
  }
}

/** A number, or numbers along the last axis, all other axes of which have the length 1. */
function constantsOf(value: unknown): { numbers: number[]; rank: number } | undefined {
  const { class_name: className, config } = asRecord(value);
  let at = className === '__tensor__' || className === '__numpy__' ? asRecord(config).value : value;
  let rank = 0;
  while (Array.isArray(at) && Array.isArray(at[0])) {
    if (at.length !== 1) return undefined;
    [at] = at;
    rank++;
  }
  if (Array.isArray(at)) rank++;
  const numbers = Array.isArray(at) ? at : [at];
  const isNumbers = numbers.length > 0 && numbers.every((one) => typeof one === 'number');
  return isNumbers ? { numbers, rank } : undefined;
}

/** Keras 3: `{ args: [tensors and constants], kwargs }`. */
function operationOf(file: string, layer: KerasLayer, node: unknown): Operation {
  const { args, kwargs } = asRecord(node);
  const operandOf = (value: unknown): Operand => {
    const { class_name: className, config } = asRecord(value);
    const [tensor] = className === '__keras_tensor__' ? refsOf(file, [asRecord(config).keras_history]) : [];
    return tensor ? { tensor } : { constant: value };
  };
  const operands = (Array.isArray(args) ? args : []).flatMap((arg): Operand[] => {
    const list = Array.isArray(arg) ? arg.map(operandOf) : [];
    return list.length > 0 && list.every((one) => 'tensor' in one) ? list : [operandOf(arg)];
  });
  return { name: layer.className, operands, options: given({ ...layer.config, ...asRecord(kwargs) }) };
}

/** Keras 2: `[layer, call, tensor, { y: constant or [layer, call, tensor], ... }]`, or a constant and the tensor as `y`. */
function functionOf(file: string, layer: KerasLayer, node: unknown): Operation {
  const [first, call, index, kwargs] = Array.isArray(node) ? node : [];
  const operandOf = (value: unknown): Operand => {
    const isRef = Array.isArray(value) && typeof value[0] === 'string' && value[0] !== CONSTANT;
    return isRef ? { tensor: refsOf(file, [value])[0]! } : { constant: value };
  };
  const { y, bias, slice_spec: selection, dtype, ...options } = asRecord(kwargs);
  const second = [y, bias, selection].filter((one) => one !== undefined);
  const operands: Operand[] =
    node === undefined ? [] : [first === CONSTANT ? { constant: index } : operandOf([first, call, index])];
  // The type that a cast casts to.
  if (dtype !== undefined) new Fields(file, { ...layer, config: { dtype } });
  return {
    name: String(layer.config.function),
    operands: [...operands, ...second.map(operandOf)],
    options: given({ ...layer.config, ...options }),
  };
}

/** What Keras 2 writes in place of a layer's name where a constant stands before the tensor. */
const CONSTANT = '_CONSTANT_VALUE';

/** Arguments that may have an effect. */
function given(args: Json): Json {
  const entries = Object.entries(args).filter(([name, value]) => {
    const isEmpty = value === null && name !== 'axis';
    return !WITHOUT_EFFECT.includes(name) && !isEmpty;
  });
  return Object.fromEntries(entries);
}

/**
 * Replaces `stack([x[..., 2], x[..., 1], x[..., 0]], axis=-1)`, by which Keras 3's preprocess_input reverses channels, by one
 * selection of channels, which needs no tensor without them.
 */
export function joinStacks(layers: readonly KerasLayer[], outputs: readonly TensorRef[]): KerasLayer[] {
  const byName = new Map(layers.map((layer) => [layer.name, layer]));
  const joined = layers.map((layer): KerasLayer => {
    if (layer.className !== 'Stack') return layer;
    const parts = (layer.calls[0] ?? []).map((ref) => byName.get(ref.layer)!);
    const channels = parts.map(channelOf);
    const sources = new Set(parts.map((part, i) => JSON.stringify([part?.calls, channels[i]?.others])));
    if (layer.config.axis !== -1 || channels.includes(undefined) || sources.size !== 1) {
      return { ...layer, className: 'operation Stack' };
    }
    const selection = [...channels[0]!.others, channels.map((one) => one!.channel)];
    return {
      ...layer,
      className: 'GetItem',
      config: { name: layer.config.name, dtype: layer.config.dtype, selection },
      calls: parts[0]!.calls,
    };
  });
  const used = new Set(
    [...joined.flatMap(({ calls }) => calls.flat()), ...outputs].map(({ layer }) => layer),
  );
  return joined.filter((layer) => channelOf(layer) === undefined || used.has(layer.name));
}

/** The single channel that a layer selects. */
function channelOf(layer: KerasLayer | undefined): { others: unknown[]; channel: number } | undefined {
  const selection = layer?.className === 'GetItem' ? layer.config.selection : undefined;
  const channel = Array.isArray(selection) ? selection.at(-1) : undefined;
  return Number.isSafeInteger(channel)
    ? { others: (selection as unknown[]).slice(0, -1), channel }
    : undefined;
}
