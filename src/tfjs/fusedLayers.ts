import {
  Conv2DBackpropFilter,
  Conv2DBackpropInput,
  customGrad,
  dispose,
  engine,
  FusedConv2D,
  fused,
  type GradSaveFunc,
  matMul,
  mul,
  step,
  sum,
  type Tensor,
  type Tensor2D,
  tidy,
} from '@tensorflow/tfjs-core';
import type { LayersModel, layers } from '@tensorflow/tfjs-layers';
import { hasKernel, runOwnKernel } from './kernels.js';
import { layersWithin } from './models.js';
import { replaceCalls } from './replaceCalls.js';

/**
 * Makes each convolution or dense layer with ReLU one operation in training, as tfjs does only in prediction. In training tfjs
 * runs three and keeps all their outputs for the backward pass. Here only the last output is kept; its zeros show where ReLU
 * blocks the gradient.
 *
 * @returns a function that restores the layers.
 */
export function fuseReluLayers(model: LayersModel): () => void {
  const found = new Map<layers.Layer, { operation: Operation; wanted: (keyof Inputs)[] }>();
  // Whether an earlier layer is trained, which needs the gradient of this layer's input.
  let trained = false;
  for (const layer of layersWithin(model)) {
    const operation = operationOf(layer);
    const wanted: (keyof Inputs)[] = trained ? ['x'] : [];
    if (layer.trainable) wanted.push('kernel', 'bias');
    trained ||= layer.trainableWeights.length > 0;
    if (operation?.relu) found.set(layer, { operation, wanted });
  }
  return replaceCalls([...found.keys()], (layer, own) => {
    const { operation, wanted } = found.get(layer)!;
    return (inputs, kwargs) => {
      const [x, ...others] = Array.isArray(inputs) ? inputs : [inputs];
      if (kwargs.training !== true || others.length > 0 || x!.rank !== operation.rank) {
        return own(inputs, kwargs);
      }
      return run(operation, { x: x!, ...weightsOf(layer) }, wanted);
    };
  });
}

/**
 * Applies a convolution or dense layer, whose weights are not trained, as one operation with a gradient for `x` alone. It keeps
 * one feature map and one gradient, where tfjs keeps the outputs of convolution, bias and ReLU, and the gradient of each.
 *
 * @param activation `'none'` leaves out the layer's ReLU.
 * @returns undefined for other kinds of layers and other activations.
 */
export function fixedLayer(
  layer: layers.Layer,
  x: Tensor,
  activation: 'own' | 'none' = 'own',
): Tensor | undefined {
  const operation = operationOf(layer, activation);
  if (x.rank !== operation?.rank) return undefined;
  return run(operation, { x, ...weightsOf(layer) }, ['x']);
}

/** A layer's computation: its input times its kernel, plus its bias, then ReLU if it has one. */
interface Operation {
  /** Rank of the input. */
  rank: number;
  relu: boolean;
  forward(inputs: Inputs): Tensor;
  /** The gradient of each input, from the gradient before ReLU. */
  gradients: Record<keyof Inputs, (dy: Tensor, inputs: Inputs) => Tensor>;
}

interface Inputs {
  x: Tensor;
  kernel: Tensor;
  bias?: Tensor;
}

function weightsOf(layer: layers.Layer): { kernel: Tensor; bias?: Tensor } {
  const [kernel, bias] = layer.weights.map((weight) => weight.read());
  return { kernel: kernel!, bias };
}

/** The operation of a convolution or a dense layer with ReLU or without an activation. */
function operationOf(layer: layers.Layer, activation: 'own' | 'none' = 'own'): Operation | undefined {
  const config = layer.getConfig();
  if (config.activation !== 'relu' && config.activation !== 'linear') return undefined;
  const relu = config.activation === 'relu' && activation === 'own';
  if (layer.getClassName() === 'Dense') return dense(relu);
  // tfjs has no gradient of a dilated convolution.
  const plain =
    config.dataFormat === 'channelsLast' && [config.dilationRate].flat().every((rate) => rate === 1);
  return layer.getClassName() === 'Conv2D' && plain
    ? convolution(config.strides as [number, number], config.padding as string, relu)
    : undefined;
}

function dense(relu: boolean): Operation {
  const activation = relu ? 'relu' : 'linear';
  return {
    rank: 2,
    relu,
    forward: ({ x, kernel, bias }) =>
      fused.matMul({ a: x as Tensor2D, b: kernel as Tensor2D, bias, activation }),
    gradients: {
      x: (dy, { kernel }) => matMul(dy, kernel, false, true),
      kernel: (dy, { x }) => matMul(x, dy, true, false),
      bias: (dy) => sum(dy, 0),
    },
  };
}

/** A convolution of channels-last images, the only order that tfjs has kernels for. It exports no functions for the gradients. */
function convolution(strides: [number, number], pad: string, relu: boolean): Operation {
  const attrs = { strides, pad, dataFormat: 'NHWC', dilations: [1, 1] };
  const activation = relu ? 'relu' : 'linear';
  return {
    rank: 4,
    relu,
    forward: ({ x, kernel, bias }) =>
      engine().runKernel(FusedConv2D, { x, filter: kernel, ...(bias && { bias }) }, { ...attrs, activation }),
    gradients: {
      x: (dy, { x, kernel }) =>
        engine().runKernel(Conv2DBackpropInput, { dy, filter: kernel }, { ...attrs, inputShape: x.shape }),
      kernel: (dy, { x, kernel }) =>
        engine().runKernel(Conv2DBackpropFilter, { x, dy }, { ...attrs, filterShape: kernel.shape }),
      bias: (dy) => sum(dy, [0, 1, 2]),
    },
  };
}

/** Runs an operation that the tape records as one, with the wanted gradients. */
function run(operation: Operation, inputs: Inputs, wanted: (keyof Inputs)[]): Tensor {
  const { forward, gradients, relu } = operation;
  const names = wanted.filter((name) => inputs[name]);
  if (names.length === 0) return forward(inputs);
  const recorded = customGrad((...args) => {
    const value = forward(inputs);
    const save = args.at(-1) as GradSaveFunc;
    save([...(relu ? [value] : []), ...(names.includes('kernel') ? [inputs.x] : [])]);
    const gradFunc = (dy: Tensor, saved: Tensor[]) => {
      const [y, x] = relu ? saved : [undefined, ...saved];
      const results = tidy(() => {
        const before = y ? throughRelu(dy, y) : dy;
        // If x was not saved, only its shape is used.
        return names.map((name) => gradients[name](before, { ...inputs, x: x ?? inputs.x }));
      });
      // tfjs would keep them until the end of the backward pass.
      dispose(saved);
      return results;
    };
    return { value, gradFunc };
  });
  return recorded(...names.map((name) => inputs[name]!));
}

/** The gradient before ReLU, from the one after it; by one kernel where the backend has it. */
function throughRelu(dy: Tensor, y: Tensor): Tensor {
  return hasKernel('ReluGrad') ? runOwnKernel('ReluGrad', { dy, y }, {}) : mul(dy, step(y));
}
