import type { TensorInfo } from '@tensorflow/tfjs-core';
import { foldLanes, partLayout } from './addParts.js';
import type { WebgpuBackend } from './backend.js';
import { columnLayout } from './columnSums.js';
import { flat, type Program, run } from './run.js';

const GROUP = 256;

/** What a program reads and does, in WGSL where `T` is `f32`, or `vec4<f32>` with four columns in an invocation. */
interface Pass extends Pick<Program, 'inputs' | 'floats'> {
  /** Names the code. */
  name: string;
  code: string;
}

/**
 * What the rows of a matrix come to, column by column, where plain sums are not enough: `State` has the `count` of rows and two numbers of
 * type `T`, `first` and `second`.
 */
export interface ColumnStates {
  rows: number;
  columns: number;
  /** Statements that return the state of the rows of `a` and of `b`, of which one may have none: its numbers are 0 then. */
  merge: string;
  /**
   * Statements that declare `state`, that of a `row` and a `column`, whose place in a matrix of rows is `i`; and those before, with
   * what is the same for all rows.
   */
  each: Pass & { prepare: string };
  /** Statements that write results for a `column` from the `total` of all rows. */
  finish: Pass & Pick<Program, 'output' | 'updates'>;
}

/** A program that merges rows: how they are distributed, as in `columnSums`, and what happens to a group's state. */
interface Merging extends Omit<Program, 'workgroupSize' | 'workgroups' | 'code'> {
  rows: number;
  columns: number;
  layout: { width: number; across: number; lanes: number; count: number };
  merge: string;
  prepare: string;
  each: string;
  finish: string;
}

/**
 * Runs two programs: each workgroup of the first merges some rows, in lanes, and the second merges those states and finishes. The
 * order is fixed by the shape. Returns the output of the second.
 */
export function columnStates(
  backend: WebgpuBackend,
  { rows, columns, merge, each, finish }: ColumnStates,
): TensorInfo {
  const layout = columnLayout(rows, columns);
  const names = (pass: Pick<Program, 'inputs' | 'updates'>) => [
    ...['result', ...Object.keys(pass.inputs), ...Object.keys(pass.updates ?? {})],
  ];
  const parts = mergeRows(backend, {
    ...each,
    ...{ rows, columns, layout, merge },
    output: [layout.count, 3, columns],
    vec4: names(each),
    each: each.code,
    finish: `
    let to = part * 3 * uniforms.columns + column;
    result[to] = T(total.count);
    result[to + uniforms.columns] = total.first;
    result[to + 2 * uniforms.columns] = total.second;`,
  });
  try {
    const { width, lanes } = partLayout([columns], layout.count);
    return mergeRows(backend, {
      ...finish,
      ...{ rows: layout.count, columns, merge },
      layout: { width, lanes, across: GROUP / lanes, count: 1 },
      inputs: { ...finish.inputs, parts },
      vec4: ['parts', ...names(finish)],
      prepare: '',
      each: `
      let start = row * 3 * uniforms.columns + column;
      let state = State(parts[start]${width === 4 ? '[0]' : ''}, parts[start + uniforms.columns], parts[start + 2 * uniforms.columns]);`,
      finish: finish.code,
    });
  } finally {
    backend.disposeData(parts.dataId);
  }
}

function mergeRows(
  backend: WebgpuBackend,
  { rows, columns, layout, merge, prepare, each, finish, vec4, ...program }: Merging,
): TensorInfo {
  const { width, across, lanes, count } = layout;
  const columnGroups = Math.ceil(columns / width / across);
  return run(backend, {
    ...program,
    name: `${program.name} ${width} ${across} ${lanes} ${columnGroups}`,
    vec4: width === 4 ? vec4 : [],
    ints: { rows, columns: columns / width, count },
    workgroupSize: [across * lanes, 1, 1],
    workgroups: flat(backend, count * columnGroups, 1),
    code: () => `
alias T = ${width === 4 ? 'vec4<f32>' : 'f32'};
struct State { count : f32, first : T, second : T }
fn merge(a : State, b : State) -> State {
  ${merge}
}
var<workgroup> states : array<State, ${across * lanes}>;
fn main() {
  let group = i32(workgroupId.y * numWorkgroups.x + workgroupId.x);
  let part = group / ${columnGroups};
  let column = group % ${columnGroups} * ${across} + i32(localIndex) % ${across};
  let lane = i32(localIndex) / ${across};
  let isInside = (part < uniforms.count) & (column < uniforms.columns);
  var total = State();
  if (isInside) {
    ${prepare}
    for (var row = part * ${lanes} + lane; row < uniforms.rows; row += uniforms.count * ${lanes}) {
      let i = row * uniforms.columns + column;
      ${each}
      total = merge(total, state);
    }
  }
  states[localIndex] = total;
  workgroupBarrier();
  ${foldLanes(lanes, across, (to, from) => `states[${to}] = merge(states[${to}], states[${from}]);`)}
  if ((lane == 0) & isInside) {
    total = states[localIndex];
    ${finish}
  }
}`,
  });
}
