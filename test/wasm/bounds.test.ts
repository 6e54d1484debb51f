import '@tensorflow/tfjs-layers';
import '@tensorflow/tfjs-backend-wasm';
import {
  abs,
  avgPool,
  batchNorm,
  engine,
  fused,
  grad,
  matMul,
  maxPool,
  mean,
  relu6,
  reshape,
  setBackend,
  sum,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor4D,
  tensor,
  tidy,
} from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runOwnKernel } from '../../src/tfjs/kernels.js';
import { adam, momentum, SGD } from '../../src/train/leanOptimizer.js';
import { installWasmKernels } from '../../src/wasm/index.js';
import { numbers, random, wasm } from './compare.js';

/** Bytes of NaN around each block of the backend's memory, which has NaN itself when it is taken. */
const MARGIN = 64;

/** Blocks of memory, with the bytes that were asked for. */
const blocks = new Map<number, number>();

const margins = (address: number, bytes: number) => [
  [address - MARGIN, address],
  [address + bytes, address + bytes + MARGIN],
];

/** Whether the bytes around a block are as they were. */
const isIntact = ([address, bytes]: [number, number]) =>
  margins(address, bytes).every(([from, end]) =>
    wasm()
      .wasm.HEAPU8.subarray(from, end)
      .every((byte) => byte === 0xff),
  );

let broken = 0;

beforeAll(async () => {
  await setBackend('wasm');
  const inside = wasm().wasm;
  inside._free(inside._malloc(8));
  const { _malloc, _free } = inside;
  inside._malloc = (bytes) => {
    const address = (_malloc(bytes + 2 * MARGIN) >>> 0) + MARGIN;
    inside.HEAPU8.fill(0xff, address - MARGIN, address + bytes + MARGIN);
    blocks.set(address, bytes);
    return address;
  };
  inside._free = (address) => {
    const bytes = blocks.get(address >>> 0);
    if (bytes === undefined) return _free(address);
    if (!isIntact([address >>> 0, bytes])) broken++;
    blocks.delete(address >>> 0);
    _free((address >>> 0) - MARGIN);
  };
  // Its own guard of the memory calls these.
  installWasmKernels();
});
afterAll(() => installWasmKernels()());

/** Expects results of numbers alone, though all memory that is not theirs is NaN, and none of it changed. */
function expectWithin(compute: () => Tensor[]): void {
  const results = tidy(() => compute().map((result) => result.dataSync()));
  for (const [i, values] of results.entries())
    expect(
      values.findIndex((value) => !Number.isFinite(value)),
      `result ${i}`,
    ).toBe(-1);
  expect(broken + [...blocks].filter((block) => !isIntact(block)).length).toBe(0);
}

const RUNS = 40;
const side = (min: number, max: number) => fc.integer({ min, max });
const channels = fc.oneof(side(1, 9), fc.constantFrom(12, 16, 20, 32));

const images = fc.record({
  shape: fc.tuple(side(1, 3), side(1, 13), side(1, 13), channels),
  filter: fc.constantFrom<[number, number]>([3, 3], [3, 3], [1, 1], [2, 5]),
  outs: channels,
  pad: fc.constantFrom<'same' | 'valid'>('same', 'valid'),
  window: fc.tuple(side(1, 3), side(1, 3)),
  strides: fc.tuple(side(1, 3), side(1, 3)),
  relu: fc.boolean(),
  seed: fc.nat(1000),
});

describe('kernels touch nothing but their tensors and working memory', () => {
  test('of images', () => {
    fc.assert(
      fc.property(images, ({ shape, filter, outs, pad, window, strides, relu, seed }) => {
        fc.pre(pad === 'same' || (shape[1] >= filter[0] && shape[2] >= filter[1]));
        expectWithin(() => {
          const x = random(shape, seed);
          const weights = random([...filter, shape[3], outs], seed + 1);
          const [bias, scale] = [random([outs], seed + 2), random([outs], seed + 3)];
          const geometry = { strides: [1, 1], pad, dataFormat: 'NHWC', dilations: [1, 1] };
          const run = (name: string, inputs: Record<string, Tensor>, attrs: object) =>
            engine().runKernel(name, inputs, { ...geometry, ...attrs }) as Tensor;
          const y = run(
            'FusedConv2D',
            { x, filter: weights, bias },
            { activation: relu ? 'relu' : 'linear' },
          );
          const results = [
            y,
            run('Conv2DBackpropFilter', { x, dy: y }, { filterShape: weights.shape }),
            run('Conv2DBackpropInput', { dy: y, filter: weights }, { inputShape: shape }),
            ...[sum(y, [0, 1, 2]), mean(y, [1, 2]), relu6(y)],
          ];

          const pool = { size: window, strides, pad: 'same' as const };
          for (const pooling of [maxPool, avgPool]) {
            const forward = (x: Tensor) => pooling(x as Tensor4D, window, strides, 'same') as Tensor;
            results.push(forward(y), grad(forward)(y));
          }
          const attrs = { pad, relu, pool };
          const [pooled, choices] = runOwnKernel('ConvPool', { x, filter: weights, bias }, attrs);
          const of = { dy: pooled!, choices: choices!, x, filter: weights };
          results.push(
            pooled!,
            ...runOwnKernel('ConvPoolGrad', of, { ...attrs, wanted: ['filter', 'bias', 'x'] }),
          );

          const norm = { epsilon: 0.1, relu };
          const running = { runningMean: bias, runningVariance: bias };
          const inputs = { x: y, scale, offset: bias };
          for (const one of [norm, { ...norm, pool }]) {
            const outputs = runOwnKernel('BatchNorm', { ...inputs, ...running }, { ...one, momentum: 0.9 });
            const [z, mean, variance, , , choices] = outputs as [
              Tensor,
              Tensor,
              Tensor,
              Tensor,
              Tensor,
              Tensor?,
            ];
            const of = { ...inputs, dy: z.clone(), mean, variance, ...(choices && { choices }) };
            results.push(...outputs.slice(0, 5));
            results.push(
              batchNorm(
                y as Tensor4D,
                mean as Tensor1D,
                variance as Tensor1D,
                bias as Tensor1D,
                scale as Tensor1D,
                0.1,
              ),
            );
            results.push(...runOwnKernel('BatchNormGrad', of, { ...one, wantsX: true }));
          }
          return results;
        });
      }),
      { numRuns: RUNS, seed: 1 },
    );
  });

  const products = fc.record({
    m: fc.oneof(side(1, 9), side(10, 70)),
    k: fc.oneof(side(1, 9), side(10, 300)),
    n: fc.oneof(side(1, 40), side(250, 300)),
    transposes: fc.tuple(fc.boolean(), fc.boolean()),
    zeros: fc.constantFrom(0, 0.7),
    rule: fc.constantFrom(undefined, SGD, momentum(), adam({ epsilon: 1e-7 })),
    flags: fc.tuple(fc.boolean(), fc.boolean()),
    seed: fc.nat(1000),
  });

  test('of matrices', () => {
    fc.assert(
      fc.property(products, ({ m, k, n, transposes, zeros, rule, flags, seed }) => {
        expectWithin(() => {
          const [turnA, turnB] = transposes;
          const [behindRelu, wantsX] = flags;
          const x = tensor(
            numbers(m * k, seed).map((value, i) => ((i * 0.37) % 1 < zeros ? 0 : value)),
            turnA ? [k, m] : [m, k],
          ) as Tensor2D;
          const w = random(turnB ? [n, k] : [k, n], seed + 1) as Tensor2D;
          const bias = random([n], seed + 2) as Tensor1D;
          const y = fused.matMul({
            a: x,
            b: w,
            transposeA: turnA,
            transposeB: turnB,
            bias,
            activation: 'relu',
          });
          const slots = Object.fromEntries(
            (rule?.slots ?? []).map((slot) => [slot, abs(random([k, n], seed + 3))]),
          );
          const update = rule && { kernel: rule.kernel, numbers: rule.numbers(0.1, 0.01, 3) as never };
          const inputs = { x: reshape(x, [m, k]), dy: y, weights: random([k, n], seed + 4), ...slots };
          return [
            y,
            matMul(y, w, false, !turnB),
            sum(y, 1),
            ...runOwnKernel('DenseGrad', inputs, { behindRelu, wantsX, ...(update && { update }) }),
          ];
        });
      }),
      { numRuns: RUNS, seed: 2 },
    );
  });
});
