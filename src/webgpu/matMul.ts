import type { _FusedMatMulAttrs, BatchMatMulAttrs, TensorInfo } from '@tensorflow/tfjs-core';
import { multiply } from './multiply.js';
import type { Call } from './run.js';

/** Products of two matrices; the backend's own kernel computes batches of them. */
export function batchMatMul(call: Call<{ a: TensorInfo; b: TensorInfo }, BatchMatMulAttrs>) {
  const { inputs, attrs } = call;
  return isOurs(inputs, attrs) ? product(call, inputs, attrs) : call.stock(inputs, attrs);
}

/** The same with bias and ReLU; the backend's own kernel computes those with other activations. */
export function fusedMatMul(
  call: Call<
    { a: TensorInfo; b: TensorInfo; bias?: TensorInfo; preluActivationWeights?: TensorInfo },
    _FusedMatMulAttrs
  >,
) {
  const { inputs, attrs } = call;
  const { a, b, bias } = inputs;
  const { activation = 'linear' } = attrs;
  const columns = b.shape.at(attrs.transposeB ? -2 : -1);
  const fits =
    (activation === 'linear' || activation === 'relu') &&
    (!bias || (bias.dtype === 'float32' && bias.shape.length === 1 && bias.shape[0] === columns));
  return fits && isOurs(inputs, attrs)
    ? product(call, { a, b, bias }, attrs, activation === 'relu')
    : call.stock(inputs, attrs);
}

/** Whether both are float32 matrices, with or without batches of 1, that have numbers and fit together. */
function isOurs(
  { a, b }: { a: TensorInfo; b: TensorInfo },
  { transposeA, transposeB }: BatchMatMulAttrs,
): boolean {
  const isMatrix = ({ shape, dtype }: TensorInfo) =>
    dtype === 'float32' &&
    shape.slice(0, -2).every((length) => length === 1) &&
    shape.every((length) => length > 0);
  return isMatrix(a) && isMatrix(b) && a.shape.at(transposeA ? -2 : -1) === b.shape.at(transposeB ? -1 : -2);
}

function product(
  tools: Pick<Call<object, object>, 'backend' | 'tuner'>,
  { a, b, bias }: { a: TensorInfo; b: TensorInfo; bias?: TensorInfo },
  { transposeA, transposeB }: BatchMatMulAttrs,
  relu = false,
): TensorInfo {
  const [rows, terms] = [a.shape.at(transposeA ? -1 : -2)!, a.shape.at(transposeA ? -2 : -1)!];
  const columns = b.shape.at(transposeB ? -2 : -1)!;
  const outer = a.shape.length > b.shape.length ? a.shape : b.shape;
  const left = { name: 'x', rowLength: a.shape.at(-1)! };
  const right = { name: 'w', rowLength: b.shape.at(-1)! };
  const vec4 = [left, right]
    .filter(({ rowLength }) => rowLength % 4 === 0)
    .map(({ name }) => name as 'x' | 'w');
  return multiply(tools, {
    name: `product ${[transposeA, transposeB, terms, columns, transposeA && rows]}`,
    ...{ rows, columns, terms, relu, vec4 },
    inputs: { x: a, w: b, bias },
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
  ${transposeB ? four(right, 'column', `${columns}u`, 'term') : four(right, 'term', `${terms}u`, 'column')}
}`,
  });
}

/** Four numbers of a row of a stored matrix, 0 outside of it. */
function four(
  { name, rowLength }: { name: string; rowLength: number },
  row: string,
  rows: string,
  column: string,
): string {
  const isInside = (i: number) => `(${row} < ${rows}) & (${column} + ${i}u < ${rowLength}u)`;
  return rowLength % 4 === 0
    ? `return select(vec4<f32>(), ${name}[(${row} * ${rowLength}u + ${column}) / 4u], ${isInside(0)});`
    : `return vec4<f32>(${[0, 1, 2, 3].map(
        (i) => `select(0.0, ${name}[${row} * ${rowLength}u + ${column} + ${i}u], ${isInside(i)})`,
      )});`;
}
