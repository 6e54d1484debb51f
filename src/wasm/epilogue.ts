import { Add, Elu, getKernel, LeakyRelu, Prelu, Sigmoid, type TensorInfo } from '@tensorflow/tfjs-core';
import { clampInPlace, isClamping } from './clamp.js';
import type { Tools } from './run.js';

/** The backend's own kernels of the other activations that tfjs fuses. */
const KERNELS: Record<string, string> = {
  elu: Elu,
  sigmoid: Sigmoid,
  leakyrelu: LeakyRelu,
  prelu: Prelu,
};

/** What follows a product or a convolution. */
export interface Epilogue {
  /** A bias that broadcasts to the result. */
  bias?: TensorInfo | undefined;
  activation?: string;
  leakyreluAlpha?: number;
  preluActivationWeights?: TensorInfo;
}

/** Whether `finish` can compute an activation. */
export function isKnown(activation = 'linear'): boolean {
  return activation === 'linear' || isClamping(activation) || Object.hasOwn(KERNELS, activation);
}

/**
 * Adds a bias to `y`, a new tensor, and applies an activation. The result takes its place. The backend's own fused kernels lose NaN
 * in a ReLU, and the bias of matrices that are transposed or in batches in the other activations.
 */
export function finish(tools: Tools, y: TensorInfo, epilogue: Epilogue): TensorInfo {
  const { bias, activation = 'linear', leakyreluAlpha, preluActivationWeights } = epilogue;
  const sum = bias ? replaced(tools, y, Add, { a: y, b: bias }) : y;
  if (activation === 'linear') return sum;
  if (!isClamping(activation)) {
    const inputs = { x: sum, ...(preluActivationWeights && { alpha: preluActivationWeights }) };
    return replaced(tools, sum, KERNELS[activation]!, inputs, { alpha: leakyreluAlpha });
  }
  clampInPlace(tools, sum, activation);
  return sum;
}

/** The result of one of the backend's own kernels, and `y`, which it reads, disposed. */
function replaced(
  { backend }: Tools,
  y: TensorInfo,
  kernel: string,
  inputs: Record<string, TensorInfo>,
  attrs: { alpha?: number | undefined } = {},
): TensorInfo {
  try {
    return getKernel(kernel, 'wasm').kernelFunc({ inputs, attrs: attrs as never, backend }) as TensorInfo;
  } finally {
    backend.disposeData(y.dataId);
  }
}
