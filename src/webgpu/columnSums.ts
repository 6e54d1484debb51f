import type { TensorInfo } from '@tensorflow/tfjs-core';
import { addParts, BUSY, foldLanes } from './addParts.js';
import type { WebgpuBackend } from './backend.js';
import { flat, type Program, run } from './run.js';

const GROUP = 256;

/** Rows that an invocation adds at least, and where there are enough invocations. */
const ROWS = { fewest: 8, enough: 16 };

/** The most workgroups beside each other in rows: their sums are added by a second pass. */
const GROUPS = 1024;

/** A program that sums what it computes for each row, column by column. */
export interface ColumnSums extends Pick<Program, 'inputs' | 'updates' | 'vec4'> {
  /** Names the code. */
  name: string;
  rows: number;
  columns: number;
  /**
   * Statements that declare `number` for a `row` and a `column`, whose place in a matrix of rows is `i`. In fours if the number of
   * columns is a multiple of 4, which it then is as `vec4<f32>`.
   */
  code: string;
}

/** How the rows are distributed: invocations beside each other, in lanes, and groups of both. */
export function columnLayout(rows: number, columns: number) {
  const width = columns % 4 === 0 ? 4 : 1;
  const quads = columns / width;
  // Invocations beside each other read numbers beside each other.
  const across = Math.min(quads, GROUP);
  const lanes = 2 ** Math.floor(Math.log2(GROUP / across));
  const columnGroups = Math.ceil(quads / across);
  const groups = (perInvocation: number) => Math.ceil(rows / (lanes * perInvocation));
  const busy = Math.min(groups(ROWS.fewest), Math.ceil(BUSY / (across * lanes * columnGroups)));
  const count = Math.min(GROUPS, Math.max(busy, groups(ROWS.enough)));
  return { width, quads, across, lanes, columnGroups, count };
}

/** The sums of a shape of so many columns: each workgroup adds some rows, and a second pass adds its sums to the others'. */
export function columnSums(
  backend: WebgpuBackend,
  { name, rows, columns, inputs, updates, vec4, code }: ColumnSums,
  shape: number[],
): TensorInfo {
  const { width, quads, across, lanes, columnGroups, count } = columnLayout(rows, columns);
  const type = width === 4 ? 'vec4<f32>' : 'f32';
  const sums = run(backend, {
    name: `${name} ${width} ${across} ${lanes} ${columnGroups}`,
    inputs,
    updates,
    output: count === 1 ? shape : [count, columns],
    vec4: width === 4 ? ['result', ...vec4!] : [],
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
  var total = ${type}();
  if ((part < uniforms.count) & (column < uniforms.columns)) {
    for (var row = part * ${lanes} + lane; row < uniforms.rows; row += uniforms.count * ${lanes}) {
      let i = row * uniforms.columns + column;
      ${code}
      total += number;
    }
  }
  sums[localIndex] = total;
  workgroupBarrier();
  ${foldLanes(lanes, across)}
  if ((lane == 0) & (part < uniforms.count) & (column < uniforms.columns)) {
    result[part * uniforms.columns + column] = sums[localIndex];
  }
}`,
  });
  return addParts(backend, sums, { count }, shape);
}
