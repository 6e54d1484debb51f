import { size } from '../../../base/shapes.js';
import { CONVOLUTIONS } from './convolutions.js';
import type { Call, Constant, Value } from './layers.js';
import { POOLINGS } from './poolings.js';
import { SHAPES } from './shapes.js';

/** What an operator computes, in layers of Keras. */
export type Operator = (call: Call) => Value;

/** Activations, by the name of Keras'. */
const activation =
  (name: string): Operator =>
  (call) =>
    call.unary('Activation', { activation: name });

const ACTIVATIONS: Record<string, Operator> = {
  Relu: activation('relu'),
  Selu(call) {
    for (const [name, value] of [
      ['alpha', 1.6732632423543772],
      ['gamma', 1.0507009873554805],
    ] as const) {
      if (Math.abs(call.number(name, value) - value) > 1e-4) call.refuse(name, call.number(name, value));
    }
    return call.unary('Activation', { activation: 'selu' });
  },
  Sigmoid: activation('sigmoid'),
  Tanh: activation('tanh'),
  Softplus: activation('softplus'),
  Softsign: activation('softsign'),
  Mish: activation('mish'),
  HardSwish: activation('hard_silu'),
  Gelu(call) {
    const approximate = call.text('approximate', 'none');
    if (approximate !== 'none' && approximate !== 'tanh') call.refuse('approximate', approximate);
    return call.unary('Activation', { activation: approximate === 'none' ? 'gelu' : 'gelu_new' });
  },
  Elu: (call) => call.unary('ELU', { alpha: call.number('alpha', 1) }),
  LeakyRelu: (call) => call.unary('LeakyReLU', { negative_slope: call.number('alpha', 0.01) }),
  ThresholdedRelu: (call) => call.unary('ReLU', { threshold: call.number('alpha', 1) }),
  HardSigmoid(call) {
    // clip(alpha x + beta, 0, 1); Keras 3's alpha is 1/6.
    const [alpha, beta] = [call.number('alpha', 0.2), call.number('beta', 0.5)];
    const scaled = call.unary('Rescaling', { scale: 6 * alpha, offset: 6 * (beta - 0.5) });
    return call.unary('Activation', { activation: 'hard_sigmoid' }, scaled);
  },
  Clip(call) {
    const [low, high] = ['min', 'max'].map((name, i) =>
      call.opset < 11 ? call.number(name, i === 0 ? -Infinity : Infinity) : call.valuesAt(i + 1)?.[0],
    );
    if (low !== 0 || high === undefined)
      call.fail(`limits numbers to ${low ?? '-infinity'} and ${high ?? 'infinity'}`);
    return Number.isFinite(high) ? call.unary('ReLU', { max_value: high }) : call.unary('ReLU', {});
  },
  PRelu(call) {
    const x = call.plainIfFlat();
    const slope = call.constant(1);
    const isOne = size(slope.tensor.shape) === 1 && slope.tensor.shape.length <= x.axes.length;
    if (!isOne && !alongChannels(slope, x)) call.fail(`has slopes of the shape [${slope.tensor.shape}]`);
    const shared = x.shape.slice(0, isOne ? undefined : -1).map((_, i) => i + 1);
    const layer = call.add('PReLU', { shared_axes: shared.length > 0 ? shared : null }, x);
    call.layers.weight(layer, 'alpha', slope, {
      shape: x.shape.map((length, i) => (shared.includes(i + 1) ? 1 : length!)),
    });
    return { ...x, layer };
  },
  Softmax: (call) => softmax(call, 'softmax'),
  LogSoftmax: (call) => softmax(call, 'log_softmax'),
};

function softmax(call: Call, name: string): Value {
  const given = call.x.position ? call.plain() : call.x;
  const rank = given.axes.length;
  const axis = call.number('axis', call.opset < 13 ? 1 : -1);
  const at = axis < 0 ? axis + rank : axis;
  // Before opset 13 the sum was over all axes from the given one on.
  if (at < 1 || at >= rank || (call.opset < 13 && at !== rank - 1)) call.refuse('axis', axis);
  return call.unary('Activation', { activation: name }, call.withLast(given, at));
}

const NORMALIZATIONS: Record<string, Operator> = {
  BatchNormalization(call) {
    call.only('training_mode', 0);
    if (call.opset < 9) call.only('spatial', 1);
    const x = call.x.position ? call.x : call.withLast(call.plainIfFlat(), 1);
    const layer = call.add('BatchNormalization', { axis: -1, epsilon: call.number('epsilon', 1e-5) }, x);
    for (const [i, name] of ['gamma', 'beta', 'moving_mean', 'moving_variance'].entries()) {
      call.layers.weight(layer, name, call.constant(i + 1));
    }
    return { ...x, layer };
  },
  LayerNormalization(call) {
    const x = call.plain();
    const last = x.axes.length - 1;
    const axis = call.number('axis', -1);
    if (axis !== -1 && axis !== last) call.refuse('axis', axis);
    const hasBeta = Boolean(call.node.inputs[2]);
    const layer = call.add(
      'LayerNormalization',
      { axis: -1, epsilon: call.number('epsilon', 1e-5), center: hasBeta },
      x,
    );
    call.layers.weight(layer, 'gamma', call.constant(1));
    if (hasBeta) call.layers.weight(layer, 'beta', call.constant(2));
    return { ...x, layer };
  },
};

const ARITHMETIC: Record<string, Operator> = {
  Add: (call) => arithmetic(call, 'Add', (c) => ({ scale: 1, offset: c })),
  Sub(call) {
    if (!call.values[0]) return arithmetic(call, undefined, (c) => ({ scale: -1, offset: c }));
    return arithmetic(call, undefined, (c) => ({ scale: 1, offset: c.map((one) => -one) }));
  },
  Mul: (call) => arithmetic(call, 'Multiply', (c) => ({ scale: c, offset: 0 })),
  Div(call) {
    if (!call.values[0]) call.fail('divides a constant');
    return arithmetic(call, undefined, (c) => {
      if (c.includes(0)) call.fail('divides by zero');
      return { scale: c.map((one) => 1 / one), offset: 0 };
    });
  },
  Neg: (call) => call.unary('Rescaling', { scale: -1, offset: 0 }),
  Sum: (call) => merged(call, 'Add'),
  Mean: (call) => merged(call, 'Average'),
  Max: (call) => merged(call, 'Maximum'),
  Min: (call) => merged(call, 'Minimum'),
  Concat(call) {
    const [first, ...others] = alike(call);
    const rank = first!.axes.length;
    const axis = call.number('axis', 1);
    const at = axis < 0 ? axis + rank : axis;
    if (!(at >= 1 && at < rank)) call.refuse('axis', axis);
    const inKeras = first!.axes[at]!;
    const all = [first!, ...others];
    const lengths = all.map(({ shape }) => shape[inKeras - 1]!);
    const shape = [...first!.shape];
    shape[inKeras - 1] = lengths.includes(null as never) ? null : lengths.reduce((sum, one) => sum + one, 0);
    return { ...first!, shape, layer: mergeOf(call, 'Concatenate', all, { axis: inKeras }) };
  },
};

/** Of two values, or of a value and a constant that is one number or one for each channel. */
function arithmetic(
  call: Call,
  merge: 'Add' | 'Multiply' | undefined,
  affine: (constant: number[]) => { scale: number | number[]; offset: number | number[] },
): Value {
  if (call.values[0] && call.values[1]) {
    return merge ? merged(call, merge) : call.fail('computes with two tensors');
  }
  const at = call.values[0] ? 1 : 0;
  const x = call.values[1 - at] ?? call.fail('takes constants alone');
  const constant = call.constant(at);
  const numbers = call.valuesAt(at)!;
  const { shape } = constant.tensor;
  if (numbers.length === 1 && shape.length <= x.axes.length)
    return call.unary('Rescaling', affine([...numbers]), x);
  const whole = x.position ? call.map(x) : call.plainIfFlat(x);
  if (!alongChannels(constant, whole)) call.fail(`computes with a constant of the shape [${shape}]`);
  return call.unary('Rescaling', affine([...numbers]), whole);
}

/** Whether a constant has one number for each of Keras' channels, its last axis. */
function alongChannels({ tensor, perm }: Constant, { shape, axes }: Value): boolean {
  const rank = axes.length;
  const lengths = [...new Array(Math.max(0, rank - tensor.shape.length)).fill(1), ...tensor.shape];
  const channels = shape.at(-1);
  return (
    !perm &&
    lengths.length === rank &&
    lengths.every((length, i) => length === (axes[i] === rank - 1 ? channels : 1))
  );
}

function merged(call: Call, className: string): Value {
  const all = alike(call);
  const first = all[0]!;
  if (all.length === 1) return first;
  if (all.some(({ shape }) => shape.join() !== first.shape.join()))
    call.fail('combines tensors of different shapes');
  return { ...first, layer: mergeOf(call, className, all, {}) };
}

function mergeOf(
  call: Call,
  className: string,
  all: readonly Value[],
  config: Record<string, unknown>,
): string {
  return call.layers.add(className, config, all, call.node.name || call.node.outputs[0]!, true);
}

/** All inputs, with their axes in one order. */
function alike(call: Call): Value[] {
  const all = call.values.map((value) => value ?? call.fail('combines images with constants'));
  const whole = all.map((value) => (value.position ? value : call.plainIfFlat(value)));
  const [first] = whole;
  if (
    whole.some(({ axes, position }) => axes.length !== first!.axes.length || position !== first!.position)
  ) {
    call.fail('combines tensors of different ranks');
  }
  return whole.map((value) => call.arranged(value, first!.axes));
}

/** The operators that are read, by their names in ONNX. */
export const OPERATORS: Record<string, Operator> = {
  ...ACTIVATIONS,
  ...ARITHMETIC,
  ...CONVOLUTIONS,
  ...NORMALIZATIONS,
  ...POOLINGS,
  ...SHAPES,
  Identity: ({ x }) => x,
  Cast(call) {
    // To and from float16, bfloat16 and float64: all is computed in float32 here.
    if (![1, 10, 11, 16].includes(call.number('to', 1))) call.refuse('to', call.number('to', 1));
    return call.x;
  },
  Dropout(call) {
    if (call.node.outputs.length > 1 && call.node.outputs[1]) call.fail('has a second output');
    const rate = call.opset < 12 ? call.number('ratio', 0.5) : (call.valuesAt(1)?.[0] ?? 0.5);
    return call.unary('Dropout', { rate });
  },
};
