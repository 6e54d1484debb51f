import { env, type TensorInfo } from '@tensorflow/tfjs-core';
import { type Binding, upload, type WebgpuBackend } from './backend.js';

/** WGSL, compiled, with what it was bound to before. */
interface Compiled {
  pipeline: object;
  layout: object;
  /** By their numbers, as text; those that were used last come last. */
  uniforms: Map<string, Uniforms>;
}

/** A buffer of numbers, and what was bound beside it. */
interface Uniforms {
  buffer: object;
  /** Bind groups, by the buffers of the tensors. */
  groups: Map<string, object>;
}

/** What a program reads and writes, and how it is called. */
export interface Recording {
  /** Names the code, with everything that it depends on. */
  key: string;
  /** Describes it to the device's tools. */
  label: string;
  code: () => string;
  /** Bound in this order, before the uniforms. */
  tensors: readonly TensorInfo[];
  /** The uniforms: two constants, then whole and other numbers. */
  ints: readonly number[];
  floats: readonly number[];
  workgroups: [x: number, y: number, z: number];
}

/**
 * Buffers of uniforms for each pipeline. The one that was used the longest time ago is written again for new numbers. It must not be
 * bound by commands that wait to be submitted, which are those of a submission at most.
 */
const UNIFORMS = 64;

/** Bind groups for each of them: tensors of one size change places in tfjs's pool from step to step. */
const GROUPS = 32;

/** `GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST`. */
const USAGE = 0x48;

const compiledOn = new WeakMap<WebgpuBackend, Map<string, Compiled>>();

/**
 * Records a program, as `recordAndSubmit` of tfjs does, which for each one writes a buffer of uniforms and creates a bind group. A
 * step of training repeats those of the step before, so both are kept here, a bounded number of them.
 */
export function record(backend: WebgpuBackend, recording: Recording): void {
  const { label, tensors, workgroups } = recording;
  for (const tensor of tensors) upload(backend, tensor);
  const compiled = compile(backend, recording);
  const group = groupOf(backend, compiled, recording);
  for (const { dataId } of tensors) backend.commandQueueOwnedIds.add(dataId);
  const isTimed = backend.activeTimers != null;
  const pass = passOf(backend, isTimed);
  pass.setPipeline(compiled.pipeline);
  pass.setBindGroup(0, group);
  pass.dispatchWorkgroups(...workgroups);
  backend.dispatchCountInPass++;
  if (isTimed) {
    backend.endComputePassEncoder();
    backend.activeTimers!.push({ name: label, query: backend.getQueryTime() });
  } else if (backend.dispatchCountInPass >= perSubmission()) {
    submit(backend);
  }
}

/** Submits what is recorded, if anything is. */
export function submit(backend: WebgpuBackend): void {
  if (!backend.commandEncoder) return;
  backend.endComputePassEncoder();
  backend.submitQueue();
}

/** Programs that tfjs submits at a time. */
function perSubmission(): number {
  return env().getNumber('WEBGPU_DEFERRED_SUBMIT_BATCH_SIZE');
}

/** The pass that commands are recorded in; one of its own if it is timed. */
function passOf(backend: WebgpuBackend, isTimed: boolean) {
  backend.ensureCommandEncoderReady();
  if (!isTimed || !backend.supportTimestampQuery) {
    backend.computePassEncoder ??= backend.commandEncoder!.beginComputePass({});
    return backend.computePassEncoder;
  }
  backend.endComputePassEncoder();
  backend.querySet ??= backend.device.createQuerySet({ type: 'timestamp', count: backend.querySetCount });
  backend.computePassEncoder = backend.commandEncoder!.beginComputePass({
    timestampWrites: {
      querySet: backend.querySet,
      beginningOfPassWriteIndex: 0,
      endOfPassWriteIndex: 1,
    },
  });
  return backend.computePassEncoder;
}

function compile(backend: WebgpuBackend, { key, label, code }: Recording): Compiled {
  let known = compiledOn.get(backend);
  if (!known) {
    known = new Map();
    compiledOn.set(backend, known);
  }
  let compiled = known.get(key);
  if (!compiled) {
    const module = backend.device.createShaderModule({ code: code(), label: key });
    const pipeline = backend.device.createComputePipeline({
      compute: { module, entryPoint: 'start' },
      ...{ label, layout: 'auto' },
    });
    compiled = { pipeline, layout: pipeline.getBindGroupLayout(0), uniforms: new Map() };
    known.set(key, compiled);
  }
  return compiled;
}

function groupOf(backend: WebgpuBackend, { layout, uniforms }: Compiled, recording: Recording): object {
  const { buffer, groups } = uniformsOf(backend, uniforms, recording);
  const bindings = recording.tensors.map((tensor) => backend.tensorToBinding(tensor));
  const create = () =>
    backend.device.createBindGroup({
      layout,
      entries: [...bindings, { buffer }].map((resource, binding) => ({ binding, resource })),
    });
  // Textures have a new view at each call.
  if (!bindings.every(isBuffer)) return create();
  const key = bindings.map(({ buffer }) => numberOf(buffer)).join();
  let group = groups.get(key);
  if (!group) {
    if (groups.size >= GROUPS) groups.delete(oldestOf(groups));
    group = create();
    groups.set(key, group);
  }
  return group;
}

const isBuffer = (binding: Binding): binding is { buffer: object } => 'buffer' in binding;

function uniformsOf(
  { device, queue }: WebgpuBackend,
  uniforms: Map<string, Uniforms>,
  { ints, floats }: Recording,
): Uniforms {
  const key = `${ints} ${floats}`;
  let kept = uniforms.get(key);
  if (kept) {
    uniforms.delete(key);
  } else {
    const bytes = new ArrayBuffer(4 * (2 + ints.length + floats.length));
    new Float32Array(bytes, 0, 2).set([Number.NaN, Number.POSITIVE_INFINITY]);
    new Int32Array(bytes, 8, ints.length).set(ints);
    new Float32Array(bytes, 8 + 4 * ints.length).set(floats);
    if (uniforms.size < Math.max(UNIFORMS, 2 * perSubmission())) {
      kept = { buffer: device.createBuffer({ size: bytes.byteLength, usage: USAGE }), groups: new Map() };
    } else {
      const oldest = oldestOf(uniforms);
      kept = uniforms.get(oldest)!;
      uniforms.delete(oldest);
    }
    queue.writeBuffer(kept.buffer, 0, bytes);
  }
  uniforms.set(key, kept);
  return kept;
}

function oldestOf<V>(map: Map<string, V>): string {
  return map.keys().next().value!;
}

/** Numbers objects in the order in which they are first seen. */
function numberOf(object: object): number {
  const known = numbers.get(object);
  if (known !== undefined) return known;
  numbers.set(object, ++seen);
  return seen;
}

const numbers = new WeakMap<object, number>();
let seen = 0;
