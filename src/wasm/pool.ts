import {
  type AvgPoolAttrs,
  type AvgPoolGradAttrs,
  backend_util,
  type MaxPoolAttrs,
  type TensorInfo,
  util,
} from '@tensorflow/tfjs-core';
import type { Pooling } from '../tfjs/kernels.js';
import { addressOf, type ConvInfo, checkFits, withMemory } from './backend.js';
import type { Windows } from './kernels.js';
import { type Call, PER_NUMBER, runTasks, shares, type Tools } from './run.js';
import type { Task } from './tasks.js';

/**
 * Max pooling. As on the cpu backend, a window's NaNs are ignored if it has a number; a window of NaN alone gives NaN (minus
 * infinity there). In the backend's own kernel it depends on where the NaNs are, and small images make it write beyond its output.
 */
export function maxPool(call: Call<{ x: TensorInfo }, MaxPoolAttrs>): TensorInfo {
  return pool(call, 'maxPool', call.inputs.x, call.attrs);
}

/** Average pooling; padding is not counted. The backend's own kernel makes minus infinity of NaN. */
export function avgPool(call: Call<{ x: TensorInfo }, AvgPoolAttrs>): TensorInfo {
  return pool(call, 'averagePool', call.inputs.x, call.attrs);
}

/** The gradient of average pooling. */
export function avgPoolGrad(call: Call<{ dy: TensorInfo; input: TensorInfo }, AvgPoolGradAttrs>): TensorInfo {
  const { backend, inputs, attrs } = call;
  const { dy, input } = inputs;
  const dx = backend.makeOutput(input.shape, 'float32');
  const [from, to] = [addressOf(backend, dy), addressOf(backend, dx)];
  eachImages(call, gradientInfo(input, dy, attrs), 'averagePoolGradient', (ins, outs) => [
    ...[from + 4 * outs, to + 4 * ins],
  ]);
  return dx;
}

/** The windows of a pooling's gradient. The output's size is that of `dy`: tfjs does not say how it was rounded. */
export function gradientInfo(
  x: TensorInfo,
  dy: TensorInfo,
  attrs: Omit<MaxPoolAttrs, 'dimRoundingMode'>,
): ConvInfo {
  return {
    ...infoOf(x, attrs),
    outShape: dy.shape as ConvInfo['outShape'],
    outHeight: dy.shape[1]!,
    outWidth: dy.shape[2]!,
  };
}

/**
 * Runs a kernel of pooling on all threads, each with some images.
 *
 * @param addressesOf the addresses of an image's tensors, from how many numbers of the input and of the output precede it.
 */
export function eachImages(
  tools: Tools,
  info: ConvInfo,
  kernel: Task['kernel'],
  addressesOf: (inputsBefore: number, outputsBefore: number) => number[],
): void {
  const [ins, outs] = [numbersOf(info.inShape), numbersOf(info.outShape)];
  const tasks = shares(tools, info.batchSize, ins * PER_NUMBER).map(
    ([first, end]): Task => ({
      kernel,
      args: () => [
        ...addressesOf(first * ins, first * outs),
        ...windowsOf({ ...info, batchSize: end - first }),
      ],
    }),
  );
  runTasks(tools, tasks);
}

/** Numbers of one image of a batch. */
export function numbersOf([, ...image]: number[]): number {
  return util.sizeFromShape(image);
}

/** Bytes of the part of a map that exists at a time. It should stay in the processor's caches. */
const PART = 2 ** 23;

/** Some images of a pooled batch, and how many images and numbers of the output come before them. */
export interface MapPart {
  pool: ConvInfo;
  imagesBefore: number;
  outputsBefore: number;
}

/** Runs `use` for some images of a pooled batch at a time, with working memory for their map before the pooling. */
export function eachMapPart(tools: Tools, pool: ConvInfo, use: (part: MapPart, map: number) => void): void {
  withMap(tools, pool, use, (each) => each(() => {}));
}

/**
 * The same for several passes: `passes` receives a function that runs its argument for each part, after `fill` has written the
 * part's map. A map that exists as a whole is filled once.
 */
export function withMap(
  { backend, helpers }: Tools,
  pool: ConvInfo,
  fill: (part: MapPart, map: number) => void,
  passes: (each: (use: (part: MapPart, map: number) => void) => void) => void,
): void {
  const [map, outputs] = [numbersOf(pool.inShape), numbersOf(pool.outShape)];
  const atOnce = Math.max(1, Math.floor(PART / (4 * map))) * (helpers.length + 1);
  withMemory(backend, 4 * map * Math.min(atOnce, pool.batchSize), (address) => {
    let filled: number | undefined;
    passes((use) => {
      for (let first = 0; first < pool.batchSize; first += atOnce) {
        const batchSize = Math.min(atOnce, pool.batchSize - first);
        const part = {
          pool: { ...pool, batchSize },
          imagesBefore: first,
          outputsBefore: first * outputs,
        };
        if (filled !== first) fill(part, address);
        filled = first;
        use(part, address);
      }
    });
  });
}

/** Addresses of a pooled batch: the map before the pooling, its outputs and, as bytes, which pixels they chose. */
interface Pooled {
  map: number;
  outputs: number;
  choices: number;
}

/** Max pooling of a map, then ReLU if `relu`, which keeps its choices. */
export function poolMap(
  tools: Tools,
  info: ConvInfo,
  { map, outputs, choices }: Pooled,
  relu: boolean,
): void {
  eachImages(tools, info, 'maxPoolChoices', (ins, outs) => [
    ...[map + 4 * ins, Number(relu), outputs + 4 * outs, choices + outs],
  ]);
}

/** The gradient of the map, from that of the outputs and their choices. */
export function spreadToMap(tools: Tools, info: ConvInfo, { map, outputs, choices }: Pooled): void {
  eachImages(tools, info, 'spreadChoices', (ins, outs) => [
    ...[outputs + 4 * outs, choices + outs, map + 4 * ins],
  ]);
}

function pool(
  tools: Tools,
  kernel: 'maxPool' | 'averagePool',
  x: TensorInfo,
  attrs: MaxPoolAttrs,
): TensorInfo {
  if (x.dtype !== 'float32') {
    throw new RangeError(
      `${kernel}: the input is ${x.dtype}, but the wasm backend pools only float32; cast it.`,
    );
  }
  const info = infoOf(x, attrs);
  checkFits(kernel, info);
  const { backend } = tools;
  const y = backend.makeOutput(info.outShape, 'float32');
  const [from, to] = [addressOf(backend, x), addressOf(backend, y)];
  eachImages(tools, info, kernel, (ins, outs) => [from + 4 * ins, to + 4 * outs]);
  return y;
}

function infoOf(x: TensorInfo, { filterSize, strides, pad, dimRoundingMode }: MaxPoolAttrs): ConvInfo {
  const shape = x.shape as [number, number, number, number];
  return backend_util.computePool2DInfo(shape, filterSize, strides, 1, pad, dimRoundingMode);
}

/** A pooling's windows, as arguments of a kernel. */
function windowsOf(info: ConvInfo): Windows {
  const { batchSize, inHeight, inWidth, inChannels, outHeight, outWidth, padInfo } = info;
  const filter = [info.filterHeight, info.filterWidth, info.strideHeight, info.strideWidth] as const;
  return [
    batchSize,
    inHeight,
    inWidth,
    inChannels,
    outHeight,
    outWidth,
    ...filter,
    padInfo.top,
    padInfo.left,
  ];
}

/** The shapes of a pooling that is part of an operation. */
export function poolingOf(inputShape: readonly number[], { size, strides, pad }: Pooling): ConvInfo {
  const shape = inputShape as [number, number, number, number];
  const info = backend_util.computePool2DInfo(shape, size, strides, 1, pad);
  checkFits('MaxPool', info);
  return info;
}
