import type { KernelFunc, TensorInfo } from '@tensorflow/tfjs-core';
import { fail } from '../base/check.js';
import { size } from '../base/shapes.js';
import type { OwnKernels } from '../tfjs/kernels.js';
import { forgetCopy, isCast, type WebgpuBackend } from './backend.js';
import { checkDevice } from './device.js';
import type { KeptForms } from './keptForms.js';
import { record } from './record.js';
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
 * A program in WGSL, which has these names: those of its tensors, `uniforms` with the numbers, and `NAN` and `INFINITY`; `workgroupId`,
 * `numWorkgroups` and `localId` (`vec3<u32>`), `localIndex` (`u32`), and `getGlobalIndex()` (`i32`, of an invocation among all
 * workgroups); `isnan` and `isnanVec4`. They are private variables, so that WGSL does not take them for uniform: loops with a
 * `workgroupBarrier()` need bounds from constants or `uniforms`.
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
  /** Other tensors that it writes, by their names in WGSL, of which the same holds. */
  updates?: Record<string, TensorInfo>;
  /** Which arrays are of `vec4<f32>`: names of tensors, and `result`. Default: none, each is of `f32`. */
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
  const integers = Object.entries(program.inputs).find(([, input]) => isCast(backend, input));
  if (integers) {
    const [which, input] = integers;
    const converted = floatsOf(backend, input);
    try {
      return run(backend, { ...program, inputs: { ...program.inputs, [which]: converted } });
    } finally {
      backend.disposeData(converted.dataId);
    }
  }
  const { name, inputs, output, updates = {}, ints = {}, floats = {}, workgroups } = program;
  // What comes before the sizes and choices.
  const kernel = name.split(/ (?:\d|true|false)/)[0]!;
  checkDevice(backend, kernel);
  const others = { ...updates, ...inputs };
  for (const [which, tensor] of Object.entries(others)) checkBytes(backend, kernel, which, tensor.shape);
  checkBytes(backend, kernel, 'the result', Array.isArray(output) ? output : output.shape);
  const result = Array.isArray(output) ? backend.makeTensorInfo(output, 'float32') : output;
  if (size(result.shape) === 0) {
    // What has no numbers has no buffer either.
    backend.tensorMap.get(result.dataId).values = new Float32Array(0);
    return result;
  }
  for (const tensor of [...(result === output ? [result] : []), ...Object.values(updates)]) {
    forgetCopy(backend, tensor);
  }
  const tensors = { result, ...others };
  const all = Object.values(tensors);
  const types = all.map(({ dtype }) => (dtype === 'float32' ? '' : dtype));
  record(backend, {
    key: `${name}|${Object.keys(tensors)}|${types}|${Object.keys(ints)}|${Object.keys(floats)}`,
    label: kernel,
    code: () => shaderOf(program, tensors),
    tensors: all,
    ints: Object.values(ints),
    floats: Object.values(floats),
    workgroups,
  });
  return result;
}

/** The floats of a tensor whose buffer has integers. */
function floatsOf(backend: WebgpuBackend, { dataId, shape }: TensorInfo): TensorInfo {
  return runEach(backend, {
    ...{ name: 'floats of integers', output: shape, count: size(shape) },
    inputs: { integers: { dataId, shape, dtype: 'int32' } },
    code: 'result[i] = f32(integers[i]);',
  });
}

/** The whole code of a program. */
function shaderOf(
  { updates = {}, ints = {}, floats = {}, vec4 = [], vec2 = [], workgroupSize, code }: Program,
  tensors: Record<string, TensorInfo>,
): string {
  const typeOf = (name: string, { dtype }: TensorInfo) => {
    const type = dtype === 'float32' ? 'f32' : 'i32';
    return vec4.includes(name) ? `vec4<${type}>` : vec2.includes(name) ? `vec2<${type}>` : type;
  };
  const fields = [
    ...['NAN : f32', 'INFINITY : f32'],
    ...Object.keys(ints).map((name) => `${name} : i32`),
    ...Object.keys(floats).map((name) => `${name} : f32`),
  ];
  const bindings = Object.entries(tensors).map(([name, tensor], i) => {
    const access = name === 'result' || name in updates ? 'read_write' : 'read';
    return `@group(0) @binding(${i}) var<storage, ${access}> ${name} : array<${typeOf(name, tensor)}>;`;
  });
  return `
struct Uniforms { ${fields.join(', ')} }
${bindings.join('\n')}
@group(0) @binding(${bindings.length}) var<uniform> uniforms : Uniforms;
var<private> localId : vec3<u32>;
var<private> localIndex : u32;
var<private> workgroupId : vec3<u32>;
var<private> numWorkgroups : vec3<u32>;
fn getGlobalIndex() -> i32 {
  let group = (workgroupId.z * numWorkgroups.y + workgroupId.y) * numWorkgroups.x + workgroupId.x;
  return i32(group * ${size(workgroupSize)}u + localIndex);
}
fn isnan(number : f32) -> bool { return (bitcast<u32>(number) & 0x7fffffffu) > 0x7f800000u; }
fn isnanVec4(numbers : vec4<f32>) -> vec4<bool> {
  return (bitcast<vec4<u32>>(numbers) & vec4<u32>(0x7fffffffu)) > vec4<u32>(0x7f800000u);
}
${code()}
@compute @workgroup_size(${workgroupSize})
fn start(
  @builtin(local_invocation_id) id : vec3<u32>,
  @builtin(local_invocation_index) index : u32,
  @builtin(workgroup_id) group : vec3<u32>,
  @builtin(num_workgroups) groups : vec3<u32>,
) {
  localId = id;
  localIndex = index;
  workgroupId = group;
  numWorkgroups = groups;
  // Such as are not read otherwise: a layout that is found from the code needs all bindings.
  ${[...Object.keys(tensors).map((name) => `_ = &${name};`), '_ = uniforms.NAN;'].join('\n  ')}
  main();
}`;
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
    declarations = '',
    code,
    ...program
  }: Omit<Program, 'workgroupSize' | 'workgroups' | 'code'> & {
    count: number;
    declarations?: string;
    code: string;
  },
): TensorInfo {
  return run(backend, {
    ...program,
    ints: { count, ...ints },
    workgroupSize: [64, 1, 1],
    workgroups: flat(backend, count, 64),
    code: () => `${declarations}
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
