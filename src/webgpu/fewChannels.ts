import type { TensorInfo } from '@tensorflow/tfjs-core';
import { size } from '../base/shapes.js';
import type { WebgpuBackend } from './backend.js';
import {
  type ConvInfo,
  type Parts,
  pixelCount,
  scalarLoad,
  shapeConstants,
  shapeName,
  write,
} from './filterGradient.js';
import { run } from './run.js';

/** The most sums of four output channels that an invocation keeps in registers. */
const MAX_ROWS = 27;

/** Pixels that each invocation adds up, at least and at most; in between, as many as leave this many invocations. */
const MIN_STEPS = 64;
const MAX_STEPS = 4096;
const BUSY = 131072;

/** Whether the filter is as small as that of a first layer, such as 3x3 of 1 or 3 channels. Tiles of a product would be mostly empty. */
export function hasFewChannels({ filterShape }: ConvInfo): boolean {
  return size(filterShape.slice(0, 3)) <= MAX_ROWS;
}

/** A workgroup's groups of four output channels, and its lanes, which take every so many-th pixel. */
function layout({ outChannels }: ConvInfo): { groups: number; lanes: number } {
  const groups = Math.min(16, Math.ceil(outChannels / 4));
  return { groups, lanes: Math.floor(256 / groups) };
}

/** The pixels of each lane are a part. */
export function fewChannelsParts(info: ConvInfo): Parts {
  const { lanes } = layout(info);
  const pixels = pixelCount(info);
  const wanted = Math.ceil((pixels * Math.ceil(info.outChannels / 4)) / BUSY);
  const length = Math.min(MAX_STEPS, Math.max(MIN_STEPS, wanted));
  return { count: Math.ceil(pixels / (length * lanes)) * lanes, length };
}

/**
 * The filter's gradient over each part, `[parts, filterHeight, filterWidth, inChannels, outChannels]`, of a filter with few input
 * channels. An invocation has four output channels and all the weights from them, and reads a gradient once for all of these.
 */
export function fewChannels(
  backend: WebgpuBackend,
  x: TensorInfo,
  dy: TensorInfo,
  info: ConvInfo,
  parts: Parts,
): TensorInfo {
  const { outChannels: n, filterShape, inChannels, filterWidth } = info;
  const { groups, lanes } = layout(info);
  const rows = Array.from({ length: size(filterShape.slice(0, 3)) }, (_, row) => {
    const tap = Math.floor(row / inChannels);
    return { row, ky: Math.floor(tap / filterWidth), kx: tap % filterWidth, c: row % inChannels };
  });
  const vector = n % 4 === 0;
  return run(backend, {
    name: `filter gradient of few channels ${shapeName(info)}`,
    inputs: { x, dy },
    output: parts.count === 1 ? filterShape : [parts.count, ...filterShape],
    vec4: vector ? ['dy', 'result'] : [],
    ints: { pixels: pixelCount(info), steps: parts.length },
    workgroupSize: [groups * lanes, 1, 1],
    workgroups: [Math.ceil(n / (4 * groups)), parts.count / lanes, 1],
    code: () => `${shapeConstants(info)}

    fn gradients(pixel: i32, column: i32) -> vec4<f32> {
      if (column >= N) { return vec4<f32>(); }
      ${vector ? 'return dy[(pixel * N + column) / 4];' : scalarLoad('dy', 'pixel * N', 'column')}
    }

    fn image(batch: i32, row: i32, column: i32, channel: i32) -> f32 {
      let inside = (row >= 0) & (row < H) & (column >= 0) & (column < W);
      return select(0.0, x[((batch * H + row) * W + column) * C + channel], inside);
    }

    fn main() {
      let group = i32(localIndex) % ${groups};
      let lane = i32(localIndex) / ${groups};
      let column = 4 * (i32(workgroupId.x) * ${groups} + group);
      let first = i32(workgroupId.y) * uniforms.steps * ${lanes} + lane;
      ${rows.map(({ row }) => `var sum${row} = vec4<f32>();`).join('\n')}
      for (var step = 0; step < uniforms.steps; step++) {
        let pixel = first + step * ${lanes};
        if (pixel < uniforms.pixels) {
          let g = gradients(pixel, column);
          let batch = pixel / OUT;
          let row = pixel % OUT / OW - TOP;
          let at = pixel % OW - LEFT;
          ${rows.map(({ row, ky, kx, c }) => `sum${row} += image(batch, row + ${ky}, at + ${kx}, ${c}) * g;`).join('\n')}
        }
      }
      let part = i32(workgroupId.y) * ${lanes} + lane;
      if (column < N) {
        ${rows.map(({ row }) => write(vector, `(part * M + ${row}) * N`, 'column', `sum${row}`)).join('\n')}
      }
    }`,
  });
}
