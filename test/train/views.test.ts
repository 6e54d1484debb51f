import { memory } from '@tensorflow/tfjs-core';
import { layers, sequential } from '@tensorflow/tfjs-layers';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ImageFileSet, imageFiles } from '../../src/data/index.js';
import { classify, type Prediction } from '../../src/imagenet/index.js';
import { prepareImage } from '../../src/images/index.js';
import { vgg } from '../../src/index.js';
import { evaluate, evaluateImages, type ViewOptions } from '../../src/train/index.js';
import { PUBLISHED } from '../../src/weights/index.js';
import reference from '../fixtures/views.json' with { type: 'json' };
import { useAnyBackend } from '../support/backends.js';
import { IMAGES, PREPROCESSING, referenceNetwork } from '../support/views.js';

beforeAll(() => useAnyBackend('wasm'));
let tensors: number;
beforeEach(() => {
  tensors = memory().numTensors;
});
afterEach(() => expect(memory().numTensors).toBe(tensors));

const SCALES = [24, 29, 38];
const VIEWS: Record<keyof typeof reference.probabilities, ViewOptions> = {
  '5 crops': { crops: 5 },
  '10 crops': { crops: 10 },
  '50 crops, 3 scales': { crops: 50, scales: SCALES },
  dense: { dense: true },
  'dense, 3 scales': { dense: true, scales: SCALES },
  'dense and 50 crops, 3 scales': { dense: true, crops: 50, scales: SCALES },
};
const labels = ['0', '1', '2', '3', '4'];
const preprocessing = PREPROCESSING;

/** The probabilities in the order of the classes. */
const inOrder = (predictions: readonly Prediction[]) =>
  [...predictions].sort((a, b) => a.index - b.index).map(({ probability }) => probability);
const near = (values: readonly number[], digits = 5) => values.map((value) => expect.closeTo(value, digits));

/** The images of the fixtures as a set of files. */
async function fixtures(): Promise<ImageFileSet> {
  const files = IMAGES.map((image, i) => ({
    path: `${reference.labels[i]}/${i}`,
    read: async () => image,
  }));
  const empty = labels.map((label) => ({ path: `${label}/9`, read: async () => IMAGES[2]! }));
  const { validationSet } = await imageFiles([...files, ...empty], {
    preprocessing,
    validationFraction: 1,
  });
  return validationSet;
}

/** The images of the fixtures alone. */
const originals = {
  length: 3,
  preprocessing,
  *originals() {
    for (const [i, image] of IMAGES.entries()) yield { image, label: reference.labels[i]! };
  },
};

describe.each(Object.entries(VIEWS))('%s', (name, views) => {
  test.each(['linear', 'softmax'] as const)(
    'classify returns what PyTorch computes (%s)',
    async (activation) => {
      const model = referenceNetwork(activation);
      const expected = reference.probabilities[name as keyof typeof VIEWS];
      for (const [i, image] of IMAGES.entries()) {
        const found = await classify(model, image, { preprocessing, labels, topK: 5, ...views });
        expect(inOrder(found)).toEqual(near(expected[i]!));
      }
      model.dispose();
    },
  );
});

test('classify averages over the views of each of several images, but not of prepared ones', async () => {
  const model = referenceNetwork();
  const all = await classify(model, IMAGES, { preprocessing, labels, topK: 5, dense: true, batchSize: 4 });
  expect(all.map(inOrder)).toEqual(reference.probabilities.dense.map((values) => near(values)));
  const prepared = await prepareImage(IMAGES[0]!, preprocessing);
  await expect(classify(model, prepared, { preprocessing, labels, crops: 1 })).rejects.toThrow(
    'classify: a prepared image is the center alone, of which dense, crops and scales cannot see more; pass the image itself.',
  );
  const record = { ...PUBLISHED['torchvision/vgg16'], preprocessing, labels };
  expect(await classify(model, prepared, record)).toHaveLength(5);
  model.dispose();
});

test('evaluateImages measures what PyTorch computes', async () => {
  const model = referenceNetwork();
  const progress: unknown[] = [];
  const { loss, accuracy, examples } = await evaluateImages(model, originals, {
    ...VIEWS['dense and 50 crops, 3 scales'],
    batchSize: 20,
    onProgress: ({ done, total, unit }) => progress.push([done, total, unit]),
  });
  expect([loss, accuracy, examples]).toEqual([...near([reference.loss, reference.accuracy], 4), 3]);
  expect(progress).toEqual([1, 2, 3].map((done) => [done, 3, 'images']));
  model.dispose();
});

test('evaluateImages without options measures what evaluate does, on files too', async () => {
  for (const activation of ['linear', 'softmax'] as const) {
    const model = referenceNetwork(activation);
    const set = await fixtures();
    const expected = await evaluate(model, set);
    expect(expected.examples).toBe(8);
    const found = await evaluateImages(model, set);
    expect(found).toEqual({
      ...expected,
      loss: expect.closeTo(expected.loss, 5),
      calibrationError: expect.closeTo(expected.calibrationError, 5),
    });
    model.dispose();
  }
});

test('one output is the probability of class 1', async () => {
  const build = (activation: 'linear' | 'sigmoid') =>
    sequential({
      layers: [
        layers.conv2d({ inputShape: [24, 24, 1], filters: 2, kernelSize: 3, kernelInitializer: 'ones' }),
        layers.flatten(),
        layers.dense({ units: 1, activation, kernelInitializer: 'zeros', biasInitializer: 'ones' }),
      ],
    });
  const gray = { ...preprocessing, channels: 'gray' } as const;
  for (const activation of ['linear', 'sigmoid'] as const) {
    const model = build(activation);
    const found = await classify(model, IMAGES[0]!, {
      preprocessing: gray,
      labels: ['no', 'yes'],
      dense: true,
      crops: 10,
    });
    expect(inOrder(found)).toEqual(near([1 / (1 + Math.E), Math.E / (1 + Math.E)]));
    model.dispose();
  }
});

describe('is refused or reported:', () => {
  const refused = async (views: object, message: string, stretched = false) => {
    const model = referenceNetwork();
    const used = stretched ? { ...preprocessing, resize: { width: 24, height: 24 } } : preprocessing;
    const options = { preprocessing: used, labels, ...views } as Parameters<typeof classify>[2];
    await expect(classify(model, IMAGES[0]!, options)).rejects.toThrow(message);
    model.dispose();
  };

  test('what no view can be', async () => {
    await refused({ crops: 9 }, 'classify: crops is 9; it must be one of 1, 5, 10, 50.');
    await refused({ dense: 1 }, 'classify: dense is 1; it must be one of true, false.');
    await refused({ scales: [] }, 'classify: scales is []; pass a list of lengths, such as [256, 384, 512].');
    await refused(
      { scales: [24, 23] },
      'classify: scales[1] is 23; it must be a whole number from 24 to 16384.',
    );
    await refused(
      { crops: 10 },
      'classify: the preprocessing stretches images to 24x24; pass scales for images in their proportions, such as [256].',
      true,
    );
  });

  test('a stretched image has its one view', async () => {
    const model = referenceNetwork();
    const used = { ...preprocessing, resize: { width: 24, height: 24 } };
    const one = await classify(model, IMAGES[0]!, { preprocessing: used, labels, topK: 5 });
    const same = await classify(model, IMAGES[0]!, { preprocessing: used, labels, topK: 5, crops: 1 });
    expect(inOrder(same)).toEqual(near(inOrder(one)));
    model.dispose();
  });

  test('a network that has no counterpart on larger images, or several classes an image', async () => {
    const model = vgg([[1, 2]], {
      inputShape: [24, 24, 3],
      hiddenUnits: [4],
      classes: 5,
      adaptivePool: true,
    });
    await expect(classify(model, IMAGES[0]!, { preprocessing, labels, dense: true })).rejects.toThrow(
      'classify: avgpool_height_last averages maps of every size to 7x7',
    );
    expect((await classify(model, IMAGES[0]!, { preprocessing, labels, crops: 5 })).length).toBe(5);
    model.dispose();
  });

  test('an image that is too large, a label that is none, and a set without images', async () => {
    const model = referenceNetwork();
    const panorama = { data: new Uint8Array(3 * 30_000), width: 30_000, height: 1 };
    const broken =
      'the image of 30000x1 becomes 720000x24, more than 16777216 pixels; crop it, or use smaller scales.';
    const problems: unknown[] = [];
    const set = {
      ...{ ...originals, length: originals.length + 1 },
      *originals() {
        yield { image: panorama, label: 0, path: 'wide.png' };
        yield* originals.originals();
      },
    };
    await expect(evaluateImages(model, set, { scales: [24] })).rejects.toThrow(`evaluateImages: ${broken}`);
    const { examples } = await evaluateImages(model, set, {
      scales: [24],
      onProblem: (problem) => problems.push(problem),
    });
    expect([examples, problems]).toEqual([3, [{ path: 'wide.png', reason: `wide.png: ${broken}` }]]);
    const odd = { ...originals, originals: () => [{ image: IMAGES[0]!, label: 0, path: 5 as never }] };
    for (const onProblem of [undefined, () => {}]) {
      await expect(evaluateImages(model, odd, { onProblem })).rejects.toThrow(
        'evaluateImages: path of an image is 5; it must be text.',
      );
    }
    const stray = { ...originals, originals: () => [{ image: IMAGES[0]!, label: 5 }] };
    await expect(evaluateImages(model, stray)).rejects.toThrow(
      'evaluateImages: image 0 has the label 5, but the model has 5 classes; labels must be from 0 to 4.',
    );
    const text = { ...originals, originals: () => [{ image: IMAGES[0]!, label: '1' as never }] };
    await expect(evaluateImages(model, text)).rejects.toThrow(
      'evaluateImages: image 0 has the label "1", but the model has 5 classes; labels must be from 0 to 4.',
    );
    const endless = {
      ...originals,
      *originals() {
        for (;;) yield { image: IMAGES[0]!, label: 0 };
      },
    };
    await expect(evaluateImages(model, endless)).rejects.toThrow(
      'evaluateImages: originals() returned more images than the length of 3; correct the length.',
    );
    const none = { ...originals, originals: () => [] };
    await expect(evaluateImages(model, none)).rejects.toThrow(
      'evaluateImages: there is no image to measure; pass at least one.',
    );
    model.dispose();
  });

  test('an image that does not exist', async () => {
    const model = referenceNetwork();
    const missing = {
      ...originals,
      originals: () => [
        { image: 'https://127.0.0.1:1/none.png', label: 0 },
        { image: IMAGES[0]!, label: 0 },
      ],
    };
    await expect(evaluateImages(model, missing)).rejects.toThrow(
      /^evaluateImages: https:\/\/127.0.0.1:1\/none.png: /,
    );
    const problems: { path: string; reason: string }[] = [];
    const onProblem = (problem: { path: string; reason: string }) => void problems.push(problem);
    expect((await evaluateImages(model, missing, { onProblem })).examples).toBe(1);
    expect(problems).toEqual([
      { path: 'image 0', reason: expect.stringMatching(/^image 0: https:\/\/127.0.0.1:1\/none.png: /) },
    ]);
    const failing = () => {
      throw new Error('mine');
    };
    await expect(evaluateImages(model, missing, { onProblem: failing })).rejects.toThrow(/^mine$/);
    model.dispose();
  });

  test('a signal', async () => {
    const model = referenceNetwork();
    const controller = new AbortController();
    const stopped = evaluateImages(model, originals, {
      signal: controller.signal,
      onProgress: () => controller.abort(new Error('enough')),
    });
    await expect(stopped).rejects.toThrow('enough');
    model.dispose();
  });
});

test('a file that can no longer be read is left out', async () => {
  const model = referenceNetwork();
  let reads = 0;
  const vanishing = {
    path: '0/vanishing',
    read: async () => {
      if (reads++ > 0) throw new Error('it is gone');
      return IMAGES[2]!;
    },
  };
  const problems: string[] = [];
  const files = labels.map((label) => ({ path: `${label}/9`, read: async () => IMAGES[2]! }));
  const { validationSet } = await imageFiles([...files, vanishing], {
    preprocessing,
    validationFraction: 1,
    onProblem: ({ reason }) => problems.push(reason),
  });
  const { examples } = await evaluateImages(model, validationSet);
  expect([examples, problems]).toEqual([5, ['0/vanishing: it is gone']]);
  model.dispose();
});
