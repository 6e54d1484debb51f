import {
  engine,
  getBackend,
  getKernel,
  type NamedAttrMap,
  type NamedTensorMap,
  type Tensor,
  type TensorInfo,
  type Variable,
} from '@tensorflow/tfjs-core';
import { markOf } from './replaceKernels.js';

/** Max pooling of channels-last float32 images, by windows of at most 255 pixels. */
export interface Pooling {
  size: [number, number];
  strides: [number, number];
  pad: 'same' | 'valid';
}

/** A convolution of stride 1, its bias, ReLU and max pooling. */
export interface ConvPool {
  pad: 'same' | 'valid';
  relu: boolean;
  pool: Pooling;
}

/**
 * Kernels that tfjs does not have. `vgg-blocks/wasm` registers them, `vgg-blocks/webgpu` some of them, and the library uses those
 * that the current backend has; elsewhere it computes the same from tfjs's operations.
 *
 * `ReluGrad` and `ReluBiasGrad` may take the memory of the gradient that they are given: the caller must not use it afterwards. The updates take
 * `weights` and `gradient`, which must not be used afterwards either, and return the new weights; the other inputs, the
 * optimizer's state, are changed in place.
 */
export interface OwnKernels<T = TensorInfo> {
  /** The gradient before a ReLU, from the gradient after it and the ReLU's output. */
  ReluGrad: { inputs: { dy: T; y: T }; attrs: object; output: T };
  /** The same, and its sum over all axes but the last, which is the gradient of the bias. */
  ReluBiasGrad: { inputs: { dy: T; y: T }; attrs: object; output: T[] };
  /**
   * The gradients before a max pooling, behind a ReLU if `relu`, and of the bias before both, from the gradient after the pooling and
   * the map before it, behind the ReLU.
   */
  PoolBiasGrad: { inputs: { dy: T; map: T }; attrs: { pool: Pooling; relu: boolean }; output: T[] };
  /**
   * The sum of the cross-entropies of logits `[batch, classes]` with labels, `int32` indices of classes, over `count`; how many of
   * the logits are the largest at their label, the first of equal ones counting; and the gradient of that loss of the logits.
   */
  CrossEntropy: { inputs: { logits: T; labels: T }; attrs: { count: number }; output: T[] };
  /**
   * Images `[images, ...size, channels]` from bytes, four of them in each number of an `int32` tensor, the first in the lowest bits: from
   * 0 to 1, of 0 to 255, or the `values` of each byte, 256 for each channel. They are resized like `resizeBilinear` with half-pixel
   * centers.
   */
  FromBytes: {
    inputs: { bytes: T; values?: T };
    attrs: {
      shape: readonly [images: number, height: number, width: number, channels: number];
      size: readonly [height: number, width: number];
    };
    output: T;
  };
  /** x times `kept` where a bit is set, and times 0 elsewhere: 32 of them in each number of an `int32` tensor, the first in the lowest. */
  Dropout: { inputs: { x: T; bits: T }; attrs: { kept: number }; output: T };
  /** The next sums of losses and of correct examples, `[2]`, and their rounding errors, of which `loss` is a mean over `examples`. */
  AddMeans: {
    inputs: { sums: T; excess: T; loss: T; correct: T };
    attrs: { examples: number };
    output: T[];
  };
  /**
   * The output, and the choices of the pooling: for each number of the output, as a byte, which pixel of its window it was, or
   * 255 if it has no gradient because of the ReLU. Neither the map before the pooling nor its gradient ever exists as a whole.
   */
  ConvPool: { inputs: { x: T; filter: T; bias?: T }; attrs: ConvPool; output: T[] };
  /** The gradients that are wanted, in that order. */
  ConvPoolGrad: {
    inputs: { dy: T; choices: T; x: T; filter: T };
    attrs: ConvPool & { wanted: ('filter' | 'bias' | 'x')[] };
    output: T[];
  };
  /**
   * Batch normalization of the last axis in training, then ReLU if `relu` and max pooling if there is a `pool`: y, the batch's
   * mean and biased variance, the running ones' next values, which keep the fraction `momentum` of the present ones, and the
   * pooling's choices.
   */
  BatchNorm: {
    inputs: { x: T; scale: T; offset: T; runningMean: T; runningVariance: T };
    attrs: { epsilon: number; relu: boolean; pool?: Pooling; momentum: number };
    output: T[];
  };
  /** Its gradients: of scale and offset, and of x if that is wanted, which may take the memory of dy or of x. */
  BatchNormGrad: {
    inputs: { dy: T; x: T; mean: T; variance: T; scale: T; offset: T; choices?: T };
    attrs: { epsilon: number; relu: boolean; pool?: Pooling; wantsX: boolean };
    output: T[];
  };
  /**
   * The gradient of a dense layer's weights, or with `update` the new weights; then the gradient of x, if wanted. `update` has
   * the kernel of an optimizer's step and its attributes; its state is among the inputs. `behindRelu` says that x is what a
   * ReLU puts out, perhaps pooled or dropped, so that where x is zero its gradient need not be right.
   */
  DenseGrad: {
    inputs: { dy: T; x: T; weights: T; velocity?: T; first?: T; second?: T };
    attrs: {
      behindRelu: boolean;
      wantsX: boolean;
      update?: { kernel: UpdateKernel; numbers: OwnKernels[UpdateKernel]['attrs'] };
    };
    output: T[];
  };
  /** The gradient is g = gradient + decay * weights; weights - rate * g. */
  SgdUpdate: { inputs: { weights: T; gradient: T }; attrs: { rate: number; decay: number }; output: T };
  /**
   * With g as above, velocity = momentum * velocity + g; weights - rate * velocity. Nesterov's takes a step ahead:
   * weights - rate * (g + momentum * velocity).
   */
  MomentumUpdate: {
    inputs: { weights: T; gradient: T; velocity: T };
    attrs: { rate: number; momentum: number; nesterov: boolean; decay: number };
    output: T;
  };
  /**
   * Adam with g as above, with the moments divided by `scale1` and `scale2` to correct their bias. It starts from
   * keep * weights: AdamW decays the weights themselves.
   */
  AdamUpdate: {
    inputs: { weights: T; gradient: T; first: T; second: T };
    attrs: {
      rate: number;
      beta1: number;
      beta2: number;
      scale1: number;
      scale2: number;
      epsilon: number;
      decay: number;
      keep: number;
    };
    output: T;
  };
}

type Name = keyof OwnKernels;

/** The kernels that do an optimizer's step. */
export type UpdateKernel = Extract<Name, `${string}Update`>;

/** A step of an optimizer that another kernel does while it computes the gradient. */
export interface KernelStep {
  kernel: UpdateKernel;
  numbers: OwnKernels[UpdateKernel]['attrs'];
  /** The optimizer's state, which is changed in place. */
  slots: NamedTensorMap;
}

/** An optimizer, such as `train`'s own. */
export interface StepSource {
  /** The next step of weights, by a kernel; undefined if the step needs more than their gradient, or has no kernel. */
  stepOf(weights: Variable): KernelStep | undefined;
}

/** What decides how the kernels of `vgg-blocks/wasm` round. */
export interface WasmNumerics {
  threads: number;
  /** Whether they multiply and add with one rounding, where the processor can. */
  relaxedSimd: boolean;
}

/** The kernels of `vgg-blocks/wasm` that are installed. */
export interface WasmInstallation extends WasmNumerics {
  /** Names the build of the kernels; another may round differently. */
  kernels: string;
  uninstall: () => void;
}

/** Marks the kernels with their installation. */
export const INSTALLATION = Symbol.for('vgg-blocks/wasm');

/** The kernels of `vgg-blocks/wasm` on a backend, the current one by default; undefined without them. */
export function wasmInstallation(backend = getBackend()): WasmInstallation | undefined {
  return markOf(INSTALLATION, backend);
}

/** Marks the kernels of `vgg-blocks/webgpu` with their installation. */
export const WEBGPU_INSTALLATION = Symbol.for('vgg-blocks/webgpu');

/** Whether the current backend's convolutions may be computed by Winograd's algorithm where a trial shows it to be faster. */
export function triesWinograd(): boolean {
  return markOf<{ winograd?: boolean }>(WEBGPU_INSTALLATION, getBackend())?.winograd === true;
}

/** Whether the current backend has a kernel of {@link OwnKernels}. */
export function hasKernel(name: Name): boolean {
  return getKernel(name, getBackend()) !== undefined;
}

/** Runs a kernel of {@link OwnKernels} on the current backend. */
export function runOwnKernel<N extends Name>(
  name: N,
  inputs: OwnKernels<Tensor>[N]['inputs'],
  attrs: OwnKernels[N]['attrs'],
): OwnKernels<Tensor>[N]['output'] {
  return engine().runKernel(name, inputs as unknown as NamedTensorMap, attrs as unknown as NamedAttrMap);
}
