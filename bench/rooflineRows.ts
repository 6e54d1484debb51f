import type { Plan } from 'vgg-blocks';
import { size } from '../src/base/shapes.js';
import type { Peaks } from './peaks.js';

/** The work of a layer for one batch. */
export interface LayerWork {
  name: string;
  kind: 'conv' | 'dense' | 'maxPool';
  outputShape: readonly number[];
  /** Floating-point operations: two per multiply-accumulate of a direct convolution, one per comparison. */
  flops: number;
  /** Bytes that must be read or written at least once: input, output, weights. */
  bytes: number;
}

/** A layer compared with the machine's peaks. */
export interface RooflineRow extends LayerWork {
  /** Which takes longer at the peaks: computing, or moving the bytes. */
  bound: 'arithmetic' | 'memory';
  /** Milliseconds at the peaks. */
  minimumMs: number;
  measuredMs: number;
}

/** The work of each layer, from the plan alone. Layers without any are left out. */
export function workOf(plan: Plan, batchSize: number): LayerWork[] {
  const numbers = (shape: readonly number[]) => batchSize * size(shape);
  return plan.flatMap(({ name, kind, inputShape, outputShape, params, macs }) => {
    if (kind !== 'conv' && kind !== 'dense' && kind !== 'maxPool') return [];
    const flops = kind === 'maxPool' ? 3 * numbers(outputShape) : 2 * macs * batchSize;
    const bytes = 4 * (numbers(inputShape) + numbers(outputShape) + params);
    return [{ name, kind, outputShape, flops, bytes }];
  });
}

/** The roofline model (Williams, Waterman and Patterson 2009): the slower of computing and moving bytes is the limit. */
export function rooflineRow(
  work: LayerWork,
  { gflops, gigabytes }: Pick<Peaks, 'gflops' | 'gigabytes'>,
  measuredMs: number,
): RooflineRow {
  const [computing, moving] = [work.flops / gflops / 1e6, work.bytes / gigabytes / 1e6];
  return {
    ...work,
    bound: computing >= moving ? 'arithmetic' : 'memory',
    minimumMs: Math.max(computing, moving),
    measuredMs,
  };
}
