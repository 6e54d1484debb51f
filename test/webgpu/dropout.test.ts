import { backend, mul, square, sum, type Tensor, variableGrads } from '@tensorflow/tfjs-core';
import { layers, sequential } from '@tensorflow/tfjs-layers';
import { describe, expect, test, vi } from 'vitest';
import { seedLayers } from '../../src/train/seededLayers.js';
import { available, on, random } from './compare.js';

/** The output of a dropout layer in the third step from an example on, and the gradient of its input. */
function dropped(shape: number[], first: number, rate = 0.4): () => Tensor[] {
  const model = sequential({ layers: [layers.dropout({ rate, inputShape: shape.slice(1) })] });
  const seeded = seedLayers(model, 5);
  return () => {
    seeded.setStep(2, first);
    seeded.install();
    try {
      const x = random(shape, 1).variable(true);
      let y: Tensor | undefined;
      const { grads, value } = variableGrads(() => {
        y = mul(model.apply(x, { training: true }) as Tensor, 1);
        return sum(square(y));
      }, [x]);
      value.dispose();
      const gradient = grads[x.name]!.clone();
      const output = mul(model.apply(x, { training: true }) as Tensor, 1);
      x.dispose();
      return [output, gradient];
    } finally {
      seeded.restore();
    }
  };
}

describe.skipIf(!available)('dropout on WebGPU', () => {
  test.each([
    { shape: [3, 5, 5, 4], first: 0 },
    { shape: [7, 33], first: 0 },
    { shape: [2, 64], first: 3 },
    { shape: [1, 31], first: 1 },
    { shape: [5, 1], first: 0 },
  ])('drops what it drops on cpu, bit for bit, as does its gradient: %o', async ({ shape, first }) => {
    const compute = dropped(shape, first);
    const [expected, actual] = [await on('cpu', compute), await on('webgpu', compute)];
    expect(actual).toEqual(expected);
    expect(expected[0]!.filter((number) => number === 0).length).toBeGreaterThan(0);
  });

  test('its mask goes to the device as bits', async () => {
    const model = sequential({ layers: [layers.dropout({ rate: 0.4, inputShape: [100] })] });
    const seeded = seedLayers(model, 5);
    await on('webgpu', () => {
      const made = vi.spyOn(backend(), 'write');
      seeded.install();
      const y = mul(model.apply(random([4, 100], 1), { training: true }) as Tensor, 1);
      seeded.restore();
      const sizes = made.mock.calls.flatMap(([values]) =>
        values ? [(values as Int32Array).byteLength] : [],
      );
      made.mockRestore();
      // The images, 400 bits in 13 words, and the 1.
      expect(sizes).toEqual([1600, 52, 4]);
      return y;
    });
  });

  test('NaN and infinity that are dropped show, as with a mask of numbers', async () => {
    for (const odd of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const model = sequential({ layers: [layers.dropout({ rate: 0.5, inputShape: [40] })] });
      const seeded = seedLayers(model, 5);
      const [y] = await on('webgpu', () => {
        seeded.install();
        try {
          return mul(model.apply(mul(random([2, 40], 1), odd), { training: true }) as Tensor, 1);
        } finally {
          seeded.restore();
        }
      });
      expect(y!.some(Number.isNaN)).toBe(true);
      expect(y!.some(Number.isFinite)).toBe(false);
    }
  });
});
