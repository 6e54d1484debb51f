import type { TensorInfo } from '@tensorflow/tfjs-core';
import { size } from '../base/shapes.js';
import type { WebgpuBackend } from './backend.js';
import { flat, run } from './run.js';

const GROUP = 256;

/** Invocations that keep a GPU busy. */
const BUSY = 16384;

/** How many invocations add up the parts of each sum, a power of two: more where there are few sums. */
export function partLanes(sums: number, parts: number): number {
  let lanes = 1;
  while (lanes < GROUP && lanes < parts && lanes * sums < BUSY) lanes *= 2;
  return lanes;
}

/** WGSL that adds up `sums` of `lanes` lanes, a power of two, each of `width` invocations beside each other, into those of lane 0. */
export function foldLanes(lanes: number, width: number): string {
  return `
  for (var fold = ${Math.floor(lanes / 2)}; fold > 0; fold /= 2) {
    if (lane < fold) { sums[localIndex] += sums[localIndex + u32(fold * ${width})]; }
    workgroupBarrier();
  }`;
}

/** The sum of tensors that are stored one after another, in a fixed order; frees them. */
export function addParts(
  backend: WebgpuBackend,
  sums: TensorInfo,
  { count }: { count: number },
  shape: number[],
): TensorInfo {
  if (count === 1) return sums;
  const total = size(shape);
  const lanes = partLanes(total, count);
  const width = GROUP / lanes;
  const result = run(backend, {
    name: `add parts ${lanes}`,
    inputs: { parts: sums },
    output: shape,
    ints: { total, count },
    workgroupSize: [GROUP, 1, 1],
    workgroups: flat(backend, total, width),
    code: () => `
    var<workgroup> sums: array<f32, ${GROUP}>;

    fn main() {
      let lane = i32(localIndex) / ${width};
      let at = getGlobalIndex() / ${GROUP} * ${width} + i32(localIndex) % ${width};
      var sum = 0.0;
      if (at < uniforms.total) {
        for (var part = lane; part < uniforms.count; part += ${lanes}) {
          sum += parts[part * uniforms.total + at];
        }
      }
      sums[localIndex] = sum;
      workgroupBarrier();
      ${foldLanes(lanes, width)}
      if (lane == 0 && at < uniforms.total) { result[at] = sums[localIndex]; }
    }`,
  });
  backend.disposeData(sums.dataId);
  return result;
}
