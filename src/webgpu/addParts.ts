import type { TensorInfo } from '@tensorflow/tfjs-core';
import { size } from '../base/shapes.js';
import { type Activation, activated } from './activation.js';
import type { WebgpuBackend } from './backend.js';
import { flat, type Program, run } from './run.js';

const GROUP = 256;

/** Invocations that keep a GPU busy. */
export const BUSY = 16384;

/** Parts that an invocation adds at least. */
const PARTS = 8;

/** How an addition of parts is laid out. */
export interface PartLayout {
  /** Numbers beside each other that an invocation adds. */
  width: 1 | 4;
  /** How many invocations add up the parts of each sum, a power of two: more where there are few sums. */
  lanes: number;
}

/** The layout for sums of a shape, so many in all, in parts. */
export function partLayout(shape: readonly number[], parts: number): PartLayout {
  const total = size(shape);
  const width = shape.at(-1)! % 4 === 0 && (total / 4) * GROUP >= BUSY ? 4 : 1;
  let lanes = 1;
  while (lanes < GROUP && lanes * PARTS <= parts && (lanes * total) / width < BUSY) lanes *= 2;
  return { width, lanes };
}

/**
 * WGSL that adds up what `lanes` lanes have, a power of two, each of `width` invocations beside each other, in those of lane 0: their
 * `sums`, unless `add` does something else with the numbers at two places.
 */
export function foldLanes(
  lanes: number,
  width: number,
  add = (to: string, from: string) => `sums[${to}] += sums[${from}];`,
): string {
  return `
  for (var fold = ${Math.floor(lanes / 2)}; fold > 0; fold /= 2) {
    if (lane < fold) { ${add('localIndex', `localIndex + u32(fold * ${width})`)} }
    workgroupBarrier();
  }`;
}

/** What follows a sum. */
export interface Finish {
  /** Added to each row. */
  bias?: TensorInfo;
  activation?: Activation;
}

/** The sum of tensors of a shape that are stored one after another, in a fixed order, then its bias and activation; frees them. */
export function addParts(
  backend: WebgpuBackend,
  sums: TensorInfo,
  { count }: { count: number },
  shape: number[],
  { bias, activation = 'linear' }: Finish = {},
): TensorInfo {
  if (count === 1 && !bias && activation === 'linear') return sums;
  const { width, lanes } = partLayout(shape, count);
  const type = width === 4 ? 'vec4<f32>' : 'f32';
  const total = size(shape) / width;
  const across = GROUP / lanes;
  const program: Program = {
    name: `add parts ${lanes} ${width} ${bias !== undefined} ${activation}`,
    inputs: { parts: sums, ...(bias && { bias }) },
    output: shape,
    vec4: width === 4 ? ['parts', 'bias', 'result'] : [],
    ints: { total, count, columns: shape.at(-1)! / width },
    workgroupSize: [GROUP, 1, 1],
    workgroups: flat(backend, total, across),
    code: () => {
      const finish = `
        ${bias ? 'y += bias[at % uniforms.columns];' : ''}
        result[at] = ${activated(activation, 'y', type)};`;
      const partial = `
        for (var part = lane; part < uniforms.count; part += ${lanes}) { y += parts[part * uniforms.total + at]; }`;
      if (lanes === 1) {
        // Without barriers, which devices in software are slow at.
        return `
    fn main() {
      let lane = 0;
      let at = getGlobalIndex();
      if (at < uniforms.total) {
        var y = ${type}();
        ${partial}
        ${finish}
      }
    }`;
      }
      return `
    var<workgroup> sums: array<${type}, ${GROUP}>;
    fn main() {
      let lane = i32(localIndex) / ${across};
      let at = getGlobalIndex() / ${GROUP} * ${across} + i32(localIndex) % ${across};
      var y = ${type}();
      if (at < uniforms.total) { ${partial} }
      sums[localIndex] = y;
      workgroupBarrier();
      ${foldLanes(lanes, across)}
      if (lane == 0 && at < uniforms.total) {
        y = sums[localIndex];
        ${finish}
      }
    }`;
    },
  };
  try {
    return run(backend, program);
  } finally {
    backend.disposeData(sums.dataId);
  }
}
