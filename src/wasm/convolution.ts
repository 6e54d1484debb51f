import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { Form } from './filters.js';
import type { Kernels } from './kernels.js';
import type { Operand } from './operands.js';
import { inputOf, outputOf, partsOf } from './parts.js';
import { addressOf, type ConvInfo, type Tools } from './run.js';
import { runTasks, type Task } from './tasks.js';
import { tileSize } from './tileSize.js';

/** Bytes of working memory for the planes of Winograd's tiles, which the processor's caches should hold. */
const PLANES = 2 ** 21;

/** What a convolution computes with: images, filter and, where it has them, bias and ReLU. */
export interface Convolution {
  x: TensorInfo;
  filter: TensorInfo;
  bias?: TensorInfo;
  relu?: boolean;
  /** Whether the filter is to be rotated by 180 degrees and its channels swapped, as for a gradient. */
  turned?: boolean;
}

/** The convolution of stride 1 or more and dilation 1 that `info` describes, into a new tensor. */
export function convolve(
  call: Tools,
  { x, filter, bias, relu = false, turned = false }: Convolution,
  info: ConvInfo,
): TensorInfo {
  const { backend, kernels, filters, helpers } = call;
  const y = backend.makeOutput(info.outShape, 'float32');
  const size = tileSize(info);
  const form = size === 0 ? directForm(kernels, info, turned) : winogradForm(kernels, size, info, turned);
  filters.with(filter, form, (address, isKept) => {
    const whole: Operand[] = [
      { address, bytes: form.bytes, use: isKept ? 'keep' : 'read' },
      { address: addressOf(backend, bias), bytes: 4 * info.outChannels, use: 'read' },
    ];
    const tasks = partsOf(info, helpers.length + 1, size || 1).map((part): Task => {
      const operands = (bytes: number): Operand[] => [
        inputOf(part, addressOf(backend, x), 'read'),
        ...whole,
        outputOf(part, addressOf(backend, y), 'write'),
        { address: 0, bytes, use: 'work' },
      ];
      const { info } = part;
      const { batchSize, inHeight, inWidth, inChannels, outHeight, outWidth, outChannels, padInfo } = info;
      if (size === 0) {
        const { height, width, bytes } = padded(info);
        return {
          kernel: 'direct',
          operands: operands(bytes),
          args: ([x, form, bias, y, work]) => [
            ...[x!, batchSize, inHeight, inWidth, inChannels, padInfo.top, padInfo.left, height, width],
            ...[form!, info.filterHeight, info.filterWidth, info.strideHeight, info.strideWidth],
            ...[bias!, Number(relu), y!, outHeight, outWidth, outChannels, work!],
          ],
        };
      }
      const tiles = tilesAtOnce(size, info);
      return {
        kernel: 'convolve',
        operands: operands(kernels.convolveBytes(size, inChannels, outChannels, tiles)),
        args: ([x, form, bias, y, work]) => [
          ...[size, x!, batchSize, inHeight, inWidth, inChannels, padInfo.top, padInfo.left],
          ...[form!, bias!, Number(relu), y!, outHeight, outWidth, outChannels, tiles, work!],
        ],
      };
    });
    runTasks(call, tasks);
  });
  return y;
}

/** The padded image that plain sums run over: as high and wide as the filter reaches. */
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

/** Tiles that are transformed at a time: a multiple of 4, the rows that the matrix product takes. */
export function tilesAtOnce(
  size: number,
  { batchSize, outHeight, outWidth, inChannels, outChannels }: ConvInfo,
): number {
  const total = batchSize * Math.ceil(outHeight / size) * Math.ceil(outWidth / size);
  const bytes = 4 * (size + 2) ** 2 * (inChannels + outChannels);
  return Math.min(total, Math.max(60, 4 * Math.floor(PLANES / bytes / 4)));
}

function winogradForm(kernels: Kernels, size: number, info: ConvInfo, turned: boolean): Form {
  const { inChannels, outChannels } = info;
  // The filter as it lies in memory has its channels the other way round when it is turned.
  const [ins, outs] = turned ? [outChannels, inChannels] : [inChannels, outChannels];
  return {
    key: `winograd ${size} ${turned}`,
    bytes: kernels.filterBytes(size, inChannels, outChannels) + WORK,
    write(filter, to) {
      const work = to + kernels.filterBytes(size, inChannels, outChannels);
      kernels.prepareFilter(size, filter, ins, outs, Number(turned), to, work);
    },
  };
}

/** Bytes that `prepareFilter` works in. */
const WORK = 512;

function directForm(kernels: Kernels, info: ConvInfo, turned: boolean): Form {
  const { filterHeight, filterWidth, inChannels, outChannels } = info;
  const [ins, outs] = turned ? [outChannels, inChannels] : [inChannels, outChannels];
  return {
    key: `direct ${turned}`,
    bytes: kernels.directFilterBytes(filterHeight, filterWidth, inChannels, outChannels),
    write: (filter, to) =>
      kernels.directFilter(filterHeight * filterWidth, filter, ins, outs, Number(turned), to),
  };
}
