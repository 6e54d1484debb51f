/**
 * Counts, from the plan alone, what the kernels of a training step do in the convolutions of VGG-11/4 and VGG-16: invocations, the
 * longest chain of additions in one, bytes from memory and from workgroup memory, and multiplications and additions per byte, with
 * tfjs's kernels and with this library's. Prints a table in Markdown, as in docs/webgpu.md.
 *
 *     npx tsx bench/webgpuCount.ts [batch]
 */
import { backend_util } from '@tensorflow/tfjs-core';
import { IMAGENET, type Plan, plan, scaleArch, VGG11, VGG16 } from 'vgg-blocks';
import { size } from '../src/base/shapes.js';
import { markdownTable } from '../src/figures/table.js';
import { partLanes } from '../src/webgpu/addParts.js';
import { fewChannelsParts, hasFewChannels } from '../src/webgpu/fewChannels.js';
import { type ConvInfo, pixelCount } from '../src/webgpu/filterGradient.js';
import { type Tile, tileParts, tilesFor } from '../src/webgpu/filterTiles.js';
import { partsFor, tilesFor as tilesForProduct } from '../src/webgpu/multiply.js';

/** What a kernel does. */
export interface Count {
  kernel: string;
  invocations: number;
  /** Additions one after another in an invocation. */
  steps: number;
  /** Bytes that the invocations ask memory for; caches serve some of them. */
  bytes: number;
  workgroupBytes: number;
  /** Multiplications and additions. */
  operations: number;
}

/** The kernels that compute a convolution, its filter's gradient and its input's: the backend's own, and ours. */
export function countsOf(info: ConvInfo): Record<string, { stock: Count[]; ours: Count[] }> {
  const pixels = pixelCount(info);
  const weights = size(info.filterShape);
  const operations = 2 * pixels * weights;
  const taps = info.filterHeight * info.filterWidth;
  const inputs = size(info.inShape);
  // tfjs computes tiles of 32x32, 4x4 of them in an invocation.
  const forward = product('tiles 32x32', [pixels, info.outChannels, taps * info.inChannels], {
    ...{ rows: 32, columns: 32, perRow: 4, perColumn: 4, parts: 1, depth: 32 },
  });
  // Two pixels and four channels in an invocation, which reads both operands from memory.
  const invocations = inputs / 8;
  const steps = taps * info.outChannels;
  const naive = {
    ...{ kernel: '2 pixels x 4 channels each', invocations, steps, bytes: invocations * steps * 24 },
    ...{ workgroupBytes: 0, operations },
  };
  const single = {
    ...{ kernel: 'one weight each', invocations: weights, steps: pixels },
    ...{ bytes: 8 * pixels * weights, workgroupBytes: 0, operations },
  };
  return {
    Conv2D: { stock: [forward], ours: ourProduct(pixels, info.outChannels, taps * info.inChannels) },
    Conv2DBackpropFilter: {
      stock: [single],
      ours: hasFewChannels(info) ? few(info, operations) : tiled(info, operations),
    },
    Conv2DBackpropInput: {
      stock: [naive],
      ours: ourProduct(inputs / info.inChannels, info.inChannels, steps),
    },
  };
}

type Sides = [rows: number, columns: number, terms: number];

function ourProduct(rows: number, columns: number, terms: number): Count[] {
  const tile = tilesForProduct({ rows, columns, terms })[0]!;
  const parts = partsFor({ rows, columns, terms }, tile);
  const sums = product(`tiles ${tile.rows}x${tile.columns}`, [rows, columns, terms], { ...tile, parts });
  return parts === 1 ? [sums] : [sums, added(rows * columns, parts)];
}

function product(
  kernel: string,
  [rows, columns, terms]: Sides,
  tile: { rows: number; columns: number; perRow: number; perColumn: number; parts: number },
): Count {
  const groups = Math.ceil(rows / tile.rows) * Math.ceil(columns / tile.columns) * tile.parts;
  const threads = (tile.rows / tile.perRow) * (tile.columns / tile.perColumn);
  const steps = Math.ceil(terms / tile.parts);
  const loaded = groups * steps * (tile.rows + tile.columns) * 4;
  return {
    ...{ kernel, invocations: groups * threads, steps },
    bytes: loaded + 4 * rows * columns * tile.parts,
    workgroupBytes: loaded + groups * steps * threads * (tile.perRow + tile.perColumn) * 4,
    operations: 2 * rows * columns * terms,
  };
}

function few(info: ConvInfo, operations: number): Count[] {
  const { count, length } = fewChannelsParts(info);
  const rows = size(info.filterShape.slice(0, 3));
  const columns = Math.ceil(info.outChannels / 4);
  const sums = {
    ...{ kernel: 'few channels', invocations: count * columns, steps: length },
    // A vector of gradients, and an image's number for each row.
    bytes: pixelCount(info) * columns * (16 + 4 * rows) + 4 * count * size(info.filterShape),
    ...{ workgroupBytes: 0, operations },
  };
  return [sums, added(size(info.filterShape), count)];
}

function tiled(info: ConvInfo, operations: number): Count[] {
  const { count, length } = tileParts(info, Number.POSITIVE_INFINITY);
  const tile = tilesFor(info)[0]!;
  const groups = groupsOf(info, tile) * count;
  const loaded = groups * length * (tile.m + tile.n) * 4;
  const threads = (tile.m / tile.rows) * (tile.n / tile.columns);
  const sums = {
    ...{ kernel: `tiles ${tile.m}x${tile.n}`, invocations: groups * threads, steps: length },
    bytes: loaded + 4 * count * size(info.filterShape),
    workgroupBytes: loaded + groups * length * threads * (tile.rows + tile.columns) * 4,
    operations,
  };
  return count === 1 ? [sums] : [sums, added(size(info.filterShape), count)];
}

function groupsOf({ filterShape, outChannels }: ConvInfo, tile: Tile): number {
  return Math.ceil(size(filterShape.slice(0, 3)) / tile.m) * Math.ceil(outChannels / tile.n);
}

/** The pass that adds the parts. */
function added(weights: number, parts: number): Count {
  const lanes = partLanes(weights, parts);
  const groups = Math.ceil((weights * lanes) / 256);
  return {
    ...{ kernel: 'add parts', invocations: 256 * groups },
    steps: Math.ceil(parts / lanes) + Math.log2(lanes),
    ...{ bytes: 4 * weights * (parts + 1), workgroupBytes: 4 * 256 * groups * (1 + Math.log2(lanes)) },
    operations: weights * parts,
  };
}

/** The convolutions of a network, by layer. */
export function convolutionsOf(network: Plan, batch: number): { layer: string; info: ConvInfo }[] {
  return network
    .filter(({ kind }) => kind === 'conv')
    .map(({ name, inputShape, outputShape, window }) => ({
      layer: name,
      info: backend_util.computeConv2DInfo(
        [batch, ...inputShape] as [number, number, number, number],
        [...window, inputShape.at(-1)!, outputShape.at(-1)!],
        ...([1, 1, 'same'] as const),
      ),
    }));
}

export const NETWORKS = {
  'VGG-11/4, 224x224x1': () => plan(scaleArch(VGG11, 4)),
  'VGG-16, 224x224x3': () => plan(VGG16, IMAGENET),
};

/** A row for each layer and kernel: tfjs's beside ours, with the passes of ours added up. */
export function countTable(network: Plan, batch: number): string {
  const short = (number: number) => {
    if (number < 1e5) return String(number < 100 ? Number(number.toPrecision(2)) : number);
    const [unit, divisor] = number >= 1e9 ? ['G', 1e9] : ['M', 1e6];
    return `${Number((number / divisor).toPrecision(3))} ${unit}`;
  };
  const beside = (stock: Count[], ours: Count[], of: (counts: Count[]) => number) =>
    [stock, ours].map((counts) => short(of(counts))).join(' / ');
  const total = (key: 'bytes' | 'workgroupBytes' | 'operations') => (counts: Count[]) =>
    counts.reduce((sum, count) => sum + count[key], 0);
  const rows = convolutionsOf(network, batch).flatMap(({ layer, info }, place) =>
    Object.entries(countsOf(info))
      // The images need no gradient.
      .filter(([kernel]) => place > 0 || kernel !== 'Conv2DBackpropInput')
      .map(([kernel, { stock, ours }]) => [
        ...[layer, kernel, ours.map((count) => count.kernel).join(', ')],
        beside(stock, ours, (counts) => Math.min(...counts.map(({ invocations }) => invocations))),
        beside(stock, ours, (counts) => Math.max(...counts.map(({ steps }) => steps))),
        beside(stock, ours, total('bytes')),
        beside(stock, ours, total('workgroupBytes')),
        beside(stock, ours, (counts) => total('operations')(counts) / total('bytes')(counts)),
      ]),
  );
  const header = [
    'layer',
    'kernel',
    'ours in',
    'invocations',
    'steps',
    'bytes',
    'workgroup bytes',
    'operations/byte',
  ];
  return markdownTable([header, ...rows]);
}

if (process.argv[1]?.endsWith('webgpuCount.ts')) {
  const batch = Number(process.argv[2] ?? 128);
  for (const [name, network] of Object.entries(NETWORKS)) {
    console.log(`${name}, batch ${batch}\n\n${countTable(network(), batch)}\n`);
  }
}
