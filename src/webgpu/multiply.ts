import type { TensorInfo } from '@tensorflow/tfjs-core';
import { size } from '../base/shapes.js';
import { type Activation, activated } from './activation.js';
import { addParts, BUSY } from './addParts.js';
import type { WebgpuBackend } from './backend.js';
import { invocationsOf, type Product, productCode, type Tile } from './product.js';
import { flat, run, type Tools } from './run.js';

/** A product of matrices, whose numbers come from tensors. */
interface Matrices extends Pick<Product, 'left' | 'right' | 'columns' | 'terms'> {
  /** Names the code, with everything that it depends on. */
  name: string;
  rows: number;
  inputs: { x: TensorInfo; w: TensorInfo; bias?: TensorInfo };
  /** Which inputs the code reads as vectors. */
  vec4: ('x' | 'w')[];
  vec2?: 'w'[];
  /** Declares all but `put` of {@link Product}. */
  code: string;
}

/** A product with its bias and activation. */
export interface Multiplication extends Matrices {
  activation: Activation;
  outShape: number[];
}

/** Workgroups that keep a large GPU busy. */
const WORKGROUPS = 256;

/** The most terms that are added one after another, and the fewest that a part should have. */
const TERMS = { most: 4096, fewest: 128 };

/** Sums of so many terms have parts of few, where there would otherwise be too few invocations, as for a last layer's outputs. */
const LONG = { terms: 2048, fewest: 32 };

/** The most lanes of a workgroup, whose tiles then take 16 KB, and the fewest of all workgroups. */
const LANES = { most: 4, fewest: 96 };

/** Computes a product in the tile that is the fastest. */
export function multiply(
  { backend, tuner }: Pick<Tools, 'backend' | 'tuner'>,
  multiplication: Multiplication,
): TensorInfo {
  const key = `${multiplication.name} ${multiplication.rows}`;
  const { tiles, parts } = layoutFor(multiplication);
  return tuner.run(backend, key, tiles, (tile) => multiplyInTiles(backend, multiplication, tile, parts));
}

/** Computes a product in tiles, which do not change its bits, and in the parts of its layout. */
export function multiplyInTiles(
  backend: WebgpuBackend,
  multiplication: Multiplication,
  tile: Tile,
  wanted: number,
): TensorInfo {
  const { rows, columns, inputs, activation, outShape } = multiplication;
  const room = Math.floor(backend.device.limits.maxStorageBufferBindingSize / (4 * size(outShape)));
  const parts = Math.max(1, Math.min(room, wanted));
  if (parts === 1) return multiplyParts(backend, { ...multiplication, parts, output: outShape }, tile);
  const { bias, ...matrices } = inputs;
  const sums = multiplyParts(
    backend,
    { ...multiplication, inputs: matrices, activation: 'linear', parts, output: [parts, rows, columns] },
    tile,
  );
  return addParts(backend, sums, { count: parts }, outShape, { bias, activation });
}

/** Computes the sums of each part of the terms, `[parts, rows, columns]`; of a single part with its bias and activation. */
export function multiplyParts(
  backend: WebgpuBackend,
  product: Matrices & { parts: number; activation?: Activation; output: number[] | TensorInfo },
  tile: Tile,
): TensorInfo {
  const { name, rows, columns, parts, inputs, vec4, vec2, activation = 'linear', output } = product;
  const { bias, ...matrices } = inputs;
  const rowTiles = Math.ceil(rows / tile.rows);
  const invocations = invocationsOf(tile);
  const quads = columns % 4 === 0;
  const added = bias ? 'bias' : '';
  return run(backend, {
    name: `${name} ${Object.values(tile)} ${parts} ${added} ${activation}`,
    inputs: bias ? { ...matrices, bias } : matrices,
    output,
    vec4: [...vec4, ...(quads ? ['result', added] : [])],
    vec2,
    ints: { rows, rowTiles },
    workgroupSize: [invocations, 1, 1],
    workgroups: flat(backend, rowTiles * Math.ceil(columns / tile.columns) * parts, 1),
    code: () =>
      productCode({
        ...product,
        tile,
        code: `${product.code}\n${putCode({ columns, parts, bias: bias !== undefined, activation })}`,
      }),
  });
}

/** Stores sums, or with parts those of a part. */
function putCode({
  columns,
  parts,
  bias,
  activation,
}: {
  columns: number;
  parts: number;
  bias: boolean;
  activation: Activation;
}): string {
  const quads = columns % 4 === 0;
  const store = (value: string, index: string, column: string, type: string) => `
    var y = ${value};
    ${bias ? `y += bias[${column}];` : ''}
    result[${index}] = ${activated(activation, 'y', type)};`;
  return `
fn put(part : u32, row : u32, column : u32, sums : vec4<f32>) {
  let rows = u32(uniforms.rows);
  let first = (part * rows + row) * ${columns}u + column;
  if ((row < rows) & (part < ${parts}u) & (column < ${columns}u)) {
  ${
    quads
      ? store('sums', 'first / 4u', 'column / 4u', 'vec4<f32>')
      : [0, 1, 2, 3]
          .map(
            (i) =>
              `if (column + ${i}u < ${columns}u) { ${store(`sums[${i}]`, `first + ${i}u`, `column + ${i}u`, 'f32')} }`,
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
  if (columns <= 16) {
    const narrow = [tile(128, 16, 4, 4), tile(64, 16, 4, 4)];
    // An invocation for a row of four numbers is enough for the weights of a last layer, but not for its few outputs.
    return rows < BUSY && 4 * rows >= BUSY ? [tile(64, 16, 1, 4), ...narrow] : narrow;
  }
  if (columns <= 32) return [tile(128, 32, 8, 4), tile(64, 32, 4, 4)];
  // Few terms at a time in large tiles, which take most of 16 KB; many in small ones, to wait less often.
  const small = tile(32, 32, 4, 4, 32);
  if (rows <= 32) return [small];
  const large = [tile(128, 64, 8, 4), ...(columns > 64 ? [tile(128, 128, 8, 8)] : []), tile(64, 64, 8, 4)];
  return workgroups(rows, columns, large[0]!) < WORKGROUPS ? [small, ...large] : [...large, small];
}

/** How a product is divided. */
export interface Layout {
  /** The one that should be the fastest first. All give the same bits. */
  tiles: Tile[];
  /** Of the terms, added by a second program if there are several. */
  parts: number;
}

/** The layout of a product: in parts if there are few workgroups, or better in the lanes of one tile. */
export function layoutFor(sides: Pick<Multiplication, 'rows' | 'columns' | 'terms'>): Layout {
  const tiles = tilesFor(sides);
  const parts = partsFor(sides, tiles[0]!);
  const inLanes = parts > 1 ? laneTile(sides) : undefined;
  return inLanes ? { tiles: [inLanes], parts: 1 } : { tiles, parts };
}

/** A small tile that divides the terms into lanes; undefined where there are too few tiles even so, or too many terms. */
function laneTile({
  rows,
  columns,
  terms,
}: Pick<Multiplication, 'rows' | 'columns' | 'terms'>): Tile | undefined {
  if (columns <= 16) return undefined;
  const tile =
    rows <= 8
      ? { rows: 8, columns: 64, perRow: 2, perColumn: 4, depth: 8 }
      : { rows: 32, columns: 32, perRow: 4, perColumn: 4, depth: 16 };
  const groups = workgroups(rows, columns, tile);
  const lanes = Math.max(
    1,
    Math.min(LANES.most, Math.ceil(WORKGROUPS / groups), Math.floor(terms / TERMS.fewest)),
  );
  return groups * lanes < LANES.fewest || terms > lanes * TERMS.most ? undefined : { ...tile, lanes };
}

/**
 * The number of parts that the terms are divided into, so that there are enough workgroups and invocations, and no sum has too many
 * terms.
 */
function partsFor(
  { rows, columns, terms }: Pick<Multiplication, 'rows' | 'columns' | 'terms'>,
  tile: Tile,
): number {
  const groups = workgroups(rows, columns, tile);
  const isLong = terms >= LONG.terms;
  const busy = Math.min(BUSY, (rows * columns * terms) / LONG.fewest);
  return Math.max(
    Math.min(Math.ceil(WORKGROUPS / groups), Math.floor(terms / TERMS.fewest)),
    isLong ? Math.min(Math.ceil(busy / (groups * invocationsOf(tile))), Math.ceil(terms / LONG.fewest)) : 1,
    Math.ceil(terms / TERMS.most),
  );
}

function workgroups(rows: number, columns: number, tile: Pick<Tile, 'rows' | 'columns'>): number {
  return Math.ceil(rows / tile.rows) * Math.ceil(columns / tile.columns);
}
