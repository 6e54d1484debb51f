import { memory, slice, type Tensor, type Tensor4D, tensor, tidy, transpose } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import { explain, gradCam, saliency } from '../../src/features/index.js';
import { scaleArch, VGG11, VGG16, vgg } from '../../src/index.js';
import { installWasmKernels } from '../../src/wasm/index.js';
import { fromWeights, PUBLISHED } from '../../src/weights/index.js';
import explanations from '../fixtures/explanations.json';
import { backends, useAnyBackend, useBackend } from '../support/backends.js';
import { noise } from '../support/bytes.js';
import { fixturePath, readExpected } from '../support/fixtures.js';
import { relativeError } from '../weights/files.js';

/** A map that PyTorch computed; see fixtures/make_explanations.py. */
type Case = {
  network: string;
  size: 224 | 96;
  asked: number | null;
  classIndex: number;
} & (
  | { layer: string; side: number; gradCam: string }
  | { step: number; sum: number; most: number; saliency: string }
);
const cases = explanations as Case[];
const unpacked = (text: string) =>
  new Float32Array(Uint8Array.from(atob(text), (byte) => byte.charCodeAt(0)).buffer);
// Winograd's convolutions on wasm round a little more than plain ones.
const TOLERANCE = 3e-5;

const TINY = { inputShape: [32, 32, 3], hiddenUnits: 8, initializer: 'heUniform' } as const;
const plain = () => vgg(scaleArch(VGG16, 32), TINY);
const image = (size = 32): Tensor4D =>
  tensor(
    Float32Array.from({ length: size * size * 3 }, (_, i) => Math.sin(i * 1.7)),
    [1, size, size, 3],
  );

async function weightsOf(model: LayersModel): Promise<Float32Array[]> {
  return Promise.all(model.getWeights().map((weight) => weight.data<'float32'>()));
}

describe.each(backends)('on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  test.each(['vgg16-narrow', 'vgg11bn-narrow'])(
    "the maps of %s are PyTorch's, and nothing stays behind",
    async (network) => {
      const reference = await readExpected(`torch/${network}`);
      // 224 is for the kernels of wasm, which are this library's own; on the others it would take minutes without a card.
      for (const size of backend === 'wasm' ? ([224, 96] as const) : ([96] as const)) {
        const { model } = await fromWeights(fixturePath(`torch/${network}.safetensors`), {
          inputShape: [size, size, 3],
        });
        const { data, shape } = reference.get(size === 224 ? 'input' : 'input96')!;
        const x = tidy(() => slice(transpose(tensor(data, shape), [0, 2, 3, 1]), 0, 1)) as Tensor4D;
        const weights = await weightsOf(model);
        const config = model.toJSON(undefined, false);
        const before = memory().numTensors;
        const of = cases.filter((one) => one.network === network && one.size === size);
        expect(of.length).toBeGreaterThanOrEqual(3);
        for (const expected of of) {
          const classIndex = expected.asked ?? undefined;
          if ('gradCam' in expected) {
            const map = await gradCam(model, x, { layer: expected.layer, classIndex });
            expect(map).toMatchObject({
              width: expected.side,
              height: expected.side,
              classIndex: expected.classIndex,
            });
            expect(
              relativeError(map.values, unpacked(expected.gradCam)),
              `${expected.layer} at ${size}`,
            ).toBeLessThan(TOLERANCE);
          } else {
            const { values, width, height, ...map } = await saliency(model, x, { classIndex });
            expect([width, height, map.classIndex]).toEqual([size, size, expected.classIndex]);
            const rows = Array.from({ length: size / expected.step }, (_, i) => i * expected.step);
            const coarse = rows.flatMap((y) => rows.map((x) => values[y * size + x]!));
            expect(relativeError(coarse, unpacked(expected.saliency))).toBeLessThan(TOLERANCE);
            expect(values.reduce((a, b) => Math.max(a, b)) / expected.most).toBeCloseTo(1, 4);
            expect(values.reduce((a, b) => a + b) / expected.sum).toBeCloseTo(1, 4);
          }
        }
        expect(memory().numTensors).toBe(before);
        expect(await weightsOf(model)).toEqual(weights);
        expect(model.toJSON(undefined, false)).toEqual(config);
        model.dispose();
        x.dispose();
      }
    },
  );
});

describe('gradCam', () => {
  beforeAll(() => useAnyBackend());

  test('explains the last convolution after its ReLU, and the most probable class, by default', async () => {
    const x = image();
    for (const [model, layer] of [
      [plain(), 'relu5_3'],
      [vgg(scaleArch(VGG11, 32), { ...TINY, batchNorm: true }), 'relu5_2'],
      [
        vgg(
          [
            [2, 4],
            [1, 5],
          ],
          { ...TINY, convolutionalTop: true },
        ),
        'relu2_1',
      ],
    ] as const) {
      const output = model.predict(x) as Tensor;
      const logits = await output.data();
      output.dispose();
      const classIndex = logits.indexOf(Math.max(...logits));
      expect(await gradCam(model, x)).toEqual(await gradCam(model, x, { layer, classIndex }));
      model.dispose();
    }
    x.dispose();
  });

  test('returns the same map with and without a final softmax', async () => {
    const x = image();
    const [logits, softmax] = [
      plain(),
      vgg(scaleArch(VGG16, 32), { ...TINY, classifierActivation: 'softmax' }),
    ];
    for (const method of [gradCam, saliency]) {
      const map = await method(logits, x);
      expect(map.values.some((value) => value > 0)).toBe(true);
      expect(await method(softmax, x)).toEqual(map);
    }
    for (const one of [logits, softmax, x]) one.dispose();
  });

  test('works on the wasm backend without the kernels of vgg-blocks/wasm, too', async () => {
    await useBackend('cpu');
    const expected = await mapsOnce();
    await useBackend('wasm');
    installWasmKernels()();
    const actual = await mapsOnce();
    expected.forEach((map, i) => {
      expect(relativeError(actual[i]!, map)).toBeLessThan(1e-4);
    });
    await useAnyBackend();

    async function mapsOnce() {
      const [model, x] = [plain(), image()];
      const maps = [await gradCam(model, x), await saliency(model, x)].map(({ values }) => values);
      for (const one of [model, x]) one.dispose();
      return maps;
    }
  });

  test('preprocesses an image, and returns the part of it that the map covers', async () => {
    const model = plain();
    const image = { data: noise(3 * 60 * 40), width: 60, height: 40 };
    const preprocessing = {
      ...PUBLISHED['torchvision/vgg16'].preprocessing,
      crop: 32,
      resize: { shorterSide: 36 },
    };
    const before = memory().numTensors;
    for (const method of [gradCam, saliency]) {
      const { region } = await method(model, image, { preprocessing });
      // 54x36 after resizing, of which the columns 11 to 43 and the rows 2 to 34 are left.
      const scale = 60 / 54;
      expect(region!.left).toBeCloseTo(11 * scale, 10);
      expect(region!.top).toBeCloseTo((2 * 40) / 36, 10);
      expect(region!.width).toBeCloseTo(32 * scale, 10);
      expect(region!.height).toBeCloseTo((32 * 40) / 36, 10);
    }
    expect(memory().numTensors).toBe(before);
    model.dispose();
  });

  test('refuses what it cannot explain, and leaves no tensor', async () => {
    const model = plain();
    const features = vgg(scaleArch(VGG16, 32), { ...TINY, includeTop: false });
    const x = image();
    const before = memory().numTensors;
    const square = { data: noise(12), width: 2, height: 2 };
    const disposed = image();
    disposed.dispose();
    const refused: [Promise<unknown>, string][] = [
      [
        gradCam(model, x, { layer: 'fc1' }),
        'gradCam: the output of fc1 is not a feature map; use a convolution, its ReLU or a pooling, such as block5_conv3.',
      ],
      [gradCam(model, x, { layer: 'nothing' }), 'gradCam: there is no layer "nothing"'],
      [
        gradCam(model, x, { classIndex: 10 }),
        'gradCam: classIndex is 10; the model has 10 classes, so pass 0 to 9.',
      ],
      [saliency(model, x, { classIndex: 0.5 }), 'saliency: classIndex is 0.5'],
      [
        gradCam(features, x),
        "gradCam: the model's output is [batch, 1, 1, 16], not [batch, classes]; build it with its top or with pooling and a dense layer.",
      ],
      [
        gradCam(model, square),
        "gradCam: no preprocessing was passed for the image; pass that of the model's weights, or a preprocessed tensor [1,32,32,3].",
      ],
      [gradCam(model, null as never), 'gradCam: the image is not a tensor of numbers, or is disposed'],
      [saliency(model, disposed), 'saliency: the image is not a tensor of numbers, or is disposed'],
      [
        saliency(model, tensor([1, 2, 3])),
        'saliency: the image is a tensor of shape [3], and no preprocessing',
      ],
      [saliency(model, x, { samples: 0 }), 'saliency: samples is 0'],
      [saliency(model, x, { noise: Number.NaN }), 'saliency: noise is NaN'],
    ];
    for (const [promise, message] of refused) await expect(promise).rejects.toThrow(message);
    // The tensor of three numbers is the test's own.
    expect(memory().numTensors).toBe(before + 1);
    for (const one of [model, features, x]) one.dispose();
  });

  test('throws when the image or the outputs are not finite', async () => {
    // On WebGL the maximum of NaN and a number is the number, so ReLUs would hide NaN.
    await useBackend('cpu');
    const model = plain();
    const filled = (value: number) =>
      tensor(new Float32Array(32 * 32 * 3).fill(value), [1, 32, 32, 3]) as Tensor4D;
    const x = filled(Number.NaN);
    // Finite, but their sums are above what float32 holds, so that logits are infinity or NaN.
    const large = filled(3e38);
    const before = memory().numTensors;
    for (const explains of [gradCam, saliency]) {
      await expect(explains(model, x)).rejects.toThrow(`${explains.name}: the image has the number NaN`);
      await expect(explains(model, large)).rejects.toThrow(
        `${explains.name}: the model's outputs are not finite`,
      );
    }
    expect(memory().numTensors).toBe(before);
    model.dispose();
    x.dispose();
    large.dispose();
    await useAnyBackend();
  });
});

describe('saliency', () => {
  beforeAll(() => useAnyBackend());

  test('averages gradients over noisy copies, the same ones for the same seed', async () => {
    const [model, x] = [plain(), image()];
    const options = { classIndex: 1, samples: 4, noise: 0.3 };
    const before = memory().numTensors;
    const once = await saliency(model, x, options);
    expect(await saliency(model, x, options)).toEqual(once);
    expect((await saliency(model, x, { ...options, seed: 1 })).values).not.toEqual(once.values);
    expect(memory().numTensors).toBe(before);
    // Without noise the mean of equal gradients is the gradient.
    const still = await saliency(model, x, { ...options, noise: 0 });
    const one = await saliency(model, x, { classIndex: 1 });
    expect(relativeError(still.values, one.values)).toBeLessThan(1e-6);
    expect(relativeError(once.values, one.values)).toBeGreaterThan(0.05);
    model.dispose();
    x.dispose();
  });

  test('of many samples is stopped by a signal', async () => {
    const [model, x] = [plain(), image()];
    const before = memory().numTensors;
    await expect(saliency(model, x, { samples: 10_001 })).rejects.toThrow(
      'saliency: samples is 10001; it must be a whole number from 1 to 10000.',
    );
    const stop = new AbortController();
    setTimeout(() => stop.abort(new Error('enough')));
    const { signal } = stop;
    await expect(saliency(model, x, { samples: 10_000, signal })).rejects.toThrow('enough');
    await expect(explain(model, x, { method: 'gradcam', signal })).rejects.toThrow('enough');
    await expect(explain(model, x, { method: 'occlusion', signal })).rejects.toThrow('enough');
    expect(memory().numTensors).toBe(before);
    model.dispose();
    x.dispose();
  });
});
