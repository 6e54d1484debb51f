import type { TensorInfo } from '@tensorflow/tfjs-core';
import { size } from '../base/shapes.js';
import { forgetCopy, type WebgpuBackend } from './backend.js';
import { checkDevice } from './device.js';
import { flat } from './run.js';

/** Arithmetic that changes several tensors of one size, number by number; tfjs's programs have one output. */
export interface Change {
  /** Names the code. */
  name: string;
  /** The tensors that change, by their names in WGSL. They must differ, and nobody may be waiting for their `data()`. */
  changed: Record<string, TensorInfo>;
  inputs: Record<string, TensorInfo>;
  /** Numbers, by their names in WGSL. */
  floats: Record<string, number>;
  /** Statements for the number at `i`, such as `a[i] += rate * b[i];`. All that is named above must be used. */
  code: string;
}

const GROUP = 64;

const pipelines = new WeakMap<WebgpuBackend, Map<string, object>>();

/** Records a change of tensors in place. */
export function change(backend: WebgpuBackend, { name, changed, inputs, floats, code }: Change): void {
  checkDevice(backend, name);
  const tensors = { ...changed, ...inputs };
  const numbers = size(Object.values(tensors)[0]!.shape);
  if (numbers === 0) return;
  const isVector = numbers % 4 === 0;
  const count = isVector ? numbers / 4 : numbers;
  // The numbers lie in the order of the caller's object.
  const key = `${name} ${Object.keys(floats)} ${isVector}`;
  const known = pipelines.get(backend) ?? new Map<string, object>();
  pipelines.set(backend, known);
  const pipeline =
    known.get(key) ?? compile(backend, name, shader({ changed, inputs, floats, code }, isVector));
  known.set(key, pipeline);
  const flatTensors = Object.values(tensors).map(({ dataId, dtype }) => {
    backend.uploadToGPU(dataId);
    return { dataId, dtype, shape: [numbers] };
  });
  for (const tensor of Object.values(changed)) forgetCopy(backend, tensor);
  const [output, ...others] = flatTensors;
  backend.recordAndSubmit({ pipeline, dispatch: flat(backend, count, GROUP) }, output!, others, [
    { type: 'int32', data: [count] },
    ...Object.values(floats).map((number) => ({ type: 'float32' as const, data: [number] })),
  ]);
}

function compile({ device }: WebgpuBackend, label: string, code: string): object {
  const module = device.createShaderModule({ code, label });
  return device.createComputePipeline({ compute: { module, entryPoint: 'change' }, label, layout: 'auto' });
}

function shader({ changed, inputs, floats, code }: Omit<Change, 'name'>, isVector: boolean): string {
  const names = [...Object.keys(changed), ...Object.keys(inputs)];
  const type = isVector ? 'vec4<f32>' : 'f32';
  // What tfjs puts before the numbers of a program: two constants, and length and stride of each tensor.
  const before = [
    'nan : f32',
    'infinity : f32',
    ...names.flatMap((name) => [`${name}Length : i32`, `${name}Stride : i32`]),
  ];
  return `
struct Uniforms { ${[...before, 'count : i32', ...Object.keys(floats).map((name) => `${name} : f32`)].join(', ')} }
${names
  .map(
    (name, i) =>
      `@group(0) @binding(${i}) var<storage, ${name in changed ? 'read_write' : 'read'}> ${name} : array<${type}>;`,
  )
  .join('\n')}
@group(0) @binding(${names.length}) var<uniform> uniforms : Uniforms;
@compute @workgroup_size(${GROUP})
fn change(
  @builtin(workgroup_id) group : vec3<u32>,
  @builtin(num_workgroups) groups : vec3<u32>,
  @builtin(local_invocation_index) lane : u32,
) {
  let i = (group.y * groups.x + group.x) * ${GROUP}u + lane;
  if (i >= u32(uniforms.count)) { return; }
  ${Object.keys(floats)
    .map((name) => `let ${name} = uniforms.${name};`)
    .join('\n  ')}
  ${code}
}`;
}
