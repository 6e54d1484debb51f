import type { TensorInfo } from '@tensorflow/tfjs-core';
import { size } from '../base/shapes.js';
import { finishParts } from './finishParts.js';
import { invocationsOf, type Product, productCode, type Tile } from './product.js';
import { type Call, flat, run } from './run.js';

/** A product of matrices, whose numbers come from tensors. */
export interface Multiplication extends Pick<Product, 'left' | 'right' | 'columns' | 'terms'> {
  /** Names the code, with everything that it depends on. */
  name: string;
  rows: number;
  inputs: { x: TensorInfo; w: TensorInfo; bias?: TensorInfo };
  /** Which inputs the code reads as vectors. */
  vec4: ('x' | 'w')[];
  /** Declares all but `put` of {@link Product}. */
  code: string;
  relu: boolean;
  outShape: number[];
}

/** Workgroups that keep a large GPU busy. */
const WORKGROUPS = 256;

/** The most terms that are added one after another, and the fewest that a part should have. */
const TERMS = { most: 4096, fewest: 128 };

/** Computes a product, with its bias and ReLU. */
export function multiply(
  { backend, tuner }: Pick<Call<object, object>, 'backend' | 'tuner'>,
  multiplication: Multiplication,
): TensorInfo {
  const { name, rows, columns, terms, inputs, vec4, relu, outShape } = multiplication;
  const tiles = tilesFor(multiplication);
  const room = Math.floor(backend.device.limits.maxStorageBufferBindingSize / (4 * size(outShape)));
  const parts = Math.max(1, Math.min(room, partsFor(multiplication, tiles[0]!)));
  const { bias, ...matrices } = inputs;
  const isLast = parts === 1;
  const quads = columns % 4 === 0;
  const added = isLast && bias ? 'bias' : '';
  const code = `${multiplication.code}\n${putCode({ ...multiplication, parts, bias: added !== '', relu: isLast && relu })}`;
  const sums = tuner.run(backend, `${name} ${rows}`, tiles, (tile) => {
    const rowTiles = Math.ceil(rows / tile.rows);
    const invocations = invocationsOf(tile);
    return run(backend, {
      name: `${name} ${Object.values(tile)} ${parts} ${added} ${relu}`,
      inputs: added ? { ...matrices, bias: bias! } : matrices,
      output: isLast ? outShape : [parts, rows, columns],
      vec4: [...vec4, ...(quads ? ['result', added] : [])],
      ints: { rows, rowTiles },
      workgroupSize: [invocations, 1, 1],
      workgroups: flat(backend, rowTiles * Math.ceil(columns / tile.columns) * parts, 1),
      code: productCode({ ...multiplication, tile, terms, parts, code }),
    });
  });
  if (isLast) return sums;
  const result = finishParts(backend, sums, { bias, relu, outShape, columns });
  backend.disposeData(sums.dataId);
  return result;
}

/** Stores sums, or with parts those of a part. */
function putCode({
  columns,
  parts,
  bias,
  relu,
}: {
  columns: number;
  parts: number;
  bias: boolean;
  relu: boolean;
}): string {
  const quads = columns % 4 === 0;
  const store = (value: string, index: string, column: string, zero: string) => `
    var y = ${value};
    ${bias ? `y += bias[${column}];` : ''}
    ${relu ? `y = select(y, ${zero}, y < ${zero});` : ''}
    result[${index}] = y;`;
  return `
fn put(part : u32, row : u32, column : u32, sums : vec4<f32>) {
  let rows = u32(uniforms.rows);
  let first = (part * rows + row) * ${columns}u + column;
  if ((row < rows) & (part < ${parts}u) & (column < ${columns}u)) {
  ${
    quads
      ? store('sums', 'first / 4u', 'column / 4u', 'vec4<f32>()')
      : [0, 1, 2, 3]
          .map(
            (i) =>
              `if (column + ${i}u < ${columns}u) { ${store(`sums[${i}]`, `first + ${i}u`, `column + ${i}u`, '0.0')} }`,
          )
          .join('\n')
  }
  }
}`;
}

/** Tiles for a product, the one that should be the fastest first. All give the same bits. */
export function tilesFor({
  rows,
  columns,
  terms,
}: Pick<Multiplication, 'rows' | 'columns' | 'terms'>): Tile[] {
  const most = 4 * Math.ceil(terms / 4);
  const tile = (rows: number, columns: number, perRow: number, perColumn: number, depth = 16): Tile => ({
    ...{ rows, columns, perRow, perColumn, depth: Math.min(depth, most) },
  });
  if (rows <= 8) return [tile(8, 64, 2, 4)];
  if (columns <= 16) return [tile(128, 16, 4, 4), tile(64, 16, 4, 4)];
  if (columns <= 32) return [tile(128, 32, 8, 4), tile(64, 32, 4, 4)];
  // Few terms at a time in large tiles, which take most of 16 KB; many in small ones, to wait less often.
  const small = tile(32, 32, 4, 4, 32);
  if (rows <= 32) return [small];
  const large = [tile(128, 64, 8, 4), ...(columns > 64 ? [tile(128, 128, 8, 8)] : []), tile(64, 64, 8, 4)];
  return workgroups(rows, columns, large[0]!) < WORKGROUPS ? [small, ...large] : [...large, small];
}

/** The number of parts that the terms are divided into, so that there are enough workgroups, and no sum has too many terms. */
export function partsFor(
  { rows, columns, terms }: Pick<Multiplication, 'rows' | 'columns' | 'terms'>,
  tile: Pick<Tile, 'rows' | 'columns'>,
): number {
  const wanted = Math.ceil(WORKGROUPS / workgroups(rows, columns, tile));
  return Math.max(Math.min(wanted, Math.floor(terms / TERMS.fewest)), Math.ceil(terms / TERMS.most));
}

export function workgroups(rows: number, columns: number, tile: Pick<Tile, 'rows' | 'columns'>): number {
  return Math.ceil(rows / tile.rows) * Math.ceil(columns / tile.columns);
}
