import { memory, tensor } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { scaleArch, VGG16C, vgg } from '../../src/index.js';
import { fileOfBytes } from '../../src/weights/formats/file.js';
import { readSafetensors } from '../../src/weights/formats/safetensors.js';
import { byteLength } from '../../src/weights/formats/tensor.js';
import {
  encodeTensors,
  encodeWeights,
  fromWeights,
  inspectWeights,
  loadWeights,
  readTensors,
} from '../../src/weights/index.js';
import { useAnyBackend } from '../support/backends.js';
import { fixture, fixturePath } from '../support/fixtures.js';

beforeAll(() => useAnyBackend('wasm'));

/** A file's tensors as PyTorch would see them: type, shape and bytes by name. */
async function contents(bytes: Uint8Array) {
  const { tensors } = await readSafetensors(fileOfBytes('saved', bytes));
  const all = await Promise.all(
    tensors.map(async (one) => {
      const numbers = new Uint8Array(byteLength(one));
      await one.open().readInto(numbers);
      return [one.name, { dtype: one.dtype, shape: one.shape, bytes: numbers }] as const;
    }),
  );
  return Object.fromEntries(all.sort(([a], [b]) => (a < b ? -1 : 1)));
}

describe('what is saved is what PyTorch saves of the same network, bit for bit', () => {
  test.each([
    ['vgg16-narrow.safetensors', 'torchvision', 'F32'],
    ['vgg16-narrow-f16.safetensors', 'torchvision', 'F16'],
    ['vgg16-narrow-bf16.safetensors', 'torchvision', 'BF16'],
    ['vgg16-narrow-timm.safetensors', 'timm', 'F32'],
    ['vgg11bn-narrow.safetensors', 'torchvision', 'F32'],
    ['vgg11bn-narrow-timm.safetensors', 'timm', 'F32'],
    ['vgg11bn-narrow-f16.safetensors', 'torchvision', 'F16'],
  ] as const)('%s', async (file, names, dtype) => {
    const { model } = await fromWeights(
      fixturePath(`torch/${file.split('-').slice(0, 2).join('-').replace('.safetensors', '')}.pth`),
    );
    const before = memory().numTensors;
    const saved = await contents(await encodeWeights(model, { names, dtype }));
    expect(memory().numTensors).toBe(before);
    const expected = await contents(await fixture(`torch/${file}`));
    // PyTorch counts training batches and the library does not; the counter's value means nothing in evaluation.
    expect(Object.keys(saved)).toEqual(Object.keys(expected));
    for (const [name, { dtype, shape, bytes }] of Object.entries(expected)) {
      expect(saved[name], name).toMatchObject({ dtype, shape });
      expect(saved[name]!.bytes, name).toEqual(bytes);
    }
    model.dispose();
  });
});

describe('saved weights load again', () => {
  const arch = [
    [1, 3],
    [2, 4],
  ] as const;
  const build = (seed: number) =>
    vgg(arch, { inputShape: [8, 12, 2], classes: 5, hiddenUnits: 6, seed, batchNorm: { epsilon: 1e-3 } });
  const numbersOf = (model: ReturnType<typeof build>) =>
    Promise.all(model.getWeights().map(async (weight) => [...(await weight.data())]));

  test.each(['torchvision', 'timm', 'keras'] as const)('under the names of %s', async (names) => {
    const [model, other] = [build(1), build(2)];
    // Square feature maps alone are known to timm.
    if (names === 'timm') {
      await expect(encodeWeights(model, { names })).rejects.toThrow(
        "has 6 positions, but timm's must be square; use names 'torchvision'",
      );
    } else {
      const bytes = await encodeWeights(model, { names });
      const report = await loadWeights(other, bytes);
      expect(report).toMatchObject({
        format: 'safetensors',
        names,
        missing: [],
        leftOver: [],
        mismatched: [],
      });
      const [before, after] = [await numbersOf(model), await numbersOf(other)];
      for (const [i, numbers] of before.entries()) {
        for (const [k, number] of numbers.entries()) expect(after[i]![k]).toBeCloseTo(number, 6);
      }
    }
    model.dispose();
    other.dispose();
  });

  test("in the layout of Keras' published files", async () => {
    const [model, other] = [build(1), build(2)];
    const bytes = await encodeWeights(model, { container: 'h5' });
    expect(await loadWeights(other, bytes)).toMatchObject({
      format: 'Keras .h5 (weights)',
      missing: [],
      leftOver: [],
    });
    expect(await numbersOf(other)).toEqual(await numbersOf(model));
    await expect(encodeWeights(model, { names: 'timm', container: 'h5' })).rejects.toThrow(
      "encodeWeights: names is 'timm' and dtype 'F32', but the container 'h5' takes only Keras' names and F32; choose another container.",
    );
    model.dispose();
    other.dispose();
  });

  test('and build the network, including configuration C and its epsilon', async () => {
    const model = vgg(scaleArch(VGG16C, 32), {
      inputShape: [32, 32, 1],
      classes: 3,
      hiddenUnits: 4,
      batchNorm: { epsilon: 2e-3 },
    });
    const { model: again, network } = await fromWeights(await encodeWeights(model, { names: 'keras' }), {
      dropout: 0,
    });
    expect(network).toMatchObject({
      title: 'VGG-16C-BN',
      arch: scaleArch(VGG16C, 32),
      inputChannels: 1,
    });
    expect(network!.batchNorm).toMatchObject({ epsilon: 2e-3 });
    // Weights alone would also fit pooled features; the record of the size says that the 1x1 map is flattened.
    expect(network!.top).toEqual({ hiddenUnits: [4, 4], classes: 3, featureSize: [1, 1] });
    expect(again.inputs[0]!.shape).toEqual([null, 32, 32, 1]);
    expect(await numbersOf(again)).toEqual(await numbersOf(model));
    model.dispose();
    again.dispose();
  });

  test("a running variance makes up for an epsilon that is not PyTorch's", async () => {
    const model = vgg([[1, 1]], { inputShape: [2, 2, 1], includeTop: false, batchNorm: { epsilon: 1e-3 } });
    const variance = model.getLayer('block1_conv1_bn').weights.at(-1)!;
    const value = tensor([0.5]);
    variance.write(value);
    value.dispose();
    const { 'features.1.running_var': saved } = await contents(await encodeWeights(model));
    expect(new Float32Array(saved!.bytes.buffer)[0]).toBeCloseTo(0.5 + 1e-3 - 1e-5, 7);
    await loadWeights(model, await encodeWeights(model));
    const loaded = (await variance.read().data())[0];
    expect(loaded).toBeCloseTo(0.5, 6);
    // Into a network with PyTorch's epsilon it goes as it is.
    const torch = vgg([[1, 1]], { inputShape: [2, 2, 1], includeTop: false, batchNorm: true });
    await loadWeights(torch, await encodeWeights(model));
    const [copied] = await torch.getLayer('block1_conv1_bn').weights.at(-1)!.read().data();
    expect(copied).toBeCloseTo(0.5 + 1e-3 - 1e-5, 7);
    model.dispose();
    torch.dispose();
  });
});

test('inspectWeights reports half precision', async () => {
  const model = vgg([[1, 1]], { inputShape: [2, 2, 1], classes: 2, hiddenUnits: 2 });
  expect((await inspectWeights(await encodeWeights(model, { dtype: 'BF16' }))).dtypes).toEqual(['BF16']);
  model.dispose();
});

test('lists the valid names and types', async () => {
  const model = vgg([[1, 1]], { inputShape: [2, 2, 1], classes: 2, hiddenUnits: 2 });
  await expect(encodeWeights(model, { names: 'onnx' as 'keras' })).rejects.toThrow(
    'encodeWeights: names is "onnx"; it must be one of "torchvision", "timm", "keras".',
  );
  await expect(encodeWeights(model, { names: 'keras', dtype: 'F64' as 'F32' })).rejects.toThrow(
    'encodeWeights: dtype is "F64"',
  );
  model.dispose();
});

test('encodeTensors refuses arrays that it would store wrongly', () => {
  const doubles = new Float64Array(2) as unknown as Float32Array;
  expect(() => encodeTensors({ a: { shape: [2], data: doubles } })).toThrow(
    "encodeTensors: 'a' is neither a Float32Array nor a Uint8Array; convert it to one.",
  );
  expect(() => encodeTensors({ a: { shape: [2], data: new Float32Array(3) } })).toThrow(
    "encodeTensors: 'a' has 3 numbers, and its shape [2] needs 2.",
  );
  const one = { shape: [1], data: Float32Array.of(7) };
  expect(() => encodeTensors({ __metadata__: one })).toThrow(
    "encodeTensors: a tensor has the name '__metadata__', which safetensors keeps for its metadata; choose another.",
  );
  expect(() => encodeTensors({ ['n'.repeat(5000)]: one })).toThrow(
    /of 5000 characters, more than the \d+ that can be read/,
  );
  for (const wrong of [new Set([one]), Promise.resolve({ a: one }), new Map([[1, one]]), new Error('a')]) {
    expect(() => encodeTensors(wrong as never)).toThrow(
      /^encodeTensors: tensors is .*; it must be an object or a Map with \{ shape, data \} for each name\.$/,
    );
  }
});

test('encodeTensors takes what readTensors returns', async () => {
  const bytes = encodeTensors({
    a: { shape: [1], data: Float32Array.of(7) },
    b: { shape: [2], data: Float32Array.of(8, 9) },
  });
  expect(encodeTensors(await readTensors(bytes))).toEqual(bytes);
});
