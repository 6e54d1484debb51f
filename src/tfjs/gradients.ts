import {
  Conv2DBackpropFilter,
  DepthwiseConv2dNativeBackpropFilter,
  DepthwiseConv2dNativeBackpropInput,
  getBackend,
  getKernel,
  UnsortedSegmentSum,
} from '@tensorflow/tfjs-core';
import { fail } from '../base/check.js';
import { checkBackend } from './backendReady.js';
import type { Call, Graph } from './graph.js';

/** The layers besides dilated convolutions that TensorFlow.js computes, but not their gradients. */
const WITHOUT_GRADIENT = ['CategoryEncoding', 'CenterCrop', 'Conv3DTranspose', 'Masking', 'ThresholdedReLU'];

const DEPTHWISE = {
  inputs: DepthwiseConv2dNativeBackpropInput,
  weights: DepthwiseConv2dNativeBackpropFilter,
};

/** The kernels of layers' gradients that the wasm backend lacks: of the inputs, and of the weights. */
const KERNELS: Readonly<Record<string, { inputs?: string; weights: string }>> = {
  Conv1D: { weights: Conv2DBackpropFilter },
  Conv2D: { weights: Conv2DBackpropFilter },
  Conv2DTranspose: { weights: Conv2DBackpropFilter },
  DepthwiseConv2D: DEPTHWISE,
  SeparableConv2D: DEPTHWISE,
  ConvLSTM2D: { weights: Conv2DBackpropFilter },
  Embedding: { weights: UnsortedSegmentSum },
};

/**
 * Throws where a gradient would pass a layer for which TensorFlow.js has none, such as a dilated convolution, or for which the
 * current backend has no kernel.
 *
 * @param begins whether the gradient is wanted of a call's inputs or weights.
 * @param remedy what to do instead.
 * @param wanted which of both.
 */
export function checkGradients(
  where: string,
  { calls }: Pick<Graph, 'calls'>,
  begins: (call: Call) => boolean,
  remedy: string,
  wanted: 'inputs' | 'weights' = 'inputs',
): void {
  const passed = new Set<Call>();
  for (const call of calls) {
    const begun = begins(call);
    const passes = call.inputs.some((input) => passed.has(input.call));
    if (!begun && !passes) continue;
    passed.add(call);
    const { layer } = call;
    const ofInputs = passes || wanted === 'inputs';
    checkKernels(where, call, { inputs: ofInputs, weights: begun && wanted === 'weights' });
    const ofIndices = layer.getClassName() === 'Embedding' && ofInputs;
    if (WITHOUT_GRADIENT.includes(layer.getClassName()) || ofIndices) {
      fail(
        where,
        `TensorFlow.js has no gradient of ${layer.getClassName()}, as layer ${layer.name} is; ${remedy}.`,
      );
    }
    const { dilationRate } = layer.getConfig();
    if ([dilationRate ?? 1].flat().every((rate) => rate === 1)) continue;
    fail(
      where,
      `TensorFlow.js has no gradient of a dilated convolution, as layer ${layer.name} is (dilationRate ${dilationRate}); ${remedy}.`,
    );
  }
}

/** Throws when the current backend lacks a kernel of the gradients that are wanted of a layer. */
function checkKernels(
  where: string,
  { layer }: Call,
  wanted: Readonly<Record<'inputs' | 'weights', boolean>>,
): void {
  const backend = getBackend();
  const kernels = KERNELS[layer.getClassName()];
  if (!kernels || !backend) return;
  const missing = [wanted.inputs && kernels.inputs, wanted.weights && kernels.weights].find(
    (kernel) => kernel && !getKernel(kernel, backend),
  );
  if (!missing) return;
  // One that is still starting may have it.
  checkBackend(where);
  const remedy =
    backend === 'wasm' && missing === Conv2DBackpropFilter
      ? 'call installWasmKernels() of vgg-blocks/wasm first'
      : 'choose another backend';
  fail(
    where,
    `the backend ${backend} has no kernel ${missing} for the gradient of layer ${layer.name}; ${remedy}.`,
  );
}

/** Whether a call reads the output of another. */
export const reads =
  (from: Call) =>
  ({ inputs }: Call): boolean =>
    inputs.some((input) => input.call === from);
