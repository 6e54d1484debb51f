import { type FusedBatchNormAttrs, type TensorInfo, util } from '@tensorflow/tfjs-core';
import { addressOf, inPlaceOf, withMemory } from './backend.js';
import { eachMapPart, type MapPart, numbersOf, poolingOf, poolMap, spreadToMap, withMap } from './pool.js';
import { type Call, type OwnCall, PER_NUMBER, runTasks, shares, type Tools } from './run.js';
import type { Task } from './tasks.js';

/**
 * Batch normalization in training, and the ReLU and pooling behind it. The map before a pooling exists some images at a time.
 */
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
  const from = at(x);
  const all = rowsOf(x);
  withSums(call, channels, 1, (sums, ofPart) => {
    const count = onRows(call, 'normSums', all, (before, rows, part) => [
      ...[from + before, rows, channels, from, ofPart(part)],
    ]);
    kernels.normStatistics(
      ...[count, sums, all.rows, channels, from, at(scale), epsilon, mean!, variance!],
      ...[at(runningMean), at(runningVariance), 1 - momentum, nextMean!, nextVariance!],
    );
    const apply = (some: Rows, to: number) =>
      onRows(call, 'normApply', some, (before, rows) => [
        ...[from + some.before + before, rows, channels, mean!, at(offset), Number(relu), sums, to + before],
      ]);
    if (!pool) return void apply(all, y!);
    eachMapPart(call, pool, ({ outputsBefore, ...part }, map) => {
      apply(rowsOf(x, part), map);
      const pooled = { map, outputs: y! + 4 * outputsBefore, choices: choices! + outputsBefore };
      poolMap(call, part.pool, pooled, relu);
    });
  });
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
  withSums(call, channels, 1, (sums) => {
    kernels.normFactors(channels, at(scale), at(variance), attrs.varianceEpsilon, sums);
    onRows(call, 'normApply', rowsOf(x), (before, rows) => [
      ...[at(x) + before, rows, channels, at(mean), at(offset), 0, sums, at(y) + before],
    ]);
  });
  return y;
}

/**
 * The gradients of scale, offset and, if wanted, x, which takes dy's memory, or x's if there is a pooling, unless another tensor
 * shares it. The gradient of the map before a pooling exists some images at a time: if those are not all, once for the sums and once
 * more for that of x.
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
  const pool = attrs.pool && poolingOf(x.shape, attrs.pool);
  const all = rowsOf(x);

  /** All gradients; `eachRows` runs its argument on the gradient of the map, or on those of some images at a time. */
  const gradients = (eachRows: (use: (some: Rows, dy: number) => void) => void) =>
    withSums(call, channels, pool?.batchSize ?? 1, (sums, ofPart) => {
      const statistics = [at(mean), at(variance), at(scale), at(offset), epsilon, Number(relu)];
      let count = 0;
      eachRows((some, dy) => {
        count += onRows(call, 'normGradientSums', some, (before, rows, part) => [
          ...[dy + before, from + some.before + before, rows, channels, ...statistics, ofPart(count + part)],
        ]);
      });
      kernels.normGradients(
        ...[count, sums, all.rows, channels, at(variance), at(offset), epsilon, Number(relu)],
        ...[at(dScale), at(dOffset)],
      );
      if (!wantsX) return;
      eachRows((some, dy) =>
        onRows(call, 'normInputGradient', some, (before, rows) => [
          ...[dy + before, from + some.before + before, rows, channels, at(mean), at(offset), Number(relu)],
          ...[sums, at(dx) + some.before + before],
        ]),
      );
    });

  if (!pool) gradients((use) => use(all, at(dy)));
  else {
    const spread = ({ pool, outputsBefore }: MapPart, map: number) => {
      const pooled = { map, outputs: at(dy) + 4 * outputsBefore, choices: at(choices) + outputsBefore };
      spreadToMap(call, pool, pooled);
    };
    withMap(call, pool, spread, (each) => gradients((use) => each((part, map) => use(rowsOf(x, part), map))));
  }
  return outputs;
}

/** Some of the rows of x, `[rows, channels]`, and the bytes before them. */
interface Rows {
  before: number;
  rows: number;
  channels: number;
}

/** All rows of x, or those of some of its images. */
function rowsOf({ shape }: TensorInfo, part?: { pool: { batchSize: number }; imagesBefore: number }): Rows {
  const channels = shape.at(-1)!;
  const image = numbersOf(shape);
  const [first, images] = part ? [part.imagesBefore, part.pool.batchSize] : [0, shape[0]!];
  return { before: 4 * first * image, rows: (images * image) / channels, channels };
}

/** Rows to a unit of work; parts of whole blocks, so that a single thread's sums are those of its blocks. */
const UNIT = 32;

/**
 * Runs a kernel on some rows, on all threads, from the bytes before a part's rows, their number and the part's.
 *
 * @returns how many parts there were.
 */
function onRows(
  tools: Tools,
  kernel: Task['kernel'],
  { rows, channels }: Rows,
  argsOf: (before: number, rows: number, part: number) => number[],
): number {
  const ranges = shares(tools, Math.ceil(rows / UNIT), 2 * UNIT * channels * PER_NUMBER);
  const tasks = ranges.map(([from, to], part): Task => {
    const count = Math.min(rows, to * UNIT) - from * UNIT;
    return { kernel, args: () => argsOf(4 * from * UNIT * channels, count, part) };
  });
  runTasks(tools, tasks);
  return ranges.length;
}

/** Runs `use` with working memory for the sums of parts, as many for each thread as `times` says; the first is that of part 0. */
function withSums(
  { backend, kernels, helpers }: Tools,
  channels: number,
  times: number,
  use: (sums: number, ofPart: (part: number) => number) => void,
): void {
  const bytes = kernels.normBytes(channels);
  withMemory(backend, bytes * times * (helpers.length + 1), (sums) =>
    use(sums, (part) => sums + part * bytes),
  );
}
