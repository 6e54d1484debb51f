import type { TensorInfo } from '@tensorflow/tfjs-core';
import { addressOf, type ConvInfo } from './backend.js';
import type { Form } from './filters.js';
import type { Kernels } from './kernels.js';
import { partsOf } from './parts.js';
import { PER_NUMBER, runTasks, shares, type Tools } from './run.js';
import type { Task } from './tasks.js';

/** Bytes of working memory for the planes of Winograd tiles, which should fit in the processor's caches. */
const PLANES = 2 ** 21;

/** Bytes of a filter's transform that lies outside the caches near a processor, and of the planes that may then be. */
const FAR = { filter: 2 ** 24, planes: 2 ** 26 };

/** The minimum number of tiles at a time, a multiple of 4. */
const MIN_TILES = 60;

/** The minimum number of channels for which tiles are faster than plain sums. */
const MIN_CHANNELS = 8;

/**
 * The number of points along each axis in Winograd's minimal filtering: 6 for F(4x4, 3x3), 4 for F(2x2, 3x3), 3 for a map of
 * 2x2 surrounded by zeros; or 0 for plain sums.
 */
export type Points = 0 | 3 | 4 | 6;

/** The height and width of a tile of outputs. */
export const TILE = { 0: 1, 3: 2, 4: 2, 6: 4 } as const;

/** The operands of a convolution: images, filter, and optionally bias and ReLU. */
export interface Convolution {
  x: TensorInfo;
  filter: TensorInfo;
  bias?: TensorInfo;
  relu?: boolean;
  /** Whether to rotate the filter by 180 degrees and swap its channels, as for a gradient. */
  rotated?: boolean;
}

/** Computes the convolution that `info` describes, of any stride and dilation 1, into a new tensor. */
export function convolve(call: Tools, convolution: Convolution, info: ConvInfo): TensorInfo {
  const { backend } = call;
  const y = backend.makeOutput(info.outShape, 'float32');
  withConvolution(call, convolution, info, (compute) =>
    compute(info, addressOf(backend, convolution.x), addressOf(backend, y)),
  );
  return y;
}

/** Computes a convolution of images at the address `x` to the address `y`. */
type Compute = (info: ConvInfo, x: number, y: number) => void;

/** Prepares the filter, and runs `use` with a function that computes convolutions which differ from `info` in `batchSize` alone. */
export function withConvolution(
  call: Tools,
  { filter, bias, relu = false, rotated = false }: Omit<Convolution, 'x'>,
  info: ConvInfo,
  use: (compute: Compute) => void,
): void {
  const { backend, kernels, filters, helpers } = call;
  const points = pointsOf(info);
  const form = points === 0 ? directForm(kernels, info, rotated) : winogradForm(call, points, info, rotated);
  const shift = addressOf(backend, bias);
  const compute = (form: number, info: ConvInfo, x: number, y: number) => {
    const tasks = partsOf(info, helpers.length + 1, TILE[points]).map(({ info, before }): Task => {
      const [from, to] = [x + before.input, y + before.output];
      const { batchSize, inHeight, inWidth, inChannels, outHeight, outWidth, outChannels, padInfo } = info;
      if (points === 0) {
        const { height, width, bytes } = padded(info);
        return {
          kernel: 'direct',
          bytes,
          args: (work) => [
            ...[from, batchSize, inHeight, inWidth, inChannels, padInfo.top, padInfo.left, height, width],
            ...[form, info.filterHeight, info.filterWidth, info.strideHeight, info.strideWidth],
            ...[shift, Number(relu), to, outHeight, outWidth, outChannels, work],
          ],
        };
      }
      const tiles = tilesAtOnce(points, info);
      return {
        kernel: 'convolve',
        bytes: kernels.convolveBytes(points, inChannels, outChannels, tiles),
        args: (work) => [
          ...[points, from, batchSize, inHeight, inWidth, inChannels, padInfo.top, padInfo.left],
          ...[form, shift, Number(relu), to, outHeight, outWidth, outChannels, tiles, work],
        ],
      };
    });
    runTasks(call, tasks);
  };
  filters.with(filter, form, (address) => use((info, x, y) => compute(address, info, x, y)));
}

/** The size of the padded image for plain sums: as far as the filter reaches. */
export function padded(info: ConvInfo): { height: number; width: number; bytes: number } {
  const { padInfo, inChannels } = info;
  const height = Math.max(
    padInfo.top + info.inHeight,
    reach(info.outHeight, info.strideHeight, info.filterHeight),
  );
  const width = Math.max(
    padInfo.left + info.inWidth,
    reach(info.outWidth, info.strideWidth, info.filterWidth),
  );
  return { height, width, bytes: 4 * height * width * inChannels };
}

function reach(out: number, stride: number, filter: number): number {
  return (out - 1) * stride + filter;
}

/**
 * The number of tiles to transform at a time: a multiple of 4, the rows that the matrix product computes together. Every group of
 * tiles reads the whole filter, so in wide layers a group's planes may have half as many bytes, and in the widest more. Groups are of
 * one size.
 */
export function tilesAtOnce(
  points: Points,
  { batchSize, outHeight, outWidth, inChannels, outChannels }: ConvInfo,
): number {
  const total = batchSize * tilesOf(outHeight, outWidth, points);
  const perChannel = 4 * points ** 2;
  const filter = perChannel * inChannels * outChannels;
  const bytes = filter > FAR.filter ? FAR.planes : Math.max(PLANES, filter / 2);
  const most = Math.max(MIN_TILES, bytes / (perChannel * (inChannels + outChannels)));
  const groups = Math.max(1, Math.ceil(total / most));
  return Math.min(total, 4 * Math.ceil(total / groups / 4));
}

/** The number of tiles that cover a map. */
function tilesOf(height: number, width: number, points: Points): number {
  return Math.ceil(height / TILE[points]) * Math.ceil(width / TILE[points]);
}

function winogradForm(tools: Tools, points: Points, info: ConvInfo, rotated: boolean): Form {
  const { inChannels, outChannels } = info;
  // A filter to be rotated has its channels the other way round in memory.
  const [ins, outs] = rotated ? [outChannels, inChannels] : [inChannels, outChannels];
  return {
    key: `winograd ${points} ${rotated}`,
    bytes: tools.kernels.filterBytes(points, inChannels, outChannels),
    write(filter, to) {
      const panels = Math.ceil(outChannels / 8);
      const tasks = shares(tools, panels, 8 * inChannels * (9 + points ** 2) * PER_NUMBER).map(
        ([first, end]): Task => ({
          kernel: 'prepareFilter',
          bytes: WORK,
          args: (work) => [points, filter, ins, outs, Number(rotated), first, end, to, work],
        }),
      );
      runTasks(tools, tasks);
    },
  };
}

/** Bytes that `prepareFilter` works in. */
const WORK = 512;

function directForm(kernels: Kernels, info: ConvInfo, rotated: boolean): Form {
  const { filterHeight, filterWidth, inChannels, outChannels } = info;
  const [ins, outs] = rotated ? [outChannels, inChannels] : [inChannels, outChannels];
  return {
    key: `direct ${rotated}`,
    bytes: kernels.directFilterBytes(filterHeight, filterWidth, inChannels, outChannels),
    write: (filter, to) =>
      kernels.directFilter(filterHeight * filterWidth, filter, ins, outs, Number(rotated), to),
  };
}

/**
 * The algorithm of a convolution: F(4x4, 3x3), or F(2x2, 3x3) if the larger tiles extend so far over the edges that they need
 * more products, as on maps of 2x10. README.md has measurements.
 */
export function pointsOf(info: ConvInfo): Points {
  const { filterHeight, filterWidth, strideHeight, strideWidth, inChannels, outChannels } = info;
  const fits = filterHeight === 3 && filterWidth === 3 && strideHeight === 1 && strideWidth === 1;
  if (!fits || inChannels % 4 > 0 || outChannels % 4 > 0) return 0;
  if (Math.min(inChannels, outChannels) < MIN_CHANNELS) return 0;
  const { inHeight, inWidth, outHeight, outWidth, padInfo } = info;
  const sides = [inHeight, inWidth, outHeight, outWidth];
  if (sides.every((side) => side === 2) && padInfo.top === 1 && padInfo.left === 1) return 3;
  const products = (points: Points) => tilesOf(outHeight, outWidth, points) * points ** 2;
  return products(6) <= products(4) ? 6 : 4;
}
