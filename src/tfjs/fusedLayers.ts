import {
  Conv2DBackpropFilter,
  Conv2DBackpropInput,
  engine,
  FusedConv2D,
  MaxPool,
  MaxPoolGrad,
  mul,
  sigmoid,
  softmax,
  step,
  sum,
  type Tensor,
  type Variable,
} from '@tensorflow/tfjs-core';
import type { LayersModel, layers } from '@tensorflow/tfjs-layers';
import { flushGradient } from './flush.js';
import { foldNorm, frozenNormBehind } from './foldedNorm.js';
import {
  type ConvPool,
  hasKernel,
  type KernelStep,
  type Pooling,
  runOwnKernel,
  type StepSource,
} from './kernels.js';
import {
  isBehindRelu,
  isFrozen,
  layersBehindTrained,
  layersWithin,
  onlyReader,
  poolingOf,
} from './models.js';
import { affine, product } from './product.js';
import { passThrough, type Replacement, replaceCalls, together } from './replaceCalls.js';
import { recordAsOne } from './tape.js';

/**
 * Makes each convolution or dense layer one operation in training, with its bias, its ReLU and a max pooling behind it. A
 * convolution does a frozen batch normalization behind it, too. tfjs runs each of these by itself and keeps all their outputs for
 * the backward pass, and all gradients until its end. Here only what the gradients need is kept, and a gradient is freed once used.
 *
 * @param optimizer does the steps of dense layers' weights while their gradients are computed, which then never exist; those
 *   weights have no gradient for `minimize`.
 */
export function fuseLayers(model: LayersModel, optimizer?: StepSource): Replacement {
  const found = new Map<
    layers.Layer,
    {
      operation: Operation;
      wanted: Name[];
      output?: (logits: Tensor) => Tensor;
      optimizer: StepSource | undefined;
      passes: boolean;
    }
  >();
  const passed: layers.Layer[] = [];
  const done = new WeakSet<Tensor>();
  const behindTrained = layersBehindTrained(model);
  for (const layer of layersWithin(model)) {
    const wanted: Name[] = [];
    if (!isFrozen(layer)) wanted.push('filter', 'bias');
    if (behindTrained.has(layer)) wanted.push('x');
    // Without gradients, a filter that stays the same computes faster.
    const frozen = wanted.length > 0 ? frozenNormBehind(model, layer) : undefined;
    const pool = frozen ? frozen.pool : onlyReader(model, layer);
    const output = outputOf(layer);
    const activation = frozen ? (frozen.relu ? 'relu' : 'none') : output ? 'none' : 'own';
    const own = operationOf(layer, activation, pool && poolingOf(pool));
    const operation = own && frozen ? normalized(own, frozen.norm) : own;
    if (!operation) continue;
    const steps = runsOnce(model, layer) ? optimizer : undefined;
    found.set(layer, { operation, wanted, output, optimizer: steps, passes: !!frozen || operation.pools });
    if (frozen) passed.push(frozen.norm, ...(frozen.relu ? [frozen.relu] : []));
    if (operation.pools) passed.push(pool!);
  }
  const calls = replaceCalls([...found.keys()], (layer, own) => {
    const { operation, wanted, output, optimizer, passes } = found.get(layer)!;
    return (inputs, kwargs) => {
      const [x, ...others] = Array.isArray(inputs) ? inputs : [inputs];
      const fits = x!.rank === operation.rank && x!.dtype === 'float32' && others.length === 0;
      if (kwargs.training !== true || !fits) return own(inputs, kwargs);
      const y = run(operation, { x: x!, ...weightsOf(layer) }, wanted, optimizer);
      if (passes) done.add(y);
      return output ? output(isFlushed() ? y : flushGradient(y)) : y;
    };
  });
  return together([calls, passThrough(passed, done)]);
}

/**
 * Applies a convolution or dense layer, whose weights are not trained, as one operation with a gradient for `x` alone. It keeps
 * one feature map and one gradient, where tfjs keeps the outputs of convolution, bias and ReLU, and the gradient of each.
 *
 * @param activation `'none'` leaves out the layer's ReLU.
 * @returns undefined for other kinds of layers, other activations, and what is no input of the layer.
 */
export function fixedLayer(
  layer: layers.Layer,
  x: Tensor,
  activation: 'own' | 'none' = 'own',
): Tensor | undefined {
  const operation = operationOf(layer, activation);
  if (x.rank !== operation?.rank) return undefined;
  const weights = weightsOf(layer);
  // tfjs says what is wrong with others.
  const fits = x.dtype === 'float32' && x.shape.at(-1) === weights.filter.shape.at(-2);
  return fits ? run(operation, { x, ...weights }, ['x']) : undefined;
}

/** A layer's computation: its input times its weights, plus its bias, then ReLU and max pooling if it has them. */
interface Operation {
  /** Rank of the input. */
  rank: number;
  /** Whether it includes a pooling. */
  pools: boolean;
  /** The output, and what its gradients need besides the inputs. */
  forward(inputs: Inputs): { y: Tensor; kept: Tensor[] };
  /**
   * The wanted gradients, from that of the output, whose memory they may take. What was kept may be disposed. With `step`, the new
   * weights take the place of their gradient.
   */
  backward(dy: Tensor, kept: Tensor[], inputs: Inputs, wanted: Name[], step?: KernelStep): Tensor[];
  /** Whether the backward pass can do a step of the weights. */
  steps?: () => boolean;
}

interface Inputs {
  x: Tensor;
  /** The weights of a convolution or a dense layer. */
  filter: Tensor;
  bias?: Tensor;
}

type Name = keyof Inputs;

/** The gradients of a layer's inputs, from that of its output before ReLU. */
type Gradients = Record<Name, (dy: Tensor, inputs: Inputs) => Tensor>;

/** The gradient of a layer's output before ReLU, and that of its bias, where a kernel has computed both. */
interface Before {
  dy: Tensor;
  bias?: Tensor;
}

function weightsOf(layer: layers.Layer): { filter: Tensor; bias?: Tensor } {
  const [filter, bias] = layer.weights.map((weight) => weight.read());
  return { filter: filter!, bias };
}

/**
 * The operation of a convolution or a dense layer with ReLU or without an activation.
 *
 * @param activation the layer's own, or which one in its place.
 * @param pool a pooling to include, which works for convolutions of stride 1.
 */
function operationOf(
  layer: layers.Layer,
  activation: 'own' | 'none' | 'relu' = 'own',
  pool?: Pooling,
): Operation | undefined {
  const config = layer.getConfig();
  if (activation === 'own' && config.activation !== 'relu' && config.activation !== 'linear')
    return undefined;
  const relu = (activation === 'own' ? config.activation : activation) === 'relu';
  if (layer.getClassName() === 'Dense') return dense(relu, isBehindRelu(layer));
  // tfjs has no gradient of a dilated convolution.
  const plain =
    config.dataFormat === 'channelsLast' && [config.dilationRate].flat().every((rate) => rate === 1);
  if (layer.getClassName() !== 'Conv2D' || !plain) return undefined;
  const strides = config.strides as [number, number];
  const pad = config.padding as 'same' | 'valid';
  return pool && strides.every((stride) => stride === 1)
    ? pooledConvolution({ pad, relu, pool })
    : convolution(strides, pad, relu);
}

/** Whether gradients of logits are flushed where they are computed, or need not be, as on a GPU. */
function isFlushed(): boolean {
  return hasKernel('CrossEntropy');
}

/** What a dense layer that gives logits or probabilities does after its product; undefined for other layers. */
function outputOf(layer: layers.Layer): ((logits: Tensor) => Tensor) | undefined {
  if (layer.getClassName() !== 'Dense') return undefined;
  return { linear: (logits: Tensor) => logits, softmax, sigmoid }[layer.getConfig().activation as string];
}

/**
 * A dense layer.
 *
 * @param behindRelu whether its input is what a ReLU puts out, which needs no gradient where it is zero.
 */
function dense(relu: boolean, behindRelu: boolean): Operation {
  const products = throughRelu({
    x: (dy, { filter }) => product(dy, filter, false, true),
    filter: (dy, { x }) => product(x, dy, true, false),
    bias: (dy) => sum(dy, 0),
  });
  return {
    rank: 2,
    pools: false,
    steps: () => hasKernel('DenseGrad'),
    forward: ({ x, filter, bias }) => keeping(affine(x, filter, bias, relu), relu),
    backward(dy, kept, inputs, wanted, step) {
      if (!hasKernel('DenseGrad') || !wanted.includes('filter')) {
        return products(dy, kept, inputs, wanted);
      }
      const { x, filter: weights } = inputs;
      const [y] = kept;
      const before = y ? reluGradient(dy, y) : dy;
      y?.dispose();
      const [filter, dx] = runOwnKernel(
        'DenseGrad',
        { dy: before, x, weights, ...step?.slots },
        { behindRelu, wantsX: wanted.includes('x'), ...(step && { update: step }) },
      );
      return wanted.map(
        (name) => ({ filter: filter!, x: dx!, bias: name === 'bias' ? sum(before, 0) : before })[name],
      );
    },
  };
}

/** A convolution of channels-last images, the only order that tfjs has kernels for. It exports no functions for the gradients. */
function convolution(
  strides: [number, number],
  pad: string,
  relu: boolean,
): Operation & { gradients: Gradients } {
  const attrs = { strides, pad, dataFormat: 'NHWC', dilations: [1, 1] };
  const activation = relu ? 'relu' : 'linear';
  const gradients: Gradients = {
    x: (dy, { x, filter }) =>
      engine().runKernel(Conv2DBackpropInput, { dy, filter }, { ...attrs, inputShape: x.shape }),
    filter: (dy, { x, filter }) =>
      engine().runKernel(Conv2DBackpropFilter, { x, dy }, { ...attrs, filterShape: filter.shape }),
    bias: (dy) => sum(dy, [0, 1, 2]),
  };
  return {
    gradients,
    rank: 4,
    pools: false,
    forward: ({ x, filter, bias }) =>
      keeping(
        engine().runKernel(FusedConv2D, { x, filter, ...(bias && { bias }) }, { ...attrs, activation }),
        relu,
      ),
    backward: throughRelu(gradients),
  };
}

/**
 * The same of stride 1 with max pooling: by one kernel each way where the backend has them. Elsewhere, ReLU's gradient is taken
 * behind the pooling, where there are fewer numbers: the largest input of a window is what the pooling puts out.
 */
function pooledConvolution(attrs: ConvPool): Operation {
  const { pad, relu, pool } = attrs;
  const own = convolution([1, 1], pad, false);
  const poolAttrs = { filterSize: pool.size, strides: pool.strides, pad: pool.pad };
  return {
    rank: 4,
    pools: true,
    forward({ x, filter, bias }) {
      if (hasKernel('ConvPool')) {
        const [y, choices] = runOwnKernel('ConvPool', { x, filter, ...(bias && { bias }) }, attrs);
        return { y: y!, kept: [choices!] };
      }
      const map = convolution([1, 1], pad, relu).forward({ x, filter, bias }).y;
      const y: Tensor = engine().runKernel(MaxPool, { x: map }, poolAttrs);
      return { y, kept: [map, y] };
    },
    backward(dy, kept, inputs, wanted) {
      const { x, filter } = inputs;
      if (kept.length === 1) {
        return runOwnKernel('ConvPoolGrad', { dy, choices: kept[0]!, x, filter }, { ...attrs, wanted });
      }
      const [map, y] = kept as [Tensor, Tensor];
      if (wanted.includes('bias') && hasKernel('PoolBiasGrad')) {
        const [before, bias] = runOwnKernel('PoolBiasGrad', { dy, map }, { pool, relu });
        return gradientsOf(own.gradients, { dy: before!, bias }, inputs, wanted);
      }
      const before = relu ? reluGradient(dy, y) : dy;
      const spread: Tensor = engine().runKernel(
        MaxPoolGrad,
        { dy: before, input: map, output: y },
        poolAttrs,
      );
      return gradientsOf(own.gradients, { dy: spread }, inputs, wanted);
    },
  };
}

/** A convolution that does the frozen batch normalization behind it as well. */
function normalized(operation: Operation, norm: layers.Layer): Operation {
  return {
    ...operation,
    forward: (inputs) => operation.forward({ ...inputs, ...foldNorm(norm, inputs) }),
    backward(dy, kept, inputs, wanted) {
      const { factor, ...folded } = foldNorm(norm, inputs);
      return operation
        .backward(dy, kept, { ...inputs, ...folded }, wanted)
        .map((gradient, i) => (wanted[i] === 'x' ? gradient : mul(gradient, factor)));
    },
  };
}

/** An output that is kept if it is ReLU's, to show where that blocks the gradient. */
function keeping(y: Tensor, relu: boolean) {
  return { y, kept: relu ? [y] : [] };
}

/** The backward pass of an operation with ReLU, if the output was kept, or without. */
function throughRelu(gradients: Gradients): Operation['backward'] {
  return (dy, [y], inputs, wanted) => {
    const before = y ? beforeRelu(dy, y, wanted.includes('bias')) : { dy };
    y?.dispose();
    return gradientsOf(gradients, before, inputs, wanted);
  };
}

/** The wanted gradients, of which that of the bias may be known. */
function gradientsOf(gradients: Gradients, { dy, bias }: Before, inputs: Inputs, wanted: Name[]): Tensor[] {
  return wanted.map((name) => (name === 'bias' && bias ? bias : gradients[name](dy, inputs)));
}

/** The gradient before ReLU and, if wanted, the bias', by one kernel where the backend has it. */
function beforeRelu(dy: Tensor, y: Tensor, wantsBias: boolean): Before {
  if (!wantsBias || !hasKernel('ReluBiasGrad')) return { dy: reluGradient(dy, y) };
  const [before, bias] = runOwnKernel('ReluBiasGrad', { dy, y }, {});
  return { dy: before!, bias };
}

/** The gradient before ReLU, from the one after it, whose memory it may take; by one kernel where the backend has it. */
function reluGradient(dy: Tensor, y: Tensor): Tensor {
  return hasKernel('ReluGrad') ? runOwnKernel('ReluGrad', { dy, y }, {}) : mul(dy, step(y));
}

/**
 * Runs an operation that the tape records as one, with the wanted gradients.
 *
 * @param optimizer does the step of the weights in the backward pass, if the operation can and another gradient leads there.
 */
function run(
  { forward, backward, steps }: Operation,
  inputs: Inputs,
  wanted: Name[],
  optimizer?: StepSource,
): Tensor {
  const names = wanted.filter((name) => inputs[name]);
  if (names.length === 0) return forward(inputs).y;
  const keepsX = names.includes('filter');
  const weights = inputs.filter as Variable;
  const step = keepsX && names.includes('bias') && steps?.() ? optimizer?.stepOf(weights) : undefined;
  const recorded = names.filter((name) => !step || name !== 'filter');
  return recordAsOne(
    recorded.map((name) => inputs[name]!),
    () => {
      const { y, kept } = forward(inputs);
      return { y, kept: keepsX ? [inputs.x, ...kept] : kept };
    },
    (dy, all) => {
      // If x was not kept, only its shape is used.
      const [x, kept] = keepsX ? [all[0]!, all.slice(1)] : [inputs.x, all];
      const results = backward(dy, kept, { ...inputs, x }, names, step);
      if (!step) return results;
      const [next] = results.splice(names.indexOf('filter'), 1);
      weights.assign(next!);
      next!.dispose();
      return results;
    },
  );
}

/** Whether one run of a model uses a layer once, and its weights nowhere else. */
function runsOnce(model: LayersModel, layer: layers.Layer): boolean {
  const [weights] = layer.weights.map((weight) => weight.read());
  const users = layersWithin(model).filter((other) =>
    other.weights.some((weight) => weight.read() === weights),
  );
  return model.layers.includes(layer) && layer.inboundNodes.length === 1 && users.length === 1;
}
