import {
  memory,
  softmax,
  type Tensor,
  type Tensor4D,
  tensor,
  tensor4d,
  tidy,
  zerosLike,
} from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import * as tfjs from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import { gradCamPlusPlusMap } from '../../src/features/explain/cams.js';
import { numbersOf } from '../../src/features/explain/subject.js';
import {
  EXPLAIN_METHODS,
  type ExplainOptions,
  explain,
  faithfulness,
  gradCam,
  saliency,
  visualize,
} from '../../src/features/index.js';
import { preprocess } from '../../src/images/index.js';
import { scaleArch, VGG11, vgg } from '../../src/index.js';
import { PUBLISHED } from '../../src/weights/index.js';
import { useAnyBackend } from '../support/backends.js';
import { noise } from '../support/bytes.js';
import { noiseImages } from '../support/fixtures.js';
import { leavingNothing } from '../support/leavingNothing.js';
import { relativeError } from '../weights/files.js';

const { preprocessing } = PUBLISHED['torchvision/vgg16'];

type Shape = [number, number, number, number];
const tiny = (options = {}) =>
  vgg(scaleArch(VGG11, 32), {
    inputShape: [32, 32, 3],
    hiddenUnits: 8,
    initializer: 'heUniform',
    ...options,
  });
const image = (): Tensor4D => {
  const { data, shape } = noiseImages([1, 32, 32, 3], 4);
  return tensor4d(data, shape as Shape);
};

const sumOf = (values: Float32Array) => values.reduce((a, b) => a + b, 0);

describe('explain', () => {
  let model: LayersModel;
  let x: Tensor4D;
  beforeAll(async () => {
    await useAnyBackend('wasm');
    [model, x] = [tiny(), image()];
  });

  test('is gradCam by default, and knows saliency and SmoothGrad', async () => {
    expect(await explain(model, x)).toEqual(await gradCam(model, x));
    expect(await explain(model, x, { method: 'saliency' })).toEqual(await saliency(model, x));
    const unset = { layer: undefined, steps: undefined, window: undefined };
    expect(await explain(model, x, { method: 'saliency', ...unset })).toEqual(await saliency(model, x));
    const smooth = await explain(model, x, { method: 'smoothgrad', samples: 3, seed: 2 });
    expect(smooth).toEqual(await saliency(model, x, { samples: 3, seed: 2 }));
  });

  test('accepts the record of published weights, whose other fields are no options', async () => {
    const published = { ...PUBLISHED['torchvision/vgg16'], preprocessing: { ...preprocessing, crop: 32 } };
    const image = { data: noise(3 * 40 * 40), width: 40, height: 40 };
    for (const method of ['gradcam', 'saliency'] as const) {
      const { preprocessing } = published;
      expect(await explain(model, image, { ...published, method })).toEqual(
        await explain(model, image, { preprocessing, method }),
      );
    }
  });

  test.each(EXPLAIN_METHODS)(
    '%s explains the most probable class, of logits and behind a softmax',
    async (method) => {
      const softmax = tiny({ classifierActivation: 'softmax' });
      const logits = await numbersOf(() => model.predict(x) as Tensor);
      const best = logits.indexOf(Math.max(...logits));
      const map = await leavingNothing(() => explain(model, x, { method }));
      expect(map.classIndex).toBe(best);
      expect(map.values.every(Number.isFinite)).toBe(true);
      expect(map.values.some((value) => value > 0)).toBe(true);
      expect(map.values).toHaveLength(map.width * map.height);
      expect(await explain(model, x, { method, classIndex: best })).toEqual(map);
      expect(relativeError((await explain(softmax, x, { method })).values, map.values)).toBeLessThan(1e-6);
      softmax.dispose();
    },
  );

  test('preprocesses an image, and returns the part of it that each map covers', async () => {
    const bytes = { data: new Uint8Array(60 * 40 * 3).map((_, i) => (i * 37) % 256), width: 60, height: 40 };
    const at32 = { ...preprocessing, crop: 32, resize: { shorterSide: 36 } };
    for (const method of EXPLAIN_METHODS) {
      const { region } = await leavingNothing(() =>
        explain(model, bytes, { method, preprocessing: at32, classIndex: 1 }),
      );
      expect(region!.width, method).toBeCloseTo((32 * 60) / 54, 10);
    }
  });

  test('tells the two classes of a single sigmoid apart, in a model within another', async () => {
    const inner = tfjs.sequential({
      layers: [
        tfjs.layers.conv2d({ inputShape: [16, 16, 3], filters: 4, kernelSize: 3, activation: 'relu' }),
        tfjs.layers.globalAveragePooling2d({}),
      ],
    });
    const single = tfjs.sequential({
      layers: [inner, tfjs.layers.dense({ units: 1, activation: 'sigmoid' })],
    });
    const { data, shape } = noiseImages([1, 16, 16, 3], 6);
    const small = tensor4d(data, shape as Shape);
    const maps = { method: 'integrated-gradients' } as const;
    const one = await leavingNothing(() => explain(single, small, { ...maps, classIndex: 1 }));
    const zero = await explain(single, small, { ...maps, classIndex: 0 });
    expect(
      relativeError(
        zero.values.map((value) => -value),
        one.values,
      ),
    ).toBeLessThan(1e-6);
    for (const method of EXPLAIN_METHODS) {
      const { values } = await leavingNothing(() => explain(single, small, { method, classIndex: 1 }));
      expect(values.every(Number.isFinite), method).toBe(true);
    }
    const { deletion } = await faithfulness(single, small, one, { steps: 2 });
    const [probability] = await numbersOf(() => single.predict(small) as Tensor);
    expect(deletion.probabilities[0]).toBeCloseTo(probability!, 5);
    for (const model of [single, small]) model.dispose();
  });

  test('integrated gradients add up to the difference to the baseline', async () => {
    const classIndex = 2;
    const baseline = tidy(() => tensor(new Float32Array(32 * 32 * 3).fill(0.3), [1, 32, 32, 3])) as Tensor4D;
    const logit = async (of: Tensor) => (await numbersOf(() => model.predict(of) as Tensor))[classIndex]!;
    const method = 'integrated-gradients';
    const { values } = await explain(model, x, { method, classIndex, baseline, steps: 200 });
    expect(sumOf(values)).toBeCloseTo((await logit(x)) - (await logit(baseline)), 2);
    baseline.dispose();
  });

  test('occlusion by one square is the fall of the logit, wherever the batches end', async () => {
    const options = { method: 'occlusion', classIndex: 1 } as const;
    const whole = await explain(model, x, { ...options, window: 32 });
    const zeros = zerosLike(x);
    const logit = async (of: Tensor) => (await numbersOf(() => model.predict(of) as Tensor))[1]!;
    expect(whole.values[0]).toBeCloseTo((await logit(x)) - (await logit(zeros)), 4);
    zeros.dispose();
    const done: number[] = [];
    const small = { ...options, window: 20, stride: 7 };
    const one = await explain(model, x, { ...small, batchSize: 1 });
    const three = await explain(model, x, { ...small, batchSize: 3, onProgress: (p) => done.push(p.done) });
    expect(relativeError(three.values, one.values)).toBeLessThan(1e-5);
    expect(done).toEqual([3, 6, 9, 10]);
  });

  test('gradcam++ holds for gradients whose squares are too large for float32', async () => {
    const features = tensor4d([1, 2, 0, 4, 3, 1, 2, 5], [1, 2, 2, 2]);
    const map = async (factor: number) => {
      const numbers = [1, -2, 3, 0, 2, 5, -1, 4].map((number) => number * factor);
      const gradient = tensor4d(numbers, [1, 2, 2, 2]);
      const values = await gradCamPlusPlusMap({ features, gradient });
      gradient.dispose();
      return values;
    };
    expect(relativeError(await map(1e25), await map(1e9))).toBeLessThan(1e-6);
    features.dispose();
  });

  test('refuses what it cannot explain, and leaves no tensor', async () => {
    const sigmoids = tiny({ includeTop: false });
    const before = memory().numTensors;
    const flat = tensor([1, 2, 3]);
    const refused: [ExplainOptions, string][] = [
      [{ method: 'cam' as never }, 'explain: method is "cam"; it must be one of "gradcam", "gradcam++", '],
      [
        { method: 'occlusion', layer: 'relu5_2' },
        'explain: layer is "relu5_2", but occlusion has no such option; leave it out, or use window, stride, baseline, batchSize, onProgress.',
      ],
      [
        { method: 'guided-backprop', samples: 3 },
        'explain: samples is 3, but guided-backprop has no such option; leave it out.',
      ],
      [{ method: 'layercam', layer: 'fc1' }, 'explain: the output of fc1 is not a feature map'],
      [{ method: 'scorecam', batchSize: 0 }, 'explain: batchSize is 0'],
      [{ method: 'scorecam', classIndex: 10 }, 'explain: classIndex is 10'],
      [{ method: 'integrated-gradients', steps: 1.5 }, 'explain: steps is 1.5'],
      [
        { method: 'integrated-gradients', baseline: flat as never },
        "explain: baseline has shape [3]; pass a tensor of the image's, [1,32,32,3].",
      ],
      [{ method: 'saliency', classIndex: 10 }, 'explain: classIndex is 10'],
      [{ method: 'smoothgrad', samples: 0 }, 'explain: samples is 0'],
      [{ method: 'occlusion', window: 33 }, 'explain: window is 33 and stride 17 for an image of 32x32'],
      [{ method: 'occlusion', window: 4, stride: 5 }, 'explain: window is 4 and stride 5'],
    ];
    for (const [options, message] of refused)
      await expect(explain(model, x, options)).rejects.toThrow(message);
    await expect(explain(sigmoids, x, { method: 'occlusion' })).rejects.toThrow(
      "explain: the model's output is",
    );
    // The baseline of another shape is the test's own.
    expect(memory().numTensors).toBe(before + 1);
    sigmoids.dispose();
  });
});

describe('faithfulness', () => {
  beforeAll(() => useAnyBackend('wasm'));

  test('ranks a map that finds the pixels of the class before one that does not', async () => {
    const [model, x] = [tiny(), image()];
    const map = await explain(model, x, { method: 'integrated-gradients' });
    const worst = { ...map, values: map.values.map((value) => -value) };
    const [good, bad] = [await faithfulness(model, x, map), await faithfulness(model, x, worst)];
    expect(good.deletion.area).toBeLessThan(bad.deletion.area);
    expect(good.insertion.area).toBeGreaterThan(bad.insertion.area);
    for (const one of [model, x]) one.dispose();
  });

  test('ranks what is negative in a coarse map, and refuses maps of other numbers', async () => {
    const [model, x] = [tiny(), image()];
    const map = (values: number[], width: number, height: number) => ({
      values: Float32Array.from(values),
      width,
      height,
      classIndex: 1,
    });
    const measured = (coarse: ReturnType<typeof map>) => faithfulness(model, x, coarse, { steps: 2 });
    expect(await measured(map([-2, -1], 2, 1))).toEqual(await measured(map([1, 2], 2, 1)));
    const before = memory().numTensors;
    const refused: [unknown, string][] = [
      [map([1, Number.NaN], 2, 1), 'the map has the value NaN; pass finite numbers'],
      [map([1, 2], 2, 2), 'the map has 2 values, but its size is 2x2'],
      [map([], 0, 0), 'map.width is 0; it must be a whole number of at least 1.'],
      [{ ...map([1], 1, 1), values: null }, 'map.values is null; it must be a list of numbers.'],
      [{ ...map([1], 1, 1), classIndex: 10 }, 'classIndex is 10; the model has 10 classes'],
    ];
    for (const [wrong, sentence] of refused)
      await expect(faithfulness(model, x, wrong as never)).rejects.toThrow(`faithfulness: ${sentence}`);
    expect(memory().numTensors).toBe(before);
    for (const one of [model, x]) one.dispose();
  });

  test('of an image changes what the preprocessing makes of it: deletion ends at its mean color', async () => {
    const model = tiny();
    const cropped = { ...preprocessing, crop: 32, resize: { shorterSide: 36 } };
    const photo = { data: noise(3 * 50 * 40), width: 50, height: 40 };
    const x = await preprocess(photo, cropped);
    const map = await explain(model, photo, { preprocessing: cropped });
    const found = await faithfulness(model, photo, map, { preprocessing: cropped, steps: 3 });
    expect(found).toEqual(await faithfulness(model, x, map, { steps: 3 }));
    const mean = tidy(() => softmax(model.predict(zerosLike(x)) as Tensor).dataSync());
    expect(found.deletion.probabilities.at(-1)).toBeCloseTo(mean[map.classIndex]!, 6);
    for (const one of [model, x]) one.dispose();
  });

  test('enlarges a coarse map, and refuses steps that are none', async () => {
    const [model, x] = [tiny(), image()];
    const map = await gradCam(model, x);
    const { deletion } = await leavingNothing(() => faithfulness(model, x, map, { steps: 3 }));
    expect(deletion.probabilities).toHaveLength(4);
    await expect(faithfulness(model, x, map, { steps: 0 })).rejects.toThrow('faithfulness: steps is 0');
    for (const one of [model, x]) one.dispose();
  });
});

describe('visualize', () => {
  beforeAll(() => useAnyBackend('wasm'));

  test('refuses what it cannot draw, and leaves no tensor', async () => {
    const model = tiny();
    const before = memory().numTensors;
    const options = { preprocessing };
    const refused: [Promise<unknown>, string][] = [
      [
        visualize(model, 'logits', 10, options),
        'visualize: filter is 10; logits has 10 filters, so pass 0 to 9.',
      ],
      [visualize(model, 'nothing', 0, options), 'there is no layer "nothing"'],
      [visualize(model, 'logits', 0), 'visualize: the model does not say how images are prepared for it'],
      [visualize(model, 'logits', 0, { ...options, steps: 0 }), 'visualize: steps is 0'],
      [visualize(model, 'logits', 0, { ...options, jitter: -1 }), 'visualize: jitter is -1'],
      [visualize(model, 'logits', 0, { ...options, decay: 1 }), 'visualize: decay is 1'],
      [visualize(model, 'logits', 0, { ...options, blur: -1 }), 'visualize: blur is -1'],
    ];
    for (const [promise, message] of refused) await expect(promise).rejects.toThrow(message);
    expect(memory().numTensors).toBe(before);
    const dead = model.getLayer('block1_conv1');
    const weights = dead.getWeights();
    const [kernel, bias] = weights;
    dead.setWeights(tidy(() => [zerosLike(kernel!), zerosLike(bias!)]));
    await expect(visualize(model, 'relu1_1', 0, { ...options, steps: 2 })).rejects.toThrow(
      'visualize: filter 0 of relu1_1 responds no more to the result (0) than to the start (0)',
    );
    model.dispose();
  });
});
