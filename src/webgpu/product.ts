/**
 * A tile of a product of matrices, which one workgroup computes: `rows` x `columns` numbers, of which an invocation sums
 * `perRow` x `perColumn`, `depth` terms between two barriers.
 */
export interface Tile {
  rows: number;
  columns: number;
  perRow: number;
  /** A multiple of 4. */
  perColumn: number;
  /** A multiple of 4. */
  depth: number;
  /**
   * Into how many parts a workgroup divides the terms, each with invocations and sums of its own, which it adds at the end. Default 1.
   * Where there are few tiles, that is faster than parts of other workgroups, which another program must add.
   */
  lanes?: number;
}

/** A product of matrices in tiles. */
export interface Product {
  tile: Tile;
  columns: number;
  /** Terms of a sum. */
  terms: number;
  /** Parts that the terms are divided into, each with its own sums and workgroups. */
  parts: number;
  /**
   * How WGSL reads the left matrix. `'terms'`: `leftAt(place, term)` is four terms of the row at a place; `'rows'`: it is one term
   * of four rows.
   */
  left: 'terms' | 'rows';
  /** The same of the right matrix: `rightAt(term, column)` is one term of four columns, or four terms of one column. */
  right: 'terms' | 'columns';
  /**
   * Declares `Place`, what is known about a row; `placeOf(row: u32) -> Place`, also for rows that do not exist;
   * `leftAt(place: Place, term: u32) -> vec4<f32>` and `rightAt(term: u32, column: u32) -> vec4<f32>`, which are 0 outside of the matrices; and
   * `put(part: u32, row: u32, column: u32, sums: vec4<f32>)`, which stores four columns.
   */
  code: string;
}

/** Invocations of a workgroup. */
export function invocationsOf(tile: Tile): number {
  return perLane(tile) * (tile.lanes ?? 1);
}

function perLane({ rows, columns, perRow, perColumn }: Tile): number {
  return (rows / perRow) * (columns / perColumn);
}

/**
 * Terms of a part, or of a lane of one: a multiple of every tile's depth, so that the parts, and with them the bits, do not depend on
 * the tile.
 */
function termsOfPart({ terms, parts, tile }: Pick<Product, 'terms' | 'parts' | 'tile'>): number {
  return 32 * Math.ceil(terms / 32 / (parts * (tile.lanes ?? 1)));
}

/**
 * WGSL of a product in tiles, for workgroups in a flat order. The uniforms `rows` and `rowTiles` are the numbers of rows and of
 * tiles among them.
 *
 * Terms of both matrices are copied to workgroup memory, those of the next step are read before the present ones are multiplied,
 * and all sums stay in registers: loops over them are unrolled here, because an array that is indexed by a variable would not.
 * Each sum adds its terms one by one in their order, whatever the tile.
 */
export function productCode(product: Product): string {
  const { tile, columns, left, right, code } = product;
  const { rows, perRow, perColumn, depth, lanes = 1 } = tile;
  const [quads, columnQuads] = [depth / 4, tile.columns / 4];
  const [across, down] = [tile.columns / perColumn, rows / perRow];
  const columnTiles = Math.ceil(columns / tile.columns);
  const steps = Math.ceil(Math.min(product.terms, termsOfPart(product)) / depth);
  const loads = [
    ...(left === 'terms' ? leftTerms : leftRows)(tile),
    ...(right === 'terms' ? rightTerms : rightColumns)(tile),
  ];
  const each = (part: keyof Load) => loads.map((load) => load[part]).join('\n');
  const sums = range(perRow).flatMap((i) => range(perColumn / 4).map((j) => ({ i, j })));
  // Rows that are read at once lie in different banks.
  const swizzled = (quads & (quads - 1)) === 0 ? `(quad ^ ((row / 2u) & ${quads - 1}u))` : 'quad';
  return `
${code}
var<workgroup> leftTile : array<vec4<f32>, ${lanes * rows * quads}>;
var<workgroup> rightTile : array<vec4<f32>, ${lanes * depth * columnQuads}>;
var<private> lane : u32;
fn leftSlot(row : u32, quad : u32) -> u32 { return (lane * ${rows}u + row) * ${quads}u + ${swizzled}; }
fn rightSlot(term : u32, quad : u32) -> u32 { return (lane * ${depth}u + term) * ${columnQuads}u + quad; }
fn main() {
  lane = localIndex / ${perLane(tile)}u;
  localIndex = localIndex % ${perLane(tile)}u;
  let group = workgroupId.y * numWorkgroups.x + workgroupId.x;
  let firstColumn = group % ${columnTiles}u * ${tile.columns}u;
  let rowTile = group / ${columnTiles}u;
  let part = rowTile / u32(uniforms.rowTiles);
  let firstRow = rowTile % u32(uniforms.rowTiles) * ${rows}u;
  ${placeInTile(across, down)}
  var term = (part * ${lanes}u + lane) * ${termsOfPart(product)}u;
  ${lines(sums, ({ i, j }) => `var sum${i}_${j} = vec4<f32>();`)}
  ${each('prepare')}
  ${each('read')}
  for (var step = 0; step < ${steps}; step++) {
    ${each('store')}
    workgroupBarrier();
    if (step + 1 < ${steps}) {
      term += ${depth}u;
      ${each('read')}
    }
    for (var quad = 0u; quad < ${quads}u; quad++) {
      ${lines(range(perRow), (i) => `let left${i} = leftTile[leftSlot(down + ${i * down}u, quad)];`)}
      ${lines(
        range(4),
        (k) => `{
        ${lines(range(perColumn / 4), (j) => `let right${j} = rightTile[rightSlot(quad * 4u + ${k}u, across + ${j * across}u)];`)}
        ${lines(sums, ({ i, j }) => `sum${i}_${j} += left${i}[${k}] * right${j};`)}
      }`,
      )}
    }
    workgroupBarrier();
  }
  ${lanes > 1 ? addLanes(tile, sums) : ''}
  ${lines(sums, ({ i, j }) => `put(part, firstRow + down + ${i * down}u, firstColumn + (across + ${j * across}u) * 4u, sum${i}_${j});`)}
}`;
}

/**
 * WGSL that adds the sums of the other lanes to those of the first, one lane after another, through the memory of the larger tile;
 * then only the first one goes on.
 */
function addLanes(tile: Tile, sums: { i: number; j: number }[]): string {
  const buffer = tile.rows > tile.columns ? 'leftTile' : 'rightTile';
  const slot = (n: number) => `${buffer}[localIndex + ${n * perLane(tile)}u]`;
  return `
  for (var other = 1u; other < ${tile.lanes}u; other++) {
    if (lane == other) { ${sums.map(({ i, j }, n) => `${slot(n)} = sum${i}_${j};`).join('\n')} }
    workgroupBarrier();
    if (lane == 0u) { ${sums.map(({ i, j }, n) => `sum${i}_${j} += ${slot(n)};`).join('\n')} }
    workgroupBarrier();
  }
  if (lane > 0u) { return; }`;
}

/**
 * Where in the grid of a workgroup's invocations one is. If possible, 32 of them, which GPUs run together, are 8 beside each other
 * in 4 rows, so that they read few different numbers at a time.
 */
function placeInTile(across: number, down: number): string {
  if (across % 8 > 0 || down % 4 > 0) {
    return `let across = localIndex % ${across}u; let down = localIndex / ${across}u;`;
  }
  return `let across = localIndex % 8u + localIndex / 32u % ${across / 8}u * 8u;
  let down = localIndex / 8u % 4u + localIndex / ${4 * across}u * 4u;`;
}

/** WGSL of one of the copies to workgroup memory that an invocation does at each step. */
interface Load {
  prepare: string;
  /** Reads into registers. */
  read: string;
  /** Writes them to workgroup memory. */
  store: string;
}

function leftTerms(tile: Tile): Load[] {
  const quads = tile.depth / 4;
  return loadsOf(tile, tile.rows * quads, (n, index) => ({
    prepare: `
      let place${n} = placeOf(firstRow + (${index}) / ${quads}u);
      let leftQuad${n} = (${index}) % ${quads}u;
      let leftSlot${n} = leftSlot((${index}) / ${quads}u, leftQuad${n});
      var nextLeft${n} = vec4<f32>();`,
    read: `nextLeft${n} = leftAt(place${n}, term + leftQuad${n} * 4u);`,
    store: `leftTile[leftSlot${n}] = nextLeft${n};`,
  }));
}

function leftRows(tile: Tile): Load[] {
  const rowQuads = tile.rows / 4;
  return loadsOf(tile, rowQuads * (tile.depth / 4), (n, index) => ({
    prepare: `
      let leftRow${n} = (${index}) % ${rowQuads}u * 4u;
      let leftQuad${n} = (${index}) / ${rowQuads}u;
      let place${n} = placeOf(firstRow + leftRow${n});
      var nextLeft${n} = mat4x4<f32>();`,
    read: lines(range(4), (k) => `nextLeft${n}[${k}] = leftAt(place${n}, term + leftQuad${n} * 4u + ${k}u);`),
    store: lines(
      range(4),
      (r) => `leftTile[leftSlot(leftRow${n} + ${r}u, leftQuad${n})] = ${rowOf(`nextLeft${n}`, r)};`,
    ),
  }));
}

function rightTerms(tile: Tile): Load[] {
  const columnQuads = tile.columns / 4;
  return loadsOf(tile, tile.depth * columnQuads, (n, index) => ({
    prepare: `
      let rightTerm${n} = (${index}) / ${columnQuads}u;
      let rightColumn${n} = firstColumn + (${index}) % ${columnQuads}u * 4u;
      var nextRight${n} = vec4<f32>();`,
    read: `nextRight${n} = rightAt(term + rightTerm${n}, rightColumn${n});`,
    store: `rightTile[lane * ${tile.depth * columnQuads}u + ${index}] = nextRight${n};`,
  }));
}

function rightColumns(tile: Tile): Load[] {
  const [quads, columnQuads] = [tile.depth / 4, tile.columns / 4];
  return loadsOf(tile, quads * columnQuads, (n, index) => ({
    prepare: `
      let rightTerm${n} = (${index}) % ${quads}u * 4u;
      let rightQuad${n} = (${index}) / ${quads}u;
      var nextRight${n} = mat4x4<f32>();`,
    read: lines(
      range(4),
      (c) => `nextRight${n}[${c}] = rightAt(term + rightTerm${n}, firstColumn + rightQuad${n} * 4u + ${c}u);`,
    ),
    store: lines(
      range(4),
      (k) => `rightTile[rightSlot(rightTerm${n} + ${k}u, rightQuad${n})] = ${rowOf(`nextRight${n}`, k)};`,
    ),
  }));
}

/** The loads that one of a lane's invocations does, of `count` in all. */
function loadsOf(tile: Tile, count: number, load: (n: number, index: string) => Load): Load[] {
  const invocations = perLane(tile);
  return range(Math.ceil(count / invocations)).map((n) => {
    const index = `localIndex + ${n * invocations}u`;
    const { prepare, read, store } = load(n, index);
    const guarded = (code: string) =>
      (n + 1) * invocations <= count ? code : `if (${index} < ${count}u) { ${code} }`;
    return { prepare, read: guarded(read), store: guarded(store) };
  });
}

/** A row of a matrix that WGSL has in columns. */
function rowOf(matrix: string, row: number): string {
  return `vec4<f32>(${range(4).map((column) => `${matrix}[${column}][${row}]`)})`;
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

function lines<T>(items: readonly T[], line: (item: T) => string): string {
  return items.map(line).join('\n');
}
