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

/** Weights of a workgroup's tile and of each invocation, by input (tap and channel) and by output channel. */
export interface Tile {
  m: number;
  n: number;
  /** A multiple of 4. */
  rows: number;
  /** A multiple of 4. */
  columns: number;
}

/** Pixels that are in workgroup memory at a time. */
const DEPTH = 16;

/** The most pixels that an invocation adds up one after another. */
const MAX_LENGTH = 4096;
/** Shorter parts are only worth while to keep the GPU busy, down to this length. */
const MIN_LENGTH = 512;
const BUSY_GROUPS = 1024;

/** The tiles, with the time for a multiplication relative to the first: larger ones read workgroup memory less often. */
export const TILES: (Tile & { cost: number })[] = [
  { m: 128, n: 128, rows: 8, columns: 8, cost: 1 },
  { m: 128, n: 64, rows: 8, columns: 4, cost: 1.15 },
  { m: 128, n: 32, rows: 8, columns: 4, cost: 1.3 },
  { m: 64, n: 64, rows: 4, columns: 4, cost: 1.4 },
  { m: 64, n: 32, rows: 4, columns: 4, cost: 1.5 },
  { m: 32, n: 32, rows: 4, columns: 4, cost: 1.8 },
  { m: 64, n: 16, rows: 4, columns: 4, cost: 2 },
];

/** How many variants a trial compares. */
const CANDIDATES = 3;

/** The parts of the pixels. They depend on the shape alone, not on the tile, so that all tiles give the same bits. */
export function tileParts(info: ConvInfo, maxBytes: number): Parts {
  const pixels = pixelCount(info);
  const m = size(info.filterShape.slice(0, 3));
  const groups = Math.ceil(m / 64) * Math.ceil(info.outChannels / 64);
  const wanted = Math.max(
    Math.ceil(pixels / MAX_LENGTH),
    Math.min(Math.ceil(BUSY_GROUPS / groups), Math.floor(pixels / MIN_LENGTH)),
  );
  const fitting = Math.floor(maxBytes / (4 * size(info.filterShape)));
  const perPart = Math.ceil(pixels / Math.max(1, Math.min(wanted, fitting)));
  const length = Math.ceil(perPart / DEPTH) * DEPTH;
  return { count: Math.ceil(pixels / length), length };
}

/** The tiles for a filter, from the one with the least work. */
export function tilesFor({ filterShape, outChannels }: ConvInfo): Tile[] {
  const m = size(filterShape.slice(0, 3));
  const work = (tile: (typeof TILES)[number]) =>
    Math.ceil(m / tile.m) * tile.m * Math.ceil(outChannels / tile.n) * tile.n * tile.cost;
  return [...TILES].sort((a, b) => work(a) - work(b)).slice(0, CANDIDATES);
}

/**
 * The filter's gradient over each part, `[parts, filterHeight, filterWidth, inChannels, outChannels]`, as a product of two
 * matrices: the images as every tap sees them, `[pixels, taps x inChannels]`, which are never stored, and the gradients of the
 * outputs. A workgroup computes a tile of weights; an invocation keeps its own in registers.
 */
export function filterTiles(
  backend: WebgpuBackend,
  x: TensorInfo,
  dy: TensorInfo,
  info: ConvInfo,
  parts: Parts,
  tile: Tile,
): TensorInfo {
  const { filterShape, inChannels, outChannels } = info;
  const across = tile.n / tile.columns;
  const down = tile.m / tile.rows;
  const threads = across * down;
  const [m4, n4] = [tile.m / 4, tile.n / 4];
  const vectorX = inChannels % 4 === 0;
  const vectorY = outChannels % 4 === 0;
  const count = (length: number) => Array.from({ length }, (_, i) => i);
  const loadsX = count((DEPTH * m4) / threads);
  const loadsY = count(Math.ceil((DEPTH * n4) / threads));
  const [as, bs] = [count(tile.rows / 4), count(tile.columns / 4)];
  // The pixel within the step, and the four rows or columns, of a load.
  const pixelOf = (width: number, i: number) => `(local + ${i * threads}) / ${width}`;
  const load = (start: string) => `
        ${loadsX.map((i) => `let x${i} = images(first + ${start} + ${pixelOf(m4, i)}, last, taps);`).join('\n')}
        ${loadsY.map((i) => `let y${i} = gradients(first + ${start} + ${pixelOf(n4, i)}, last, n0 + 4 * (local % ${n4}));`).join('\n')}`;
  return run(backend, {
    name: `filter gradient in tiles ${tile.m} ${tile.n} ${tile.rows} ${tile.columns} ${shapeName(info)}`,
    inputs: { x, dy },
    output: parts.count === 1 ? filterShape : [parts.count, ...filterShape],
    vec4: [...(vectorX ? ['x'] : []), ...(vectorY ? ['dy', 'result'] : [])],
    ints: { pixels: pixelCount(info), steps: parts.length / DEPTH },
    workgroupSize: [threads, 1, 1],
    workgroups: [
      Math.ceil(outChannels / tile.n),
      Math.ceil(size(filterShape.slice(0, 3)) / tile.m),
      parts.count,
    ],
    code: () => `${shapeConstants(info)}
    var<workgroup> xs: array<vec4<f32>, ${DEPTH * m4}>;
    var<workgroup> ys: array<vec4<f32>, ${DEPTH * n4}>;

    ${vectorX ? IMAGES_4 : IMAGES_1}

    fn gradients(pixel: i32, last: i32, column: i32) -> vec4<f32> {
      if (pixel >= last || column >= N) { return vec4<f32>(); }
      ${vectorY ? 'return dy[(pixel * N + column) / 4];' : scalarLoad('dy', 'pixel * N', 'column')}
    }

    fn main() {
      let local = i32(localIndex);
      let tx = local % ${across};
      let ty = local / ${across};
      let n0 = i32(workgroupId.x) * ${tile.n};
      let m0 = i32(workgroupId.y) * ${tile.m};
      let first = i32(workgroupId.z) * uniforms.steps * ${DEPTH};
      let last = min(first + uniforms.steps * ${DEPTH}, uniforms.pixels);
      let taps = tapsOf(m0 + 4 * (local % ${m4}));
      ${as.flatMap((a) => bs.flatMap((b) => count(4).map((i) => `var sum${4 * a + i}_${b} = vec4<f32>();`))).join('\n')}
      for (var step = 0; step < uniforms.steps; step++) {
        ${load(`step * ${DEPTH}`)}
        workgroupBarrier();
        ${loadsX.map((i) => `xs[local + ${i * threads}] = x${i};`).join('\n')}
        ${loadsY.map((i) => `ys[local + ${i * threads}] = y${i};`).join('\n')}
        workgroupBarrier();
        for (var k = 0; k < ${DEPTH}; k++) {
          ${as.map((a) => `let a${a} = xs[k * ${m4} + ty + ${a * down}];`).join('\n')}
          ${bs.map((b) => `let b${b} = ys[k * ${n4} + tx + ${b * across}];`).join('\n')}
          ${as.flatMap((a) => bs.flatMap((b) => count(4).map((i) => `sum${4 * a + i}_${b} += a${a}.${'xyzw'[i]} * b${b};`))).join('\n')}
        }
      }
      let part = i32(workgroupId.z) * M;
      ${as
        .flatMap((a) =>
          count(4).map(
            (i) => `
      {
        let row = m0 + 4 * (ty + ${a * down}) + ${i};
        if (row < M) {
          ${bs
            .map(
              (b) => `
          if (n0 + 4 * (tx + ${b * across}) < N) {
            ${write(vectorY, '(part + row) * N', `(n0 + 4 * (tx + ${b * across}))`, `sum${4 * a + i}_${b}`)}
          }`,
            )
            .join('')}
        }
      }`,
          ),
        )
        .join('')}
    }`,
  });
}

/** The inputs of a pixel that four rows of the product read: channels of one tap, as the number of channels is a multiple of 4. */
const IMAGES_4 = `
    /** Rows and columns from the pixel to the tap, the channel, and whether there is such a tap. */
    fn tapsOf(row: i32) -> vec4<i32> {
      let tap = row / C;
      return vec4<i32>(tap / KW - TOP, tap % KW - LEFT, row % C, select(0, 1, row < M));
    }

    fn images(pixel: i32, last: i32, tap: vec4<i32>) -> vec4<f32> {
      let row = pixel % OUT / OW + tap.x;
      let column = pixel % OW + tap.y;
      let inside = (pixel < last) & (tap.w == 1) & (row >= 0) & (row < H) & (column >= 0) & (column < W);
      return select(vec4<f32>(), x[(((pixel / OUT * H + row) * W + column) * C + tap.z) / 4], inside);
    }`;

/** The same with any number of channels, where the four rows may belong to several taps. */
const IMAGES_1 = `
    fn tapsOf(row: i32) -> i32 { return row; }

    fn image(pixel: i32, row0: i32) -> f32 {
      let tap = row0 / C;
      let row = pixel % OUT / OW + tap / KW - TOP;
      let column = pixel % OW + tap % KW - LEFT;
      let inside = (row0 < M) & (row >= 0) & (row < H) & (column >= 0) & (column < W);
      return select(0.0, x[((pixel / OUT * H + row) * W + column) * C + row0 % C], inside);
    }

    fn images(pixel: i32, last: i32, row: i32) -> vec4<f32> {
      if (pixel >= last) { return vec4<f32>(); }
      return vec4<f32>(image(pixel, row), image(pixel, row + 1), image(pixel, row + 2), image(pixel, row + 3));
    }`;
