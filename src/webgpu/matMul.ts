import {
  type _FusedMatMulAttrs,
  type BatchMatMulAttrs,
  engine,
  type TensorInfo,
} from '@tensorflow/tfjs-core';
import { type Activation, activationOf } from './activation.js';
import { fromHalf, halfOf } from './halfWeights.js';
import { layoutFor, multiply } from './multiply.js';
import type { Call, Tools } from './run.js';

/** The most rows of a product that is faster when weights take half the bytes. */
const HALF_ROWS = 32;

/** The most outputs that the backend's own kernel computes without parts, as those of a last layer for a few images. */
const FEW_OUTPUTS = 128;

/** Products of two matrices; the backend's own kernel computes batches of them. */
export function batchMatMul(call: Call<{ a: TensorInfo; b: TensorInfo }, BatchMatMulAttrs>) {
  const { inputs, attrs } = call;
  return isOurs(call) ? product(call, inputs, attrs) : call.stock(inputs, attrs);
}

/** The same with bias and activation; the backend's own kernel computes those with a PReLU. */
export function fusedMatMul(
  call: Call<
    { a: TensorInfo; b: TensorInfo; bias?: TensorInfo; preluActivationWeights?: TensorInfo },
    _FusedMatMulAttrs
  >,
) {
  const { inputs, attrs } = call;
  const { a, b, bias } = inputs;
  const activation = activationOf(attrs);
  const columns = b.shape.at(attrs.transposeB ? -2 : -1);
  const fits = !bias || (bias.dtype === 'float32' && bias.shape.length === 1 && bias.shape[0] === columns);
  if (!activation || !fits || !isOurs(call)) return call.stock(inputs, attrs);
  const sides = sidesOf(a, b, attrs);
  // Under a gradient the weights themselves compute, so that a layer is not trained through rounded ones.
  const isPrediction = engine().state.gradientDepth === 0;
  const isHalf =
    call.halfWeights &&
    isPrediction &&
    sides.rows <= HALF_ROWS &&
    !attrs.transposeB &&
    sides.columns % 4 === 0;
  // The backend adds up few outputs in one program, a workgroup for each.
  const isFew = sides.rows * sides.columns <= FEW_OUTPUTS && layoutFor(sides).parts > 1;
  if (isFew && !isHalf) return call.stock(inputs, attrs);
  if (!isHalf) return product(call, { a, b, bias }, attrs, { activation });
  const form = { key: 'half', make: () => halfOf(call.backend, b), always: true };
  return call.forms.with(b, form, (half) => product(call, { a, b, bias }, attrs, { activation, half }));
}

/** Whether both are float32 matrices, with or without batches of 1, that have numbers and fit together. */
function isOurs({
  inputs: { a, b },
  attrs,
}: Pick<Call<{ a: TensorInfo; b: TensorInfo }, BatchMatMulAttrs>, 'inputs' | 'attrs'>): boolean {
  const isMatrix = ({ shape, dtype }: TensorInfo) =>
    dtype === 'float32' &&
    shape.slice(0, -2).every((length) => length === 1) &&
    shape.every((length) => length > 0);
  const { terms, otherTerms } = sidesOf(a, b, attrs);
  return isMatrix(a) && isMatrix(b) && terms === otherTerms;
}

/** The sides of a product, and the terms that each matrix has. */
function sidesOf(a: TensorInfo, b: TensorInfo, { transposeA, transposeB }: BatchMatMulAttrs) {
  const [rows, terms] = transposeA ? [a.shape.at(-1)!, a.shape.at(-2)!] : [a.shape.at(-2)!, a.shape.at(-1)!];
  const [columns, otherTerms] = transposeB
    ? [b.shape.at(-2)!, b.shape.at(-1)!]
    : [b.shape.at(-1)!, b.shape.at(-2)!];
  return { rows, columns, terms, otherTerms };
}

/** Computes a product here. */
export function product(
  tools: Pick<Tools, 'backend' | 'tuner'>,
  { a, b, bias }: { a: TensorInfo; b: TensorInfo; bias?: TensorInfo },
  attrs: BatchMatMulAttrs,
  { activation = 'linear', half }: { activation?: Activation; half?: TensorInfo } = {},
): TensorInfo {
  const { transposeA, transposeB } = attrs;
  const { rows, columns, terms } = sidesOf(a, b, attrs);
  const outer = a.shape.length > b.shape.length ? a.shape : b.shape;
  const left = { name: 'x', rowLength: a.shape.at(-1)! };
  const right = { name: 'w', rowLength: b.shape.at(-1)! };
  const vec4 = [left, ...(half ? [] : [right])]
    .filter(({ rowLength }) => rowLength % 4 === 0)
    .map(({ name }) => name as 'x' | 'w');
  return multiply(tools, {
    name: `product ${[transposeA, transposeB, half !== undefined, terms, columns, transposeA && rows]}`,
    ...{ rows, columns, terms, activation, vec4, vec2: half ? ['w'] : [] },
    inputs: { x: a, w: half ?? b, bias },
    outShape: [...outer.slice(0, -2), rows, columns],
    left: transposeA ? 'rows' : 'terms',
    right: transposeB ? 'columns' : 'terms',
    code: `
struct Place { row : u32 }
fn placeOf(row : u32) -> Place { return Place(row); }
fn leftAt(place : Place, term : u32) -> vec4<f32> {
  ${transposeA ? four(left, 'term', `${terms}u`, 'place.row') : four(left, 'place.row', 'u32(uniforms.rows)', 'term')}
}
fn rightAt(term : u32, column : u32) -> vec4<f32> {
  ${transposeB ? four(right, 'column', `${columns}u`, 'term') : four(right, 'term', `${terms}u`, 'column', half && fromHalf)}
}`,
  });
}

/** Four numbers of a row of a stored matrix, 0 outside of it; `unpack` takes them from how they are stored. */
function four(
  { name, rowLength }: { name: string; rowLength: number },
  row: string,
  rows: string,
  column: string,
  unpack = (numbers: string) => numbers,
): string {
  const isInside = (i: number) => `(${row} < ${rows}) & (${column} + ${i}u < ${rowLength}u)`;
  return rowLength % 4 === 0
    ? `return select(vec4<f32>(), ${unpack(`${name}[(${row} * ${rowLength}u + ${column}) / 4u]`)}, ${isInside(0)});`
    : `return vec4<f32>(${[0, 1, 2, 3].map(
        (i) => `select(0.0, ${name}[${row} * ${rowLength}u + ${column} + ${i}u], ${isInside(i)})`,
      )});`;
}
