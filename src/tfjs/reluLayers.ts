import {
  Conv2DBackpropFilter,
  Conv2DBackpropInput,
  customGrad,
  dispose,
  engine,
  FusedConv2D,
  fused,
  type GradSaveFunc,
  getBackend,
  getKernel,
  matMul,
  mul,
  step,
  sum,
  type Tensor,
  type Tensor2D,
  tidy,
} from '@tensorflow/tfjs-core';
import type { LayersModel, layers } from '@tensorflow/tfjs-layers';
import { layersWithin } from './layersWithin.js';
import { replaceCalls } from './replaceCalls.js';

/**
 * Makes each convolution or dense layer with ReLU one operation in training, as it is in prediction. tfjs by itself takes
 * three, and keeps the outputs of all three for the backward pass; this keeps the last, whose zeros say where ReLU lets no
 * gradient through.
 *
 * @returns what gives the layers their own behaviour back.
 */
export function fuseReluLayers(model: LayersModel): () => void {
  const found = new Map<layers.Layer, { operation: Operation; wanted: (keyof Inputs)[] }>();
  // Whether anything is trained before the layer, which has need of the gradient of what the layer takes.
  let trained = false;
  for (const layer of layersWithin(model)) {
    const operation = operationOf(layer);
    const wanted: (keyof Inputs)[] = trained ? ['x'] : [];
    if (layer.trainable) wanted.push('kernel', 'bias');
    trained ||= layer.trainableWeights.length > 0;
    if (operation) found.set(layer, { operation, wanted });
  }
  return replaceCalls([...found.keys()], (layer, own) => {
    const { operation, wanted } = found.get(layer)!;
    return (inputs, kwargs) => {
      const [x, ...others] = Array.isArray(inputs) ? inputs : [inputs];
      if (kwargs.training !== true || others.length > 0 || x!.rank !== operation.rank) {
        return own(inputs, kwargs);
      }
      const [kernel, bias] = layer.weights.map((weight) => weight.read());
      return run(operation, { x: x!, kernel: kernel!, bias }, wanted);
    };
  });
}

/** What a layer computes. */
interface Operation {
  /** Of the input that it is for. */
  rank: number;
  forward(inputs: Inputs): Tensor;
  /** From the gradient of what lies before ReLU. */
  gradients: Record<keyof Inputs, (dy: Tensor, inputs: Inputs) => Tensor>;
}

interface Inputs {
  x: Tensor;
  kernel: Tensor;
  bias?: Tensor;
}

/** What a layer computes, if it is a convolution or a dense layer with ReLU. */
function operationOf(layer: layers.Layer): Operation | undefined {
  const config = layer.getConfig();
  if (config.activation !== 'relu') return undefined;
  if (layer.getClassName() === 'Dense') return DENSE;
  // tfjs has no gradient of a dilated convolution.
  const plain = config.dataFormat === 'channelsLast' && String(config.dilationRate) === '1,1';
  return layer.getClassName() === 'Conv2D' && plain
    ? convolution(config.strides as [number, number], config.padding as string)
    : undefined;
}

const DENSE: Operation = {
  rank: 2,
  forward: ({ x, kernel, bias }) =>
    fused.matMul({ a: x as Tensor2D, b: kernel as Tensor2D, bias, activation: 'relu' }),
  gradients: {
    x: (dy, { kernel }) => matMul(dy, kernel, false, true),
    kernel: (dy, { x }) => matMul(x, dy, true, false),
    bias: (dy) => sum(dy, 0),
  },
};

/** A convolution of channels-last images: tfjs has its kernels for this alone, and no functions for its gradients. */
function convolution(strides: [number, number], pad: string): Operation {
  const attrs = { strides, pad, dataFormat: 'NHWC', dilations: [1, 1] };
  return {
    rank: 4,
    forward: ({ x, kernel, bias }) =>
      engine().runKernel(
        FusedConv2D,
        { x, filter: kernel, ...(bias && { bias }) },
        { ...attrs, activation: 'relu' },
      ),
    gradients: {
      x: (dy, { x, kernel }) =>
        engine().runKernel(Conv2DBackpropInput, { dy, filter: kernel }, { ...attrs, inputShape: x.shape }),
      kernel: (dy, { x, kernel }) =>
        engine().runKernel(Conv2DBackpropFilter, { x, dy }, { ...attrs, filterShape: kernel.shape }),
      bias: (dy) => sum(dy, [0, 1, 2]),
    },
  };
}

/** Runs a layer so that a tape takes it for one operation with the gradients wanted. */
function run(operation: Operation, inputs: Inputs, wanted: (keyof Inputs)[]): Tensor {
  const of = wanted.filter((name) => inputs[name]);
  if (of.length === 0) return operation.forward(inputs);
  const recorded = customGrad((...args) => {
    const value = operation.forward(inputs);
    const save = args.at(-1) as GradSaveFunc;
    save([inputs.x, value]);
    const gradFunc = (dy: Tensor, saved: Tensor[]) => {
      const [x, y] = saved as [Tensor, Tensor];
      const gradients = tidy(() => {
        const masked = throughRelu(dy, y);
        return of.map((name) => operation.gradients[name](masked, { ...inputs, x }));
      });
      // tfjs would hold them until the whole backward pass is over.
      dispose(saved);
      return gradients;
    };
    return { value, gradFunc };
  });
  return recorded(...of.map((name) => inputs[name]!));
}

/** The gradient before ReLU from that behind it: by one kernel where the backend has it, as with `vgg-blocks/wasm`. */
function throughRelu(dy: Tensor, y: Tensor): Tensor {
  return getKernel('ReluGrad', getBackend()) ? engine().runKernel('ReluGrad', { dy, y }) : mul(dy, step(y));
}
