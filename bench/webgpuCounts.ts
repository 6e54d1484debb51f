import { backend_util } from '@tensorflow/tfjs-core';
import type { Plan, PlanRow } from 'vgg-blocks';
import { size } from '../src/base/shapes.js';
import { partLayout } from '../src/webgpu/addParts.js';
import { columnLayout } from '../src/webgpu/columnSums.js';
import { fewChannelsParts, hasFewChannels } from '../src/webgpu/fewChannels.js';
import { type ConvInfo, pixelCount } from '../src/webgpu/filterGradient.js';
import { tileParts, tilesFor } from '../src/webgpu/filterTiles.js';
import { layoutFor } from '../src/webgpu/multiply.js';
import { invocationsOf, type Tile } from '../src/webgpu/product.js';
import { rotatesFirst } from '../src/webgpu/rotateFilter.js';
import * as stock from './webgpuStock.js';

/** What a program does. */
export interface Count {
  kernel: string;
  invocations: number;
  /** Additions one after another in an invocation. */
  steps: number;
  /** Bytes that the invocations ask memory for; caches serve some of them. */
  bytes: number;
  workgroupBytes: number;
  /** Multiplications, additions and comparisons. */
  operations: number;
}

/** A kernel of a training step, as the programs of tfjs and ours. */
export interface Counted {
  layer: string;
  kernel: string;
  stock: Count[];
  ours: Count[];
}

/** Sides of a product of matrices. */
export type Sides = [rows: number, columns: number, terms: number];

/** The kernels of a step of SGD, for a batch. The images need no gradient; each convolution and hidden dense layer has a ReLU. */
export function kernelsOf(network: Plan, batch: number): Counted[] {
  const layers = network.filter(({ kind }) => kind === 'conv' || kind === 'maxPool' || kind === 'dense');
  return layers.flatMap((row, place) => {
    const isLast = place === layers.length - 1;
    const kernels =
      row.kind === 'conv'
        ? ofConvolution(infoOf(row, batch), place > 0, layers[place + 1]?.kind === 'maxPool')
        : row.kind === 'maxPool'
          ? ofPooling(row, batch)
          : ofDense(row, batch, isLast);
    return kernels.map((kernel) => ({ layer: row.name, ...kernel }));
  });
}

type Kernel = Omit<Counted, 'layer'>;

function infoOf({ inputShape, outputShape, window }: PlanRow, batch: number): ConvInfo {
  return backend_util.computeConv2DInfo(
    [batch, ...inputShape] as [number, number, number, number],
    [...window, inputShape.at(-1)!, outputShape.at(-1)!],
    ...([1, 1, 'same'] as const),
  );
}

function ofConvolution(info: ConvInfo, wantsX: boolean, isPooled: boolean): Kernel[] {
  const pixels = pixelCount(info);
  const terms = info.filterHeight * info.filterWidth * info.inChannels;
  const weights = size(info.filterShape);
  const outputs: Sides = [pixels, info.outChannels, terms];
  const inputs: Sides = [pixels, info.inChannels, (terms / info.inChannels) * info.outChannels];
  const parts = hasFewChannels(info) ? few(info) : tiled(info);
  return [
    { kernel: 'Conv2D', stock: [stock.product(outputs)], ours: product(outputs) },
    { kernel: 'Conv2DBackpropFilter', stock: [stock.oneWeightEach(pixels, weights)], ours: parts },
    ...(wantsX
      ? [{ kernel: 'Conv2DBackpropInput', stock: [stock.naive(inputs)], ours: ofImages(inputs) }]
      : []),
    // That of a pooled one is done with the pooling's.
    ...(isPooled ? [] : [reluAndBias(pixels, info.outChannels)]),
    update(weights),
  ];
}

function ofPooling({ inputShape, outputShape }: PlanRow, batch: number): Kernel[] {
  const [inputs, outputs] = [batch * size(inputShape), batch * size(outputShape)];
  const columns = inputShape.at(-1)!;
  const rows = inputs / columns;
  return [
    {
      kernel: 'MaxPool',
      stock: [stock.pool(inputs, outputs)],
      ours: [each('max pool', outputs, { reads: 4, operations: 3, columns })],
    },
    {
      kernel: 'PoolBiasGrad',
      stock: [
        ...stock.relu(outputs),
        ...stock.poolGradient(inputs, outputs),
        ...stock.columnSums(rows, columns),
      ],
      // A window's gradient and its four numbers for each of them.
      ours: columnSums('max pool and bias gradient', rows, columns, { reads: 5, writes: 1, operations: 5 }),
    },
  ];
}

function ofDense({ inputShape, outputShape }: PlanRow, batch: number, isLast: boolean): Kernel[] {
  const [inputs, outputs] = [inputShape[0]!, outputShape[0]!];
  const dense = (kernel: string, sides: Sides): Kernel => ({
    ...{ kernel, stock: stock.denseProduct(sides), ours: product(sides) },
  });
  return [
    dense('outputs', [batch, outputs, inputs]),
    dense("weights' gradient", [inputs, outputs, batch]),
    dense("inputs' gradient", [batch, inputs, outputs]),
    ...(isLast ? [crossEntropy(batch, outputs), bias(batch, outputs)] : [reluAndBias(batch, outputs)]),
    update(inputs * outputs),
  ];
}

function reluAndBias(rows: number, columns: number): Kernel {
  return {
    kernel: 'ReluBiasGrad',
    stock: [...stock.relu(rows * columns), ...stock.columnSums(rows, columns)],
    ours: columnSums('relu and bias gradient', rows, columns, { reads: 2, writes: 1, operations: 2 }),
  };
}

function bias(rows: number, columns: number): Kernel {
  return {
    kernel: "bias' gradient",
    stock: stock.columnSums(rows, columns),
    ours: columnSums('sum rows', rows, columns, { reads: 1, writes: 0, operations: 1 }),
  };
}

function update(weights: number): Kernel {
  // Weights and their gradient.
  const ours = each('SGD', weights, { reads: 2, operations: 4, columns: weights });
  return { kernel: 'SgdUpdate', stock: stock.update(weights), ours: [ours] };
}

function crossEntropy(examples: number, classes: number): Kernel {
  const lanes = classes > 64 ? 256 : 64;
  const numbers = examples * classes;
  const gradient = {
    ...{ kernel: 'cross-entropy', invocations: examples * lanes },
    steps: 3 * Math.ceil(classes / lanes) + 2 * Math.log2(lanes),
    ...{
      bytes: 4 * (4 * numbers + 3 * examples),
      workgroupBytes: 4 * examples * lanes * 4,
      operations: 5 * numbers,
    },
  };
  const sums = {
    ...{ kernel: 'sum of cross-entropies', invocations: 256, steps: Math.ceil(examples / 256) + 8 },
    ...{ bytes: 8 * (examples + 1), workgroupBytes: 2 ** 12, operations: 2 * examples },
  };
  return { kernel: 'CrossEntropy', stock: stock.crossEntropy(examples, classes), ours: [gradient, sums] };
}

/** A program with an invocation for each four numbers. */
function each(
  kernel: string,
  numbers: number,
  { reads, operations, columns }: { reads: number; operations: number; columns: number },
): Count {
  const count = numbers / (columns % 4 === 0 ? 4 : 1);
  return {
    ...{ kernel, invocations: 64 * Math.ceil(count / 64), steps: operations },
    ...{ bytes: 4 * numbers * (reads + 1), workgroupBytes: 0, operations: operations * numbers },
  };
}

/** A program that sums columns of what it computes, and the pass that adds its parts. */
function columnSums(
  kernel: string,
  rows: number,
  columns: number,
  { reads, writes, operations }: { reads: number; writes: number; operations: number },
): Count[] {
  const { across, lanes, columnGroups, count } = columnLayout(rows, columns);
  const invocations = across * lanes * columnGroups * count;
  const sums = {
    ...{ kernel, invocations, steps: Math.ceil(rows / (count * lanes)) + Math.log2(lanes) },
    bytes: 4 * rows * columns * (reads + writes) + 4 * count * columns,
    ...{ workgroupBytes: 16 * invocations, operations: operations * rows * columns },
  };
  return count === 1 ? [sums] : [sums, added([columns], count)];
}

function product([rows, columns, terms]: Sides): Count[] {
  const { tiles, parts } = layoutFor({ rows, columns, terms });
  const { lanes = 1, ...tile } = tiles[0]!;
  const sums = stock.tiled(`tiles ${tile.rows}x${tile.columns}`, [rows, columns, terms], {
    ...tile,
    parts: parts * lanes,
  });
  return parts === 1 ? [sums] : [sums, added([rows, columns], parts)];
}

/** The gradient of images: the filter is rotated first where that is worth a program. */
function ofImages([rows, columns, terms]: Sides): Count[] {
  const [weights, sums] = [columns * terms, product([rows, columns, terms])];
  const pass = { kernel: 'rotate filter', invocations: 64 * Math.ceil(weights / 64), steps: 0 };
  const rotation = { ...pass, bytes: 8 * weights, workgroupBytes: 0, operations: 0 };
  return rotatesFirst({ rows, columns, terms }) ? [rotation, ...sums] : sums;
}

function few(info: ConvInfo): Count[] {
  const { count, length } = fewChannelsParts(info);
  const rows = size(info.filterShape.slice(0, 3));
  const columns = Math.ceil(info.outChannels / 4);
  const sums = {
    ...{ kernel: 'few channels', invocations: count * columns, steps: length },
    // A vector of gradients, and an image's number for each row.
    bytes: pixelCount(info) * columns * (16 + 4 * rows) + 4 * count * size(info.filterShape),
    ...{ workgroupBytes: 0, operations: 2 * pixelCount(info) * size(info.filterShape) },
  };
  return [sums, added(info.filterShape, count)];
}

function tiled(info: ConvInfo): Count[] {
  const { count, length } = tileParts(info, Number.POSITIVE_INFINITY);
  const { m, n, rows, columns } = tilesFor(info)[0]!;
  const tiles = Math.ceil(size(info.filterShape.slice(0, 3)) / m) * Math.ceil(info.outChannels / n);
  const threads = invocationsOf({ rows: m, columns: n, perRow: rows, perColumn: columns } as Tile);
  const loaded = tiles * count * length * (m + n) * 4;
  const sums = {
    ...{ kernel: `tiles ${m}x${n}`, invocations: tiles * count * threads, steps: length },
    bytes: loaded + 4 * count * size(info.filterShape),
    workgroupBytes: loaded + tiles * count * length * threads * (rows + columns) * 4,
    operations: 2 * pixelCount(info) * size(info.filterShape),
  };
  return count === 1 ? [sums] : [sums, added(info.filterShape, count)];
}

/** The pass that adds the parts of sums of a shape. */
function added(shape: readonly number[], parts: number): Count {
  const numbers = size(shape);
  const { width, lanes } = partLayout(shape, parts);
  const groups = Math.ceil(((numbers / width) * lanes) / 256);
  return {
    ...{ kernel: 'add parts', invocations: 256 * groups },
    steps: Math.ceil(parts / lanes) + Math.log2(lanes),
    ...{
      bytes: 4 * numbers * (parts + 1),
      workgroupBytes: 4 * width * 256 * groups * (1 + Math.log2(lanes)),
    },
    operations: numbers * parts,
  };
}
