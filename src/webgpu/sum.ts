import { type SumAttrs, type TensorInfo, util } from '@tensorflow/tfjs-core';
import { size } from '../base/shapes.js';
import { addParts, foldLanes } from './addParts.js';
import type { WebgpuBackend } from './backend.js';
import { type Call, flat, run } from './run.js';

const GROUP = 256;

/** Rows that an invocation adds at least, if there are so many. */
const ROWS = 16;

/** The most workgroups beside each other in rows: their sums are added by a second pass. */
const GROUPS = 1024;

/** Sums over all axes but the last, such as the gradient of a bias; the backend's own kernel, which first transposes, computes others. */
export function sum(call: Call<{ x: TensorInfo }, SumAttrs>) {
  const { backend, inputs, attrs, stock } = call;
  const { x } = inputs;
  const axes = util.parseAxisParam(attrs.axis, x.shape);
  const columns = x.shape.at(-1)!;
  const rows = size(x.shape.slice(0, -1));
  const covered =
    x.dtype === 'float32' &&
    x.shape.length > 1 &&
    axes.length === x.shape.length - 1 &&
    !axes.includes(x.shape.length - 1) &&
    rows > 1 &&
    columns > 0;
  if (!covered) return stock(inputs, attrs);
  const shape = attrs.keepDims
    ? x.shape.map((length, axis) => (axes.includes(axis) ? 1 : length))
    : [columns];
  return sumRows(backend, x, rows, columns, shape);
}

/** The sum of rows: each workgroup adds some of them, and a second pass adds its sums to the others'. */
function sumRows(
  backend: WebgpuBackend,
  x: TensorInfo,
  rows: number,
  columns: number,
  shape: number[],
): TensorInfo {
  const isVector = columns % 4 === 0;
  const [type, perLane] = isVector ? ['vec4<f32>', 4] : ['f32', 1];
  const quads = columns / perLane;
  // Invocations beside each other read numbers beside each other.
  const across = Math.min(quads, GROUP);
  const lanes = 2 ** Math.floor(Math.log2(GROUP / across));
  const columnGroups = Math.ceil(quads / across);
  const count = Math.min(GROUPS, Math.ceil(rows / (lanes * ROWS)));
  const sums = run(backend, {
    name: `sum rows ${isVector} ${across} ${lanes} ${columnGroups}`,
    inputs: { x },
    output: count === 1 ? shape : [count, columns],
    vec4: isVector ? ['x', 'result'] : [],
    ints: { rows, columns: quads, count },
    workgroupSize: [across * lanes, 1, 1],
    workgroups: flat(backend, count * columnGroups, 1),
    code: () => `
var<workgroup> sums : array<${type}, ${across * lanes}>;
fn main() {
  let group = i32(workgroupId.y * numWorkgroups.x + workgroupId.x);
  let part = group / ${columnGroups};
  let column = group % ${columnGroups} * ${across} + i32(localIndex) % ${across};
  let lane = i32(localIndex) / ${across};
  var sum = ${type}();
  if ((part < uniforms.count) & (column < uniforms.columns)) {
    for (var row = part * ${lanes} + lane; row < uniforms.rows; row += uniforms.count * ${lanes}) {
      sum += x[row * uniforms.columns + column];
    }
  }
  sums[localIndex] = sum;
  workgroupBarrier();
  ${foldLanes(lanes, across)}
  if ((lane == 0) & (part < uniforms.count) & (column < uniforms.columns)) {
    result[part * uniforms.columns + column] = sums[localIndex];
  }
}`,
  });
  return addParts(backend, sums, { count }, shape);
}
