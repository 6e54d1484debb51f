import { type FusedBatchNormAttrs, type TensorInfo, util } from '@tensorflow/tfjs-core';
import { addressOf, inPlaceOf, withMemory } from './backend.js';
import { poolingOf, poolMap, spreadToMap } from './pool.js';
import { type Call, type OwnCall, PER_NUMBER, runTasks, shares, type Tools } from './run.js';
import type { Task } from './tasks.js';

/** Batch normalization in training, and the ReLU and pooling behind it. */
export function batchNorm(call: OwnCall<'BatchNorm'>): TensorInfo[] {
  const { backend, kernels, inputs, attrs } = call;
  const { x, scale, offset, runningMean, runningVariance } = inputs;
  const { epsilon, relu, momentum } = attrs;
  const channels = x.shape.at(-1)!;
  const pool = attrs.pool && poolingOf(x.shape, attrs.pool);
  const outputs = [pool?.outShape ?? x.shape, ...Array<number[]>(4).fill([channels])].map((shape) =>
    backend.makeOutput(shape, 'float32'),
  );
  if (pool) outputs.push(backend.makeOutput(pool.outShape, 'bool'));
  const at = (tensor: TensorInfo) => addressOf(backend, tensor);
  const [y, mean, variance, nextMean, nextVariance, choices] = outputs.map(at);
  const normalize = (to: number) =>
    inParts(call, x, ({ rows, count, sums, each }) => {
      const from = at(x);
      each('normSums', (before, rows, sums) => [from + before, rows, channels, from, sums]);
      kernels.normStatistics(
        ...[count, sums, rows, channels, from, at(scale), epsilon, mean!, variance!],
        ...[at(runningMean), at(runningVariance), 1 - momentum, nextMean!, nextVariance!],
      );
      each('normApply', (before, rows) => [
        ...[from + before, rows, channels, mean!, at(offset), Number(relu), sums, to + before],
      ]);
    });
  if (pool) {
    // The map before the pooling is freed as the last that was allocated, so that it leaves no hole.
    withMemory(backend, 4 * util.sizeFromShape(x.shape), (map) => {
      normalize(map);
      poolMap(call, pool, { map, outputs: y!, choices: choices! }, relu);
    });
  } else normalize(y!);
  return outputs;
}

/**
 * Batch normalization with known statistics, one of each for every channel, in a pass by vectors; the backend's own kernel goes
 * number by number, which takes ten times as long.
 */
export function fusedBatchNorm(
  call: Call<
    Record<'x' | 'mean' | 'variance', TensorInfo> & { scale?: TensorInfo; offset?: TensorInfo },
    FusedBatchNormAttrs
  >,
): TensorInfo | TensorInfo[] {
  const { backend, kernels, inputs, attrs, stock } = call;
  const { x, mean, variance, scale, offset } = inputs;
  const channels = x.shape.at(-1)!;
  const isPerChannel = (tensor: TensorInfo) => util.sizeFromShape(tensor.shape) === channels;
  const isOurs = x.dtype === 'float32' && util.sizeFromShape(x.shape) > 0 && scale && offset;
  if (!isOurs || ![mean, variance, scale, offset].every(isPerChannel)) return stock(inputs, attrs);
  const y = backend.makeOutput(x.shape, 'float32');
  const at = (tensor: TensorInfo) => addressOf(backend, tensor);
  inParts(call, x, ({ sums, each }) => {
    kernels.normFactors(channels, at(scale), at(variance), attrs.varianceEpsilon, sums);
    each('normApply', (before, rows) => [
      ...[at(x) + before, rows, channels, at(mean), at(offset), 0, sums, at(y) + before],
    ]);
  });
  return y;
}

/**
 * The gradients of scale, offset and, if wanted, x, which takes dy's memory, or x's if there is a pooling, unless another tensor
 * shares it.
 */
export function batchNormGrad(call: OwnCall<'BatchNormGrad'>): TensorInfo[] {
  const { backend, kernels, inputs, attrs } = call;
  const { dy, x, mean, variance, scale, offset, choices } = inputs;
  const { epsilon, relu, wantsX } = attrs;
  const channels = x.shape.at(-1)!;
  const at = (tensor: TensorInfo | undefined) => addressOf(backend, tensor);
  const from = at(x);
  const outputs = [scale, offset].map(({ shape }) => backend.makeOutput(shape, 'float32'));
  if (wantsX) outputs.push(inPlaceOf(backend, attrs.pool ? x : dy));
  const [dScale, dOffset, dx] = outputs;
  const gradients = (dy: number) =>
    inParts(call, x, ({ rows, count, sums, each }) => {
      const statistics = [at(mean), at(variance), at(scale), at(offset), epsilon, Number(relu)];
      each('normGradientSums', (before, rows, sums) => [
        ...[dy + before, from + before, rows, channels, ...statistics, sums],
      ]);
      kernels.normGradients(
        ...[count, sums, rows, channels, at(variance), at(offset), epsilon, Number(relu)],
        ...[at(dScale), at(dOffset)],
      );
      if (!wantsX) return;
      each('normInputGradient', (before, rows) => [
        ...[dy + before, from + before, rows, channels, at(mean), at(offset), Number(relu), sums],
        at(dx) + before,
      ]);
    });
  if (attrs.pool) {
    const pool = poolingOf(x.shape, attrs.pool);
    withMemory(backend, 4 * util.sizeFromShape(x.shape), (map) => {
      spreadToMap(call, pool, { map, outputs: at(dy), choices: at(choices) });
      gradients(map);
    });
  } else gradients(at(dy));
  return outputs;
}

/** The rows of x, `[rows, channels]`, in parts, each with working memory for its sums. */
interface Parts {
  rows: number;
  count: number;
  /** The memory of the first part, which the others' follow. */
  sums: number;
  /** Runs a kernel on each part, from the bytes before its rows, their number and its memory. */
  each(kernel: Task['kernel'], argsOf: (before: number, rows: number, sums: number) => number[]): void;
}

/** Rows to a unit of work; parts of whole blocks, so that a single thread's sums are those of its blocks. */
const UNIT = 32;

function inParts(tools: Tools, x: TensorInfo, use: (parts: Parts) => void): void {
  const { backend, kernels } = tools;
  const channels = x.shape.at(-1)!;
  const rows = util.sizeFromShape(x.shape) / channels;
  const ranges = shares(tools, Math.ceil(rows / UNIT), 2 * UNIT * channels * PER_NUMBER);
  const bytes = kernels.normBytes(channels);
  withMemory(backend, ranges.length * bytes, (sums) => {
    const each: Parts['each'] = (kernel, argsOf) => {
      const tasks = ranges.map(([from, to], i): Task => {
        const count = Math.min(rows, to * UNIT) - from * UNIT;
        return { kernel, args: () => argsOf(4 * from * UNIT * channels, count, sums + i * bytes) };
      });
      runTasks(tools, tasks);
    };
    use({ rows, count: ranges.length, sums, each });
  });
}
