import '@tensorflow/tfjs-backend-wasm';
import {
  abs,
  add,
  dispose,
  getKernel,
  matMul,
  memory,
  mul,
  registerKernel,
  type Scalar,
  setBackend,
  square,
  sum,
  type Tensor,
  type Tensor4D,
  tensor,
  tensor1d,
  tidy,
  unregisterKernel,
  type Variable,
  variableGrads,
} from '@tensorflow/tfjs-core';
import { input, type LayersModel, layers, model } from '@tensorflow/tfjs-layers';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runOwnKernel } from '../../src/tfjs/kernels.js';
import { adam, momentum, SGD } from '../../src/train/leanOptimizer.js';
import { chooseOptimizer, type OptimizerOptions } from '../../src/train/optimizer.js';
import { startRun, step } from '../../src/train/step.js';
import { installWasmKernels } from '../../src/wasm/index.js';
import { numbers, random, wasm } from './compare.js';

beforeAll(async () => {
  installWasmKernels();
  await setBackend('wasm');
});
afterAll(() => installWasmKernels()());

const side = (min: number, max: number) => fc.integer({ min, max });

/** Numbers of which the fraction `zeros` is zero. */
function sparse(count: number, zeros: number, seed: number): Float32Array {
  const keep = numbers(count, seed + 100);
  return numbers(count, seed).map((value, i) => ((keep[i]! + 1) / 2 < zeros ? 0 : value));
}

/** X' dY and dY W' in float64. */
function exact([m, k, n]: number[], x: Float32Array, dy: Float32Array, w: Float32Array) {
  const [gradient, dx] = [new Float64Array(k! * n!), new Float64Array(m! * k!)];
  for (let b = 0; b < m!; b++)
    for (let i = 0; i < k!; i++)
      for (let j = 0; j < n!; j++) {
        gradient[i * n! + j]! += x[b * k! + i]! * dy[b * n! + j]!;
        dx[b * k! + i]! += dy[b * n! + j]! * w[i * n! + j]!;
      }
  return { gradient, dx };
}

const worst = (actual: ArrayLike<number>, expected: ArrayLike<number>) =>
  Array.from(actual).reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0);

describe('the gradients of a dense layer', () => {
  test('are those in float64, whatever is zero, and with any step of an optimizer', () => {
    const rules = [undefined, SGD, momentum({ nesterov: true }), adam({ epsilon: 1e-7, decoupled: true })];
    const cases = fc.record({
      m: fc.oneof(side(1, 9), side(10, 70)),
      k: side(1, 40),
      n: fc.oneof(
        side(1, 40).map((n) => 4 * n),
        fc.constantFrom(10, 1100, 2052),
      ),
      zeros: fc.constantFrom(0, 0.5, 0.9, 1),
      behindRelu: fc.boolean(),
      wantsX: fc.boolean(),
      rule: fc.constantFrom(...rules),
      seed: side(1, 1e6),
    });
    type Case = typeof cases extends fc.Arbitrary<infer T> ? T : never;
    const check = ({ m, k, n, zeros, behindRelu, wantsX, rule, seed }: Case) => {
      const [xs, dys, ws] = [sparse(m * k, zeros, seed), numbers(m * n, seed + 1), numbers(k * n, seed + 2)];
      const slots = Object.fromEntries(
        (rule?.slots ?? []).map((slot) => [slot, abs(random([k, n], seed + 3))]),
      );
      const tensors = {
        x: tensor(xs, [m, k]),
        dy: tensor(dys, [m, n]),
        weights: tensor(ws, [k, n]),
        ...slots,
      };
      const attrs = rule?.numbers(0.1, 0.01, 3) as never;
      const { gradient, dx } = exact([m, k, n], xs, dys, ws);
      const stepped = rule?.update(
        {
          ...{ weights: tensor(ws, [k, n]), gradient: tensor(Float32Array.from(gradient), [k, n]) },
          ...Object.fromEntries(Object.entries(slots).map(([name, slot]) => [name, add(slot, 0)])),
        } as never,
        attrs,
      );
      const [result, ofX] = runOwnKernel('DenseGrad', tensors, {
        ...{ behindRelu, wantsX },
        ...(rule && { update: { kernel: rule.kernel, numbers: attrs } }),
      });
      expect(worst(result!.dataSync(), stepped?.weights.dataSync() ?? gradient)).toBeLessThan(1e-4);
      for (const slot of rule?.slots ?? [])
        expect(
          worst(slots[slot]!.dataSync(), (stepped as Record<string, Tensor>)[slot]!.dataSync()),
        ).toBeLessThan(1e-4);
      expect(ofX !== undefined).toBe(wantsX);
      if (ofX) {
        const counts = (value: number, i: number) => (behindRelu && xs[i] === 0 ? 0 : value);
        expect(worst(Array.from(ofX.dataSync(), counts), Array.from(dx, counts))).toBeLessThan(1e-4);
      }
    };
    fc.assert(
      fc.property(cases, (one) => tidy(() => check(one))),
      { numRuns: 60, seed: 1 },
    );
  });

  test('are NaN where a plain sum is, also where x is zero', () => {
    const [x, weights] = [tensor([0, 1, 0, 2], [2, 2]), random([2, 8], 1)];
    const dy = tensor([...Array(7).fill(1), Number.NaN, ...Array(8).fill(1)], [2, 8]);
    const [gradient, dx] = runOwnKernel('DenseGrad', { x, dy, weights }, { behindRelu: true, wantsX: true });
    expect(Array.from(gradient!.dataSync(), Number.isNaN)).toEqual(
      Array.from({ length: 16 }, (_, i) => i % 8 === 7),
    );
    expect(Array.from(dx!.dataSync(), Number.isNaN)).toEqual([true, true, false, false]);
    dispose([x, weights, dy, gradient!, dx!]);
  });

  test('leave the numbers of weights to other tensors that share them', () => {
    const [x, dy, weights] = [random([2, 4], 1), random([2, 8], 2), random([4, 8], 3)];
    const copy = weights.clone();
    const before = copy.dataSync();
    const update = { kernel: 'SgdUpdate', numbers: { rate: 1, decay: 0 } } as const;
    const [next] = runOwnKernel(
      'DenseGrad',
      { x, dy, weights },
      { behindRelu: false, wantsX: false, update },
    );
    expect(copy.dataSync()).toEqual(before);
    expect(next!.dataSync()).not.toEqual(before);
    dispose([x, dy, weights, copy, next!]);
  });
});

/** A network whose dense layers are behind ReLU, dropout and a pooling; one is used twice if `twice`. */
function network(twice: boolean): LayersModel {
  const dense = layers.dense({ units: 32, activation: 'relu', name: 'dense' });
  const image = input({ shape: [8, 8, 1] });
  const map = layers.conv2d({ filters: 8, kernelSize: 3, activation: 'relu' }).apply(image);
  const flat = layers.flatten().apply(layers.maxPooling2d({ poolSize: 3 }).apply(map));
  const first = layers.dense({ units: 32, activation: 'relu' }).apply(flat);
  const second = dense.apply(layers.dropout({ rate: 0.5 }).apply(first));
  const last = twice ? dense.apply(second) : second;
  const outputs = layers.dense({ units: 10 }).apply(last) as never;
  const made = model({ inputs: image, outputs });
  for (const [i, weights] of made.weights.entries()) {
    const numbers = random(weights.shape as number[], i);
    const scaled = mul(numbers, 0.3);
    weights.write(scaled);
    dispose([numbers, scaled]);
  }
  return made;
}

/** The weights after three steps. */
async function trained(options: OptimizerOptions, twice = false) {
  const made = network(twice);
  const run = startRun('test', made, chooseOptimizer('test', options), { seed: 1 });
  const ys = Array.from({ length: 16 }, (_, i) => i % 10);
  const counts = [];
  for (let i = 0; i < 3; i++) {
    dispose(await step(run, { xs: random([16, 8, 8, 1], 7) as Tensor4D, ys: tensor1d(ys, 'int32') }));
    counts.push(memory().numTensors, wasm().numDataIds());
  }
  expect(counts.slice(4)).toEqual(counts.slice(2, 4));
  const values = made.getWeights().map((weights) => weights.dataSync() as Float32Array);
  run.end();
  made.dispose();
  return values;
}

describe('steps of dense layers in the backward pass', () => {
  test.each<[string, OptimizerOptions, boolean]>([
    ['SGD', { optimizer: 'sgd', weightDecay: 0.01 }, false],
    ['momentum', { optimizer: 'momentum' }, false],
    ['AdamW', { optimizer: 'adamw' }, false],
    ['clipped gradients, which must all be known first', { optimizer: 'sgd', clipNorm: 0.1 }, false],
    ['a layer that is used twice', { optimizer: 'momentum' }, true],
  ])('are those of tfjs operations: %s', async (_, options, twice) => {
    const actual = await trained(options, twice);
    const own = getKernel('DenseGrad', 'wasm')!;
    unregisterKernel('DenseGrad', 'wasm');
    const expected = await trained(options, twice);
    registerKernel(own);
    for (const [i, values] of expected.entries()) expect(worst(actual[i]!, values)).toBeLessThan(1e-4);
  });

  test('are not done for gradients that somebody else takes between steps', async () => {
    const made = network(false);
    const run = startRun('test', made, chooseOptimizer('test', { optimizer: 'adam' }), { seed: 1 });
    const images = random([16, 8, 8, 1], 7) as Tensor4D;
    const ys = Array.from({ length: 16 }, (_, i) => i % 10);
    dispose(await step(run, { xs: images.clone(), ys: tensor1d(ys, 'int32') }));
    const before = made.getWeights().map((weights) => weights.dataSync());
    const loss = () => sum(square(made.apply(images, { training: true }) as Tensor)) as Scalar;
    const { value, grads } = variableGrads(loss);
    expect(made.getWeights().map((weights) => weights.dataSync())).toEqual(before);
    for (const { val } of made.trainableWeights as unknown as { val: Variable }[])
      expect(grads[val.name]).toBeDefined();
    dispose([value, grads, images]);
    run.end();
    made.dispose();
  });

  test('are refused for weights that another layer reads, too', async () => {
    class Tied extends layers.Layer {
      static readonly className = 'Tied';
      constructor(private readonly other: layers.Layer) {
        super({});
      }
      override call(x: Tensor | Tensor[]): Tensor {
        return matMul([x].flat()[0]!, this.other.weights[0]!.read(), false, true);
      }
      override computeOutputShape([batch]: number[]): [number, number] {
        return [batch!, this.other.weights[0]!.shape[0]!];
      }
    }
    const image = input({ shape: [6] });
    const dense = layers.dense({ units: 8, activation: 'relu', name: 'fc' });
    const hidden = new Tied(dense).apply(dense.apply(image));
    const made = model({ inputs: image, outputs: layers.dense({ units: 3 }).apply(hidden) as never });
    const run = startRun('test', made, chooseOptimizer('test', { optimizer: 'sgd' }), { seed: 1 });
    const before = memory().numTensors;
    const batch = () => ({ xs: random([4, 6], 7), ys: tensor1d([0, 1, 2, 0], 'int32') });
    await expect(step(run, batch())).rejects.toThrow(
      /^train: fc\/kernel is also used outside of its layer, so its step would be done twice; pass one of/,
    );
    expect(memory().numTensors).toBe(before);
    run.end();
    made.dispose();
  });
});
