import type { TensorInfo } from '@tensorflow/tfjs-core';
import { foldLanes } from './addParts.js';
import type { WebgpuBackend } from './backend.js';
import { flat, type OwnCall, run } from './run.js';

/** Invocations that add up the results of the examples. */
const LANES = 256;

/**
 * The cross-entropy of logits and its gradient in one pass, a workgroup for each example, and a second pass that adds up the
 * examples. From tfjs's operations these are more than twenty.
 */
export function crossEntropy({ backend, inputs, attrs }: OwnCall<'CrossEntropy'>): TensorInfo[] {
  const { logits, labels } = inputs;
  const { count } = attrs;
  const [examples, classes] = logits.shape as [number, number];
  const lanes = classes > 64 ? 256 : 64;
  const each = backend.makeTensorInfo([examples, 2], 'float32');
  try {
    const gradient = run(backend, {
      name: `cross-entropy ${lanes}`,
      inputs: { logits, labels },
      updates: { each },
      output: logits.shape,
      ints: { examples, classes },
      floats: { count },
      workgroupSize: [lanes, 1, 1],
      workgroups: flat(backend, examples, 1),
      code: () => `
var<workgroup> sums : array<f32, ${lanes}>;
var<workgroup> first : array<i32, ${lanes}>;
fn main() {
  let lane = i32(localIndex);
  let example = getGlobalIndex() / ${lanes};
  let isExample = example < uniforms.examples;
  let start = example * uniforms.classes;
  // The largest logit, a NaN if there is one, and where it first is.
  var largest = -uniforms.INFINITY;
  var at = uniforms.classes;
  if (isExample) {
    for (var i = lane; i < uniforms.classes; i += ${lanes}) {
      let logit = logits[start + i];
      if (at == uniforms.classes || logit > largest || (isnan(logit) && !isnan(largest))) { largest = logit; at = i; }
    }
  }
  sums[localIndex] = largest;
  first[localIndex] = at;
  workgroupBarrier();
  for (var fold = ${lanes / 2}; fold > 0; fold /= 2) {
    if (lane < fold) {
      let other = sums[localIndex + u32(fold)];
      let otherAt = first[localIndex + u32(fold)];
      let mine = sums[localIndex];
      let isLarger = other > mine || (isnan(other) && !isnan(mine)) || (other == mine && otherAt < first[localIndex]);
      if (otherAt < uniforms.classes && isLarger) { sums[localIndex] = other; first[localIndex] = otherAt; }
    }
    workgroupBarrier();
  }
  largest = sums[0];
  at = first[0];
  workgroupBarrier();
  var total = 0.0;
  if (isExample) {
    for (var i = lane; i < uniforms.classes; i += ${lanes}) { total += exp(logits[start + i] - largest); }
  }
  sums[localIndex] = total;
  workgroupBarrier();
  ${foldLanes(lanes, 1)}
  total = sums[0];
  if (isExample) {
    let label = labels[example];
    for (var i = lane; i < uniforms.classes; i += ${lanes}) {
      let probability = exp(logits[start + i] - largest) / total;
      let slope = (probability - select(0.0, 1.0, i == label)) / uniforms.count;
      // What is smaller would become subnormal numbers, which a device in software multiplies slowly.
      result[start + i] = select(slope, 0.0, abs(slope) < 0x1p-64);
    }
    if (lane == 0) {
      each[2 * example] = log(total) - (logits[start + label] - largest);
      each[2 * example + 1] = select(0.0, 1.0, at == label);
    }
  }
}`,
    });
    try {
      return [...sumOfExamples(backend, each, examples, count), gradient];
    } catch (error) {
      backend.disposeData(gradient.dataId);
      throw error;
    }
  } finally {
    backend.disposeData(each.dataId);
  }
}

/** The sum of losses, over `count`, and of correct examples. */
function sumOfExamples(
  backend: WebgpuBackend,
  each: TensorInfo,
  examples: number,
  count: number,
): [loss: TensorInfo, correct: TensorInfo] {
  const correct = backend.makeTensorInfo([], 'float32');
  try {
    const loss = run(backend, {
      name: 'sum of cross-entropies',
      inputs: { each },
      updates: { correct },
      output: [],
      ints: { examples },
      floats: { count },
      workgroupSize: [LANES, 1, 1],
      workgroups: [1, 1, 1],
      code: () => `
var<workgroup> sums : array<vec2<f32>, ${LANES}>;
fn main() {
  let lane = i32(localIndex);
  var total = vec2<f32>();
  for (var i = lane; i < uniforms.examples; i += ${LANES}) { total += vec2<f32>(each[2 * i], each[2 * i + 1]); }
  sums[localIndex] = total;
  workgroupBarrier();
  ${foldLanes(LANES, 1)}
  if (lane == 0) { result[0] = sums[0].x / uniforms.count; correct[0] = sums[0].y; }
}`,
    });
    return [loss, correct];
  } catch (error) {
    backend.disposeData(correct.dataId);
    throw error;
  }
}
