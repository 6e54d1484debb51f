import type { KernelFunc, TensorInfo } from '@tensorflow/tfjs-core';
import { fail } from '../base/check.js';
import { size } from '../base/shapes.js';
import type { OwnKernels } from '../tfjs/kernels.js';
import { forgetCopy, type WebgpuBackend } from './backend.js';
import { checkDevice } from './device.js';
import type { KeptForms } from './keptForms.js';
import type { Tuner } from './tuner.js';

/** What kernels compute with. */
export interface Tools {
  backend: WebgpuBackend;
  /** Chooses between variants of a program by a trial. */
  tuner: Tuner;
  /** Forms of weights that are kept. */
  forms: KeptForms;
  /** Whether convolutions may be computed by Winograd's algorithm. */
  allowsWinograd: boolean;
  /** Whether weights of dense layers are stored as f16. */
  halfWeights: boolean;
}

/** A call of a kernel: its inputs and attributes, and the backend's own kernel if there is one. */
export interface Call<Inputs, Attrs> extends Tools {
  inputs: Inputs;
  attrs: Attrs;
  /** The backend's own kernel, on the same or on other inputs and attributes. */
  stock: (inputs: Inputs, attrs: Attrs) => ReturnType<KernelFunc>;
}

/** A call of a kernel that tfjs does not have. */
export type OwnCall<N extends keyof OwnKernels> = Call<OwnKernels[N]['inputs'], OwnKernels[N]['attrs']>;

/**
 * A program in WGSL. tfjs declares the buffers and uniforms, and these names: `workgroupId`, `localId` and `globalId`
 * (`vec3<u32>`), `localIndex` (`u32`), and `getGlobalIndex()` (`i32`, of an invocation among all workgroups). They are private
 * variables, so that WGSL does not take them for uniform: loops with a `workgroupBarrier()` need bounds from constants or `uniforms`.
 */
export interface Program {
  /** Names the code: programs whose code, names or components differ must differ in it. */
  name: string;
  /** The tensors that are read, by their names in WGSL; each is a `float32` array, or an `i32` one of an `int32` or `bool` tensor. */
  inputs: Record<string, TensorInfo>;
  /**
   * What `result` in WGSL is: a shape for a new `float32` tensor, or a tensor that exists, which the program may read as well, so
   * that it can be updated in place. It must not be among the inputs, and nobody may be waiting for its `data()`, which would
   * keep the earlier numbers as the tensor's.
   */
  output: number[] | TensorInfo;
  /** Which arrays are of `vec4<f32>`: names of inputs, and `result`. Default: none, each is of `f32`. */
  vec4?: readonly string[];
  /** Those that are of `vec2<i32>`, which must be `int32` tensors. */
  vec2?: readonly string[];
  /** Whole numbers, as `uniforms.name` of type `i32`. */
  ints?: Record<string, number>;
  /** Other numbers, as `uniforms.name` of type `f32`. */
  floats?: Record<string, number>;
  /** Invocations in a workgroup: at most 256 in all, which is what every device has. */
  workgroupSize: [x: number, y: number, z: number];
  workgroups: [x: number, y: number, z: number];
  /** Declarations, and `fn main()`; called when the code is compiled. */
  code: () => string;
}

/** Runs a program and returns its output, which the caller owns if it is new. The device computes it later, in order. */
export function run(backend: WebgpuBackend, program: Program): TensorInfo {
  const {
    name,
    inputs,
    output,
    vec4 = [],
    vec2 = [],
    ints = {},
    floats = {},
    workgroupSize,
    workgroups,
    code,
  } = program;
  // What comes before the sizes and choices.
  const kernel = name.split(/ (?:\d|true|false)/)[0]!;
  checkDevice(backend, kernel);
  const shape = Array.isArray(output) ? output : output.shape;
  if (!Array.isArray(output)) forgetCopy(backend, output);
  for (const [which, tensor] of Object.entries(inputs)) checkBytes(backend, kernel, which, tensor.shape);
  checkBytes(backend, kernel, 'the result', shape);
  const components = (which: string) => (vec4.includes(which) ? 4 : vec2.includes(which) ? 2 : 1);
  const names = Object.keys(inputs);
  return backend.runWebGPUProgram(
    {
      variableNames: names,
      variableComponents: names.map(components),
      outputComponent: components('result'),
      outputShape: shape,
      shaderKey: `vgg-blocks ${name}`,
      dispatchLayout: { x: [0], y: [1], z: [2] },
      dispatch: workgroups,
      workgroupSize,
      uniforms: [
        ...Object.keys(ints).map((key) => `${key} : i32, `),
        ...Object.keys(floats).map((key) => `${key} : f32, `),
      ].join(''),
      getUserCode: code,
    },
    Object.values(inputs),
    'float32',
    [
      ...Object.values(ints).map((number) => ({ type: 'int32' as const, data: [number] })),
      ...Object.values(floats).map((number) => ({ type: 'float32' as const, data: [number] })),
    ],
    Array.isArray(output) ? undefined : output,
  );
}

/**
 * Runs a program of one function with an invocation for each `i` below `count`, which WGSL reads as `uniforms.count`; `code` is its
 * statements.
 */
export function runEach(
  backend: WebgpuBackend,
  {
    count,
    ints,
    code,
    ...program
  }: Omit<Program, 'workgroupSize' | 'workgroups' | 'code'> & { count: number; code: string },
): TensorInfo {
  return run(backend, {
    ...program,
    ints: { count, ...ints },
    workgroupSize: [64, 1, 1],
    workgroups: flat(backend, count, 64),
    code: () => `
fn main() {
  let i = getGlobalIndex();
  if (i >= uniforms.count) { return; }
  ${code}
}`,
  });
}

/** Workgroups in x and y for `count` invocations in groups of `perGroup`; `getGlobalIndex()` numbers them, some of them beyond `count`. */
export function flat(
  { device: { limits } }: WebgpuBackend,
  count: number,
  perGroup: number,
): [x: number, y: number, z: number] {
  const groups = Math.ceil(count / perGroup);
  const rows = Math.ceil(groups / limits.maxComputeWorkgroupsPerDimension);
  return [Math.ceil(groups / rows), rows, 1];
}

/** WebGPU reports a buffer that is too large after the fact and computes nothing: zeros that look like a result. */
function checkBytes(
  { device: { limits } }: WebgpuBackend,
  kernel: string,
  which: string,
  shape: number[],
): void {
  const bytes = 4 * size(shape);
  const allowed = Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize);
  if (bytes <= allowed) return;
  fail(
    kernel,
    `${which} of shape [${shape}] takes ${mebibytes(bytes)}, but a buffer of this GPU holds at most ${mebibytes(allowed)}; use a smaller batch or smaller images.`,
  );
}

const mebibytes = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)} MiB`;
