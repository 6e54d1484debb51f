import '@tensorflow/tfjs-layers';
import '@tensorflow/tfjs-backend-wasm';
import {
  engine,
  fused,
  matMul,
  ones,
  reshape,
  setBackend,
  sum,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor4D,
  tensor,
  tensor1d,
} from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { afterEach, beforeAll, describe, expect, type Mock, test, vi } from 'vitest';
import { size } from '../../src/base/shapes.js';
import { vgg } from '../../src/core/vgg.js';
import { runOwnKernel } from '../../src/tfjs/kernels.js';
import { train } from '../../src/train/index.js';
import { Helper } from '../../src/wasm/helper.js';
import { installWasmKernels } from '../../src/wasm/index.js';
import { numbers, on, wasm } from './compare.js';

/** Large enough to be divided: convolutions of at least this number of multiplications and additions. */
const WORK = 2 ** 25;

type Shape = [number, number, number, number];

interface Case {
  image: Shape;
  filter: Shape;
  stride: number;
  pad: 'same' | 'valid' | [[number, number], [number, number], [number, number], [number, number]];
  seed: number;
}

const side = (min: number, max: number) => fc.integer({ min, max });

const cases: fc.Arbitrary<Case> = fc
  .record({
    batch: side(1, 5),
    height: fc.oneof(side(5, 12), side(20, 60)),
    channels: fc.constantFrom<[number, number][]>([2, 32], [3, 20], [8, 8], [16, 40], [32, 64]),
    filter: fc.constantFrom<[number, number, number][]>(
      [3, 3, 1],
      [3, 3, 1],
      [5, 5, 1],
      [3, 2, 2],
      [4, 4, 3],
    ),
    pad: fc.oneof(
      fc.constantFrom<Case['pad']>('same', 'valid'),
      fc
        .tuple(side(0, 2), side(0, 2), side(0, 2), side(0, 2))
        .map(([top, bottom, left, right]): Case['pad'] => [
          [0, 0],
          [top, bottom],
          [left, right],
          [0, 0],
        ]),
    ),
    seed: fc.nat(),
  })
  .map(({ batch, height, channels, filter: [rows, columns, stride], pad, seed }) => {
    const [inChannels, outChannels] = channels;
    const perPixel = batch * height * inChannels * outChannels * rows * columns;
    const width = Math.ceil((WORK * stride ** 2) / perPixel) + 12;
    return {
      image: [batch, height, width, inChannels],
      filter: [rows, columns, inChannels, outChannels],
      stride,
      pad,
      seed,
    };
  });

const random = (shape: number[], seed: number) => tensor(numbers(size(shape), seed), shape);

/** A convolution with bias and ReLU, and both of its gradients; those of another stride than 1 without the input's. */
function compute({ image, filter, stride, pad, seed }: Case): Promise<Float32Array[]> {
  return on('wasm', () => {
    const [x, weights, bias] = [random(image, seed), random(filter, seed + 1), random([filter[3]], seed + 2)];
    const attrs = { strides: [stride, stride], pad, dataFormat: 'NHWC', dilations: [1, 1] };
    const run = (kernel: string, inputs: Record<string, Tensor>, more: object) =>
      engine().runKernel(kernel, inputs, { ...attrs, ...more }) as Tensor;
    const y = run('FusedConv2D', { x, filter: weights, bias }, { activation: 'relu' });
    const dy = random(y.shape, seed + 3);
    const dw = run('Conv2DBackpropFilter', { x, dy }, { filterShape: filter });
    if (stride > 1) return [y, dw];
    return [y, dw, run('Conv2DBackpropInput', { dy, filter: weights }, { inputShape: image })];
  });
}

/** The largest difference as a fraction of the largest number. */
function difference(a: Float32Array, b: Float32Array): number {
  const [most, worst] = [a, a.map((value, i) => value - b[i]!)].map((values) =>
    values.reduce((max, value) => Math.max(max, Math.abs(value)), 0),
  );
  return worst! / most!;
}

const expectEqual = (actual: Float32Array[], expected: Float32Array[]) =>
  expect(actual.map((values, i) => difference(expected[i]!, values))).toEqual(expected.map(() => 0));

const CONVOLUTION: Case = { image: [3, 64, 64, 16], filter: [3, 3, 16, 40], stride: 1, pad: 'same', seed: 1 };

const smallVgg = () =>
  vgg(
    [
      [1, 16],
      [1, 32],
    ],
    { inputShape: [32, 32, 1], classes: 10, hiddenUnits: 512, seed: 1 },
  );

/** Installs the kernels on so many threads, and waits until all of them help. */
async function installThreads(threads: number): Promise<{ uninstall: () => void; helpers: Helper[] }> {
  const uninstall = installWasmKernels({ threads });
  const start = vi.spyOn(Helper.prototype, 'start');
  await setBackend('wasm');
  for (let helping = 0; helping < threads - 1; ) {
    start.mockClear();
    await compute(CONVOLUTION);
    helping = new Set(start.mock.results.flatMap(({ value }, i) => (value ? [start.mock.contexts[i]] : [])))
      .size;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const helpers = [...new Set(start.mock.contexts as Helper[])];
  start.mockRestore();
  return { uninstall, helpers };
}

beforeAll(async () => {
  // Shares the backend's memory, which one thread uses as well.
  installWasmKernels({ threads: 2 })();
  await setBackend('wasm');
  expect(wasm().wasm.HEAPU8.buffer).toBeInstanceOf(SharedArrayBuffer);
});
afterEach(() => installWasmKernels()());

describe('threads', () => {
  test.each([2, 3])(
    'of %i compute what one does, for any batch, size, stride and padding',
    async (threads) => {
      const all = fc.sample(cases, { numRuns: 15, seed: threads });
      installWasmKernels();
      const expected = [];
      for (const one of all) expected.push(await compute(one));
      installWasmKernels()();
      await installThreads(threads);
      const start = vi.spyOn(Helper.prototype, 'start');
      for (const [i, one] of all.entries()) {
        start.mockClear();
        const [y, dw, dx] = await compute(one);
        expect(start).toHaveBeenCalled();
        expect(difference(expected[i]![0]!, y!)).toBe(0);
        if (dx) expect(difference(expected[i]![2]!, dx)).toBe(0);
        // Sums of sums round otherwise.
        expect(difference(expected[i]![1]!, dw!)).toBeLessThan(5e-6);
      }
      start.mockRestore();
    },
  );

  test.each([
    [1, 'dense'],
    [3, 'dense'],
    [40, 'dense'],
    [40, 'sparse'],
  ])('multiply %i rows, %s, and their transposes bit for bit as one does', async (rows, kind) => {
    const [inner, columns] = [2001, 1101];
    const x = numbers(rows * inner, 3).map((value, i) => (kind === 'sparse' && i % 4 > 0 ? 0 : value));
    const multiply = () =>
      on('wasm', () => {
        const [weights, bias] = [random([inner, columns], 1), random([columns], 2)] as [Tensor2D, Tensor1D];
        const [a, dy] = [tensor(x, [rows, inner]), random([rows, columns], 4)] as [Tensor2D, Tensor2D];
        const y = fused.matMul({ a, b: weights, bias, activation: 'relu' });
        return [y, matMul(dy, weights, false, true), matMul(a, dy, true, false)];
      });
    installWasmKernels();
    const expected = await multiply();
    installWasmKernels()();
    await installThreads(2);
    const start = vi.spyOn(Helper.prototype, 'start');
    expectEqual(await multiply(), expected);
    expect(start).toHaveBeenCalled();
    start.mockRestore();
  });

  test('pool, rectify and sum bit for bit as one does', async () => {
    const compute = () =>
      on('wasm', () => {
        const x = random([5, 128, 128, 40], 1) as Tensor4D;
        const dy = random([5, 64, 64, 40], 2);
        const attrs = { filterSize: [2, 2], strides: [2, 2], pad: 'valid' };
        const dx = engine().runKernel('MaxPoolGrad', { dy, input: x, output: dy }, attrs) as Tensor;
        const before = engine().runKernel('ReluGrad', { dy: dx, y: x }) as Tensor;
        // By columns, by images, by columns of two blocks, and by rows.
        const blocks = reshape(x, [2, 40_960, 40]);
        const sums = [sum(x, [0, 1, 2]), sum(x, [1, 2]), sum(blocks, 1), sum(blocks, 2)];
        return [dx, before, ...sums];
      });
    installWasmKernels();
    const expected = await compute();
    installWasmKernels()();
    await installThreads(3);
    const start = vi.spyOn(Helper.prototype, 'start');
    expectEqual(await compute(), expected);
    expect(new Set(start.mock.calls.map(([kernel]) => kernel))).toEqual(
      new Set(['maxPoolGradient', 'reluGradient', 'sumRows', 'sumColumns']),
    );
    start.mockRestore();
  });

  test('normalize batches as one does, and the same in each run', async () => {
    const compute = () =>
      on('wasm', () => {
        // The last part has fewer rows than others.
        const [x, dy] = [random([3, 129, 127, 22], 1), random([3, 129, 127, 22], 2)];
        const [scale, offset] = [random([22], 3), random([22], 4)];
        const [runningMean, runningVariance] = [random([22], 5), ones([22])];
        const attrs = { epsilon: 1e-5, relu: true };
        const inputs = { x, scale, offset, runningMean, runningVariance };
        const outputs = runOwnKernel('BatchNorm', inputs, { ...attrs, momentum: 0.9 });
        const [, mean, variance] = outputs as [Tensor, Tensor, Tensor];
        const gradients = runOwnKernel(
          'BatchNormGrad',
          { dy, x, mean, variance, scale, offset },
          { ...attrs, wantsX: true },
        );
        const known = engine().runKernel(
          'FusedBatchNorm',
          { x, mean, variance, scale, offset },
          { varianceEpsilon: 1e-5 },
        );
        return [...outputs, ...gradients, known as Tensor];
      });
    installWasmKernels();
    const expected = await compute();
    installWasmKernels()();
    await installThreads(3);
    const start = vi.spyOn(Helper.prototype, 'start');
    const actual = await compute();
    expect(new Set(start.mock.calls.map(([kernel]) => kernel))).toEqual(
      new Set(['normSums', 'normApply', 'normGradientSums', 'normInputGradient']),
    );
    start.mockRestore();
    for (const [i, values] of actual.entries()) expect(difference(expected[i]!, values)).toBeLessThan(1e-6);
    expectEqual(await compute(), actual);
  });

  test.each(['sgd', 'momentum', 'adam'] as const)(
    'train with %s, the same in each run',
    async (optimizer) => {
      const set = {
        shape: [32, 32, 1] as const,
        length: 32,
        *batches() {
          for (let i = 0; i < 2; i++)
            yield {
              xs: random([16, 32, 32, 1], i) as Tensor4D,
              ys: tensor1d(
                Array.from({ length: 16 }, (_, k) => k % 10),
                'int32',
              ),
            };
        },
      };
      const run = async () => {
        const model = smallVgg();
        await train(model, { trainSet: set }, { optimizer, epochs: 1, batchSize: 16, seed: 1 });
        const values = model.getWeights().map((weights) => weights.dataSync() as Float32Array);
        model.dispose();
        return values;
      };
      await setBackend('wasm');
      installWasmKernels();
      const one = await run();
      installWasmKernels()();
      await installThreads(2);
      const start = vi.spyOn(Helper.prototype, 'start');
      const two = await run();
      expect(start.mock.calls.map(([kernel]) => kernel)).toContain('denseGradient');
      start.mockRestore();
      expectEqual(await run(), two);
      for (const [i, values] of two.entries()) expect(difference(one[i]!, values)).toBeLessThan(1e-3);
    },
  );

  test('give the same numbers before the others have started as afterwards', async () => {
    installWasmKernels({ threads: 2 });
    const start: Mock<Helper['start']> = vi.spyOn(Helper.prototype, 'start').mockReturnValue(false);
    const alone = await compute(CONVOLUTION);
    expect(start).toHaveBeenCalled();
    start.mockRestore();
    installWasmKernels()();
    await installThreads(2);
    expectEqual(await compute(CONVOLUTION), alone);
  });

  test('leave small products and convolutions to one', async () => {
    await installThreads(2);
    const start = vi.spyOn(Helper.prototype, 'start');
    await compute({ ...CONVOLUTION, image: [3, 16, 16, 16] });
    expect(start).not.toHaveBeenCalled();
    start.mockRestore();
  });

  test('compute the same when the memory has grown', async () => {
    await installThreads(2);
    const [first] = await compute(CONVOLUTION);
    const before = wasm().wasm.HEAPU8.length;
    ones([2 ** 26]).dispose();
    expect(wasm().wasm.HEAPU8.length).toBeGreaterThan(before);
    const [second] = await compute(CONVOLUTION);
    expectEqual([second!], [first!]);
  });

  test('end with the kernels, and start again with them', async () => {
    const end = vi.spyOn(Helper.prototype, 'end');
    const { uninstall, helpers } = await installThreads(3);
    const values = await compute(CONVOLUTION);
    uninstall();
    expect(new Set(end.mock.contexts)).toEqual(new Set(helpers));
    end.mockRestore();
    const again = await installThreads(3);
    expect(again.helpers).toHaveLength(2);
    expect(again.helpers.some((helper) => helpers.includes(helper))).toBe(false);
    expectEqual(await compute(CONVOLUTION), values);
  });

  test('say when a kernel failed on another, and go on', async () => {
    const { helpers } = await installThreads(2);
    expect(helpers[0]!.start('convolve', [4, 2 ** 31 - 1, 1, 9, 9, 8, 0, 0, ...Array(9).fill(8)])).toBe(true);
    helpers[0]!.wait();
    expect(() => helpers[0]!.check()).toThrow('installWasmKernels: convolve failed on another thread.');
    await compute(CONVOLUTION);
  });

  test('are as many as were installed first, until the kernels are uninstalled', async () => {
    const uninstall = installWasmKernels({ threads: 2 });
    expect(installWasmKernels()).toBe(uninstall);
    expect(installWasmKernels({ threads: 2 })).toBe(uninstall);
    expect(() => installWasmKernels({ threads: 1 })).toThrow(
      'installWasmKernels: threads is 1, but the kernels are installed with 2; uninstall them first with the function that installWasmKernels returned.',
    );
  });
});

describe('threads that cannot be', () => {
  test.each([0, -1, 1.5, Number.NaN, 1e9])('%d are refused', (threads) => {
    expect(() => installWasmKernels({ threads })).toThrow(
      `installWasmKernels: threads is ${threads}; it must be a whole number from 1 to 128.`,
    );
  });

  test('without shared memory are refused, with the headers that a page needs', () => {
    vi.stubGlobal('SharedArrayBuffer', undefined);
    expect(() => installWasmKernels({ threads: 2 })).toThrow(
      'serve it with the headers Cross-Origin-Opener-Policy',
    );
    expect(installWasmKernels({ threads: 1 })).toBe(installWasmKernels());
    vi.unstubAllGlobals();
  });
});
