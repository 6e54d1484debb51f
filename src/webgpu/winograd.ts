import type { TensorInfo } from '@tensorflow/tfjs-core';
import { activated } from './activation.js';
import { computed, type WebgpuBackend } from './backend.js';
import { type Convolution, plainFilter } from './convolution.js';
import type { KeptForms } from './keptForms.js';
import { multiplyParts, tilesFor } from './multiply.js';
import type { Tile } from './product.js';
import { runEach } from './run.js';
import { type Outputs, transform } from './winogradTransforms.js';

/** How to compute a convolution: in tiles of 2x2 or 4x4 outputs, by products in tiles of their own. */
export interface WinogradVariant {
  outputs: Outputs;
  tile: Tile;
}

/** Bytes of the transformed images, or of their products, at a time: the largest buffer that every device can bind. */
const AT_ONCE = 2 ** 27;

/** How many tiles of the products a trial compares. */
const CANDIDATES = 2;

/** The variants for a convolution, F(4x4) first; none if it is not covered. */
export function winogradVariants(backend: WebgpuBackend, convolution: Convolution): WinogradVariant[] {
  const { x, filter, outShape } = convolution;
  const [channels, columns] = [x.shape[3]!, outShape[3]];
  const covered = filter.shape[0] === 3 && filter.shape[1] === 3 && channels % 32 === 0 && columns % 4 === 0;
  if (!covered) return [];
  return ([4, 2] as const).flatMap((outputs) => {
    const { tiles, points } = layoutOf(convolution, outputs);
    const images = imagesAtOnce(backend, convolution, outputs);
    if (images === 0) return [];
    const rows = Math.min(images, outShape[0]) * tiles;
    return tilesFor({ rows: rows < 128 ? rows : rows * points, columns, terms: channels })
      .slice(0, CANDIDATES)
      .map((tile) => ({ outputs, tile }));
  });
}

/**
 * A 3x3 convolution of stride 1 by Winograd's minimal filtering: images and filter are transformed, multiplied point by point, each
 * a product of matrices `[tiles, channels] x [channels, columns]`, and transformed to outputs. Some images at a time.
 */
export function winograd(
  backend: WebgpuBackend,
  forms: KeptForms,
  convolution: Convolution,
  { outputs, tile }: WinogradVariant,
): TensorInfo {
  const { x, filter, rotated = false, outShape } = convolution;
  const [batch, , , columns] = outShape;
  const channels = x.shape[3]!;
  const { points, tiles } = layoutOf(convolution, outputs);
  const atOnce = Math.min(batch, imagesAtOnce(backend, convolution, outputs));
  const name = `Winograd F(${outputs}x${outputs})`;
  const buffer = (numbers: number) => backend.makeTensorInfo([points, atOnce * tiles, numbers], 'float32');
  const [transformed, products] = [buffer(channels), buffer(columns)];
  const key = `${name} ${rotated}`;
  const compute = (y: TensorInfo) =>
    forms.with(
      filter,
      { key, make: () => transformFilter(backend, name, convolution, outputs) },
      (transformedFilter) => {
        for (let first = 0; first < batch; first += atOnce) {
          const rows = Math.min(atOnce, batch - first) * tiles;
          const part = { first, rows };
          transformInput(backend, name, convolution, outputs, part, transformed);
          multiplyParts(
            backend,
            {
              name: `${name} products ${[channels, columns]}`,
              ...{ rows, columns, terms: points * channels, parts: points },
              inputs: { x: transformed, w: transformedFilter },
              vec4: ['x', 'w'],
              ...({ left: 'terms', right: 'terms' } as const),
              code: productsCode(points, channels, columns),
              output: products,
            },
            tile,
          );
          transformOutput(backend, name, convolution, outputs, part, products, y);
        }
      },
    );
  try {
    return computed(backend, backend.makeTensorInfo(outShape, 'float32'), compute);
  } finally {
    for (const { dataId } of [transformed, products]) backend.disposeData(dataId);
  }
}

/** Points of a tile, and the tiles of an image. */
function layoutOf({ outShape }: Convolution, outputs: Outputs) {
  const [, height, width] = outShape;
  const [down, across] = [Math.ceil(height / outputs), Math.ceil(width / outputs)];
  return { points: (outputs + 2) ** 2, tiles: down * across, down, across };
}

/** How many images fit into a buffer when they are transformed; 0 if it does not hold one of them, or not the filter. */
function imagesAtOnce(
  { device: { limits } }: WebgpuBackend,
  convolution: Convolution,
  outputs: Outputs,
): number {
  const { points, tiles } = layoutOf(convolution, outputs);
  const [channels, columns] = [convolution.x.shape[3]!, convolution.outShape[3]];
  const most = Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize);
  if (4 * points * channels * columns > most) return 0;
  const perImage = 4 * points * tiles * Math.max(channels, columns);
  return Math.floor(Math.min(most, Math.max(AT_ONCE, perImage)) / perImage);
}

/** Some images of the batch: the first of them, and all their tiles. */
interface Part {
  first: number;
  rows: number;
}

/** The filter at each point, `[points, channels, columns]`. */
function transformFilter(
  backend: WebgpuBackend,
  name: string,
  { x, filter, rotated = false, outShape }: Convolution,
  outputs: Outputs,
): TensorInfo {
  const [channels, columns] = [x.shape[3]!, outShape[3]];
  const side = outputs + 2;
  const quads = columns / 4;
  // The tap at a row and column of the filter.
  const tap = (i: number, j: number) => (rotated ? 8 - 3 * i - j : 3 * i + j);
  const number = (i: number, j: number) => (column: number) =>
    `w[${tap(i, j) * columns * channels} + (quad * 4 + ${column}) * ${channels} + channel]`;
  const weight = (i: number, j: number) =>
    rotated
      ? `vec4<f32>(${range(4).map(number(i, j))})`
      : `w[(${tap(i, j) * channels} + channel) * ${quads} + quad]`;
  return runEach(backend, {
    name: `${name} filter ${[channels, columns, rotated]}`,
    inputs: { w: filter },
    output: [side * side, channels, columns],
    vec4: rotated ? ['result'] : ['w', 'result'],
    count: channels * quads,
    code: `
  let quad = i % ${quads};
  let channel = i / ${quads};
  ${grid(3, (i, j) => `let w${i}_${j} = ${weight(i, j)};`)}
  ${transform(outputs, 'filter', 'w', 'u')}
  ${grid(side, (i, j) => `result[${(i * side + j) * channels * quads} + i] = u${i}_${j};`)}`,
  });
}

/** The images' tiles at each point, `[points, rows, channels]`. */
function transformInput(
  backend: WebgpuBackend,
  name: string,
  convolution: Convolution,
  outputs: Outputs,
  { first, rows }: Part,
  output: TensorInfo,
): void {
  const { x, pad } = convolution;
  const [, height, width, channels] = x.shape as [number, number, number, number];
  const { across, tiles } = layoutOf(convolution, outputs);
  const side = outputs + 2;
  const quads = channels / 4;
  runEach(backend, {
    name: `${name} images ${[height, width, channels, pad, tiles, across]}`,
    inputs: { x },
    output,
    vec4: ['x', 'result'],
    count: rows * quads,
    ints: { first },
    code: `
  let quad = i % ${quads};
  let tile = i / ${quads};
  let row = tile % ${tiles} / ${across} * ${outputs} - ${pad[0]};
  let column = tile % ${across} * ${outputs} - ${pad[1]};
  let image = (uniforms.first + tile / ${tiles}) * ${height * width};
  ${range(side)
    .map(
      (i) =>
        `let hasRow${i} = u32(row + ${i}) < ${height}u; let hasColumn${i} = u32(column + ${i}) < ${width}u;`,
    )
    .join('\n')}
  ${grid(
    side,
    (i, j) => `let isInside${i}_${j} = hasRow${i} & hasColumn${j};
  let d${i}_${j} = select(vec4<f32>(), x[select(0, (image + (row + ${i}) * ${width} + column + ${j}) * ${quads} + quad, isInside${i}_${j})], isInside${i}_${j});`,
  )}
  ${transform(outputs, 'input', 'd', 'v')}
  ${grid(side, (i, j) => `result[${i * side + j} * uniforms.count + i] = v${i}_${j};`)}`,
  });
}

/** WGSL that reads transformed images and filter as matrices whose terms are the channels of all points. */
function productsCode(points: number, channels: number, columns: number): string {
  return `
struct Place { row : u32 }
fn placeOf(row : u32) -> Place { return Place(row); }
fn leftAt(place : Place, term : u32) -> vec4<f32> {
  let rows = u32(uniforms.rows);
  let index = ((term / ${channels}u * rows + place.row) * ${channels}u + term % ${channels}u) / 4u;
  let isInside = (term < ${points * channels}u) & (place.row < rows);
  return select(vec4<f32>(), x[select(0u, index, isInside)], isInside);
}
${plainFilter({ terms: points * channels, columns, quads: true })}`;
}

/** The outputs of products `[points, rows, columns]`, with bias and activation. */
function transformOutput(
  backend: WebgpuBackend,
  name: string,
  convolution: Convolution,
  outputs: Outputs,
  { first, rows }: Part,
  products: TensorInfo,
  y: TensorInfo,
): void {
  const { bias, activation = 'linear', outShape } = convolution;
  const [, height, width, columns] = outShape;
  const { across, tiles } = layoutOf(convolution, outputs);
  const side = outputs + 2;
  const quads = columns / 4;
  const even = height % outputs === 0 && width % outputs === 0;
  const put = (i: number, j: number) => {
    const store = `result[(image + (row + ${i}) * ${width} + column + ${j}) * ${quads} + quad] = ${activated(activation, `y${i}_${j}`, 'vec4<f32>')};`;
    return even ? store : `if ((row + ${i} < ${height}) & (column + ${j} < ${width})) { ${store} }`;
  };
  runEach(backend, {
    name: `${name} outputs ${[height, width, columns, bias !== undefined]} ${activation}`,
    inputs: { products, ...(bias && { bias }) },
    output: y,
    vec4: ['products', 'bias', 'result'],
    count: rows * quads,
    ints: { first },
    code: `
  let quad = i % ${quads};
  let tile = i / ${quads};
  let row = tile % ${tiles} / ${across} * ${outputs};
  let column = tile % ${across} * ${outputs};
  let image = (uniforms.first + tile / ${tiles}) * ${height * width};
  ${grid(side, (i, j) => `let m${i}_${j} = products[${i * side + j} * uniforms.count + i];`)}
  ${transform(outputs, 'output', 'm', 's')}
  ${grid(outputs, (i, j) => `let y${i}_${j} = s${i}_${j}${bias ? ' + bias[quad]' : ''};`)}
  ${grid(outputs, put)}`,
  });
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

/** A line for each place of a square. */
function grid(side: number, line: (i: number, j: number) => string): string {
  return range(side * side)
    .map((at) => line(Math.floor(at / side), at % side))
    .join('\n');
}
