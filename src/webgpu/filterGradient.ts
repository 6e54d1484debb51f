import type { backend_util } from '@tensorflow/tfjs-core';
import { size } from '../base/shapes.js';

export type ConvInfo = backend_util.Conv2DInfo;

/** Sums of the filter's gradient over parts of the batch's pixels, which run at the same time. */
export interface Parts {
  count: number;
  /** Pixels in each part; the last one may have fewer. */
  length: number;
}

/** The number of output pixels of the batch. */
export function pixelCount({ batchSize, outHeight, outWidth }: ConvInfo): number {
  return batchSize * outHeight * outWidth;
}

/** Constants of a shape in WGSL. The batch is not among them, so that all batch sizes share a program. */
export function shapeConstants(info: ConvInfo): string {
  const { inHeight, inWidth, inChannels, outHeight, outWidth, outChannels, filterWidth, padInfo } = info;
  return `
    const H = ${inHeight}; const W = ${inWidth}; const C = ${inChannels};
    const OW = ${outWidth}; const OUT = ${outHeight * outWidth}; const N = ${outChannels};
    const KW = ${filterWidth}; const M = ${size(info.filterShape.slice(0, 3))};
    const TOP = ${padInfo.top}; const LEFT = ${padInfo.left};`;
}

/** Names the constants of {@link shapeConstants}. */
export function shapeName({ inShape, outShape, filterShape, padInfo }: ConvInfo): string {
  return `${inShape.slice(1)} ${outShape.slice(1)} ${filterShape} ${padInfo.top} ${padInfo.left}`;
}

/** WGSL that returns four numbers of a buffer whose rows of `N` are not aligned, those from `N` on as 0. */
export function scalarLoad(buffer: string, start: string, column: string): string {
  const at = (i: number) => `${buffer}[${start} + min(${column} + ${i}, N - 1)]`;
  return `return select(vec4<f32>(), vec4<f32>(${[0, 1, 2, 3].map(at).join(', ')}), vec4<i32>(${column}) + vec4<i32>(0, 1, 2, 3) < vec4<i32>(N));`;
}

/** WGSL that writes four numbers to a row of `N` of the result; those from `N` on are left out. */
export function write(vector: boolean, start: string, column: string, value: string): string {
  if (vector) return `result[(${start} + ${column}) / 4] = ${value};`;
  return ['x', 'y', 'z', 'w']
    .map((c, i) => `if (${column} + ${i} < N) { result[${start} + ${column} + ${i}] = ${value}.${c}; }`)
    .join('\n');
}
