import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { Activation } from './activation.js';
import type { Multiplication } from './multiply.js';

/** A convolution of stride 1, and what follows it. */
export interface Convolution {
  /** Images `[batch, height, width, channels]`. */
  x: TensorInfo;
  /** `[height, width, channels of x, channels of y]`, or if `rotated` with the channels the other way round. */
  filter: TensorInfo;
  bias?: TensorInfo;
  activation?: Activation;
  /** Whether to rotate the filter by 180 degrees and swap its channels, as for the gradient of images. */
  rotated?: boolean;
  /** Padding above and to the left. */
  pad: [top: number, left: number];
  /** `[batch, height, width, channels]`. */
  outShape: [number, number, number, number];
}

/**
 * A convolution as a product of matrices: of the pixels under the filter, a row for each pixel of the result, and of the filter.
 * The first matrix never exists; its numbers are read where they lie.
 */
export function productOf(convolution: Convolution): Multiplication {
  const { x, filter, bias, activation = 'linear', rotated = false, pad, outShape } = convolution;
  const [batch, outHeight, outWidth, columns] = outShape;
  const [, height, width, channels] = x.shape as [number, number, number, number];
  const [filterHeight, filterWidth] = filter.shape as [number, number];
  const terms = filterHeight * filterWidth * channels;
  const quads = channels % 4 === 0;
  const filterQuads = rotated ? quads : columns % 4 === 0;
  const pixels = outHeight * outWidth;
  return {
    name: `convolution ${[height, width, channels, filterHeight, filterWidth, pad, outShape.slice(1), rotated]}`,
    ...{ rows: batch * pixels, columns, terms, outShape, activation },
    inputs: { x, w: filter, bias },
    vec4: [...(quads ? ['x' as const] : []), ...(filterQuads ? ['w' as const] : [])],
    left: 'terms',
    right: rotated ? 'columns' : 'terms',
    code: `
struct Place { y : i32, x : i32, first : i32 }
fn placeOf(row : u32) -> Place {
  let y = i32(row % ${pixels}u / ${outWidth}u) - ${pad[0]};
  let x = i32(row % ${outWidth}u) - ${pad[1]};
  let isRow = row < u32(uniforms.rows);
  return Place(select(${-height - filterHeight}, y, isRow), x, ((i32(row / ${pixels}u) * ${height} + y) * ${width} + x) * ${channels});
}
fn indexOf(place : Place, term : u32) -> i32 {
  let tap = i32(term / ${channels}u);
  let down = tap / ${filterWidth};
  let across = tap % ${filterWidth};
  let y = place.y + down;
  let x = place.x + across;
  let isInside = (term < ${terms}u) & (u32(y) < ${height}u) & (u32(x) < ${width}u);
  return select(-1, place.first + (down * ${width} + across) * ${channels} + i32(term % ${channels}u), isInside);
}
${quads ? quadAt : eachTerm}
${rotated ? rotatedFilter({ terms, channels, columns, quads }) : plainFilter({ terms, columns, quads: filterQuads })}`,
  };
}

/** Four channels of a pixel. */
const quadAt = `
fn leftAt(place : Place, term : u32) -> vec4<f32> {
  let i = indexOf(place, term);
  return select(vec4<f32>(), x[max(i, 0) / 4], i >= 0);
}`;

/** Four terms, which may belong to several pixels. */
const eachTerm = `
fn numberAt(place : Place, term : u32) -> f32 {
  let i = indexOf(place, term);
  return select(0.0, x[max(i, 0)], i >= 0);
}
fn leftAt(place : Place, term : u32) -> vec4<f32> {
  return vec4<f32>(numberAt(place, term), numberAt(place, term + 1u), numberAt(place, term + 2u), numberAt(place, term + 3u));
}`;

/** One term of four columns. */
export function plainFilter({
  terms,
  columns,
  quads,
}: {
  terms: number;
  columns: number;
  quads: boolean;
}): string {
  const number = (i: number) => `select(0.0, w[first + ${i}u], column + ${i}u < ${columns}u)`;
  return `
fn rightAt(term : u32, column : u32) -> vec4<f32> {
  let first = term * ${columns}u + column;
  let isInside = (term < ${terms}u) & (column < ${columns}u);
  return select(vec4<f32>(), ${quads ? 'w[first / 4u]' : `vec4<f32>(${[0, 1, 2, 3].map(number)})`}, isInside);
}`;
}

/** Four terms of one column. */
function rotatedFilter({
  terms,
  channels,
  columns,
  quads,
}: {
  terms: number;
  channels: number;
  columns: number;
  quads: boolean;
}): string {
  const index = (term: string) =>
    `(${terms / channels - 1}u - ${term} / ${channels}u) * ${channels * columns}u + column * ${channels}u + ${term} % ${channels}u`;
  if (quads) {
    return `
fn rightAt(term : u32, column : u32) -> vec4<f32> {
  return select(vec4<f32>(), w[(${index('term')}) / 4u], (term < ${terms}u) & (column < ${columns}u));
}`;
  }
  return `
fn weightAt(term : u32, column : u32) -> f32 {
  return select(0.0, w[${index('term')}], (term < ${terms}u) & (column < ${columns}u));
}
fn rightAt(term : u32, column : u32) -> vec4<f32> {
  return vec4<f32>(weightAt(term, column), weightAt(term + 1u, column), weightAt(term + 2u, column), weightAt(term + 3u, column));
}`;
}
