import { fill, memory, type Tensor4D, zeros } from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import { compress } from '../src/compress/index.js';
import { augmentBatch, ImageSet, imageFiles } from '../src/data/index.js';
import { explain, featureExtractor, transferHead } from '../src/features/index.js';
import { PLAIN_PREPROCESSING } from '../src/images/index.js';
import { plan, tally, VGG11, vgg } from '../src/index.js';
import { encodeEvent, evaluate, train } from '../src/train/index.js';
import {
  encodeWeights,
  fromWeights,
  loadWeights,
  metadataOf,
  setMetadata,
  toOnnx,
} from '../src/weights/index.js';
import { useAnyBackend } from './support/backends.js';

beforeAll(() => useAnyBackend());

const build = (options: object = {}) =>
  vgg([[1, 2]], { inputShape: [4, 4, 3], hiddenUnits: 3, classes: 2, dropout: 0, ...options });
type Model = ReturnType<typeof build>;

const set = () =>
  new ImageSet({
    images: new Uint8Array(8 * 48).fill(7),
    labels: Uint8Array.from({ length: 8 }, (_, i) => i % 2),
    shape: [4, 4, 3],
    classNames: ['a', 'b'],
  });
const files = ['a/1', 'b/2'].map((path) => ({
  path,
  read: async () => ({ data: new Uint8Array(48), width: 4, height: 4 }),
}));
const image = { data: new Uint8Array(48).fill(9), width: 4, height: 4 };
const preprocessing = { ...PLAIN_PREPROCESSING, crop: 4, resize: { shorterSide: 4 } };
const occluded = (model: Model, baseline: unknown) =>
  explain(model, image, { method: 'occlusion', preprocessing, window: 2, baseline } as never);

/** Objects that have no names of their own, which would be taken for empty tables. */
const NAMELESS: [string, () => object][] = [
  ['a Map', () => new Map([['fc1', 1]])],
  ['a Set', () => new Set(['fc1'])],
  ['a promise', () => Promise.resolve({ fc1: 1 })],
  ['an error', () => new Error('fc1')],
  ['a date', () => new Date(0)],
  ['a blob', () => new Blob(['fc1'])],
  ['bytes', () => new Uint8Array()],
];

const TABLES: Record<string, (given: never, model: Model) => unknown> = {
  'compress: ranks': (ranks, model) => compress(model, { ranks }),
  'encodeEvent: event': (event) => encodeEvent(event),
  'encodeEvent: scalars': (scalars) => encodeEvent({ wallTime: 1, scalars }),
  'fromWeights: rename': (rename) => fromWeights(new Uint8Array(9), { rename }),
  'imageFiles: augment': (augment) => imageFiles(files, { augment, preprocessing }),
  'setMetadata: the metadata': (metadata, model) => setMetadata(model, metadata),
  'tally: networks': (networks) => tally(networks),
  'train: distill': (distill, model) => train(model, { trainSet: set() }, { epochs: 1, distill }),
};

test.each(
  Object.entries(TABLES).flatMap(([name, call]) =>
    NAMELESS.map(([what, make]) => [name, what, call, make] as const),
  ),
)('%s is refused where it is %s', async (name, _, call, make) => {
  const model = build();
  setMetadata(model, { classNames: ['a', 'b'] });
  const before = memory().numTensors;
  await expect((async () => call(make() as never, model))()).rejects.toThrow(
    new RegExp(`^${name.split(': ')[0]}: .*${name.split(': ')[1]} (is|are) (an object|a Promise)`),
  );
  expect(metadataOf(model).classNames).toEqual(['a', 'b']);
  expect(memory().numTensors).toBe(before);
  model.dispose();
});

test.each<[string, (model: Model) => unknown, RegExp]>([
  [
    'no network to count',
    () => tally({}),
    /^tally: there is no network to count; pass some, keyed by title\.$/,
  ],
  [
    'a list of networks',
    () => tally([plan(VGG11)] as never),
    /^tally: networks is \[.*; it must be networks by title\.$/,
  ],
  [
    'a text for a switch',
    () => set().batches({ batchSize: 3, dropRemainder: 'false' } as never),
    /^ImageSet: dropRemainder is "false"; it must be true or false\.$/,
  ],
  [
    'a symbol as a name',
    (model) => featureExtractor(model, 'block1_conv1', { name: Symbol('x') } as never),
    /^featureExtractor: name is Symbol\(x\); it must be text\.$/,
  ],
  ...[Number.NaN, 0, '', null].flatMap((value): [string, (model: Model) => unknown, RegExp][] => [
    [
      `batchNorm: ${String(value)}`,
      () => build({ batchNorm: value }),
      /^vgg: batchNorm: the options are (NaN|0|""|null); pass an object, such as \{ epsilon \}\.$/,
    ],
    [
      `augment: ${String(value)}`,
      () => set().augment(value as never),
      /^ImageSet: .*(NaN|0|""|null); (pass an object|it must)/,
    ],
    [
      `classWeights: ${String(value)}`,
      (model) => train(model, { trainSet: set() }, { epochs: 1, classWeights: value } as never),
      /^train: classWeights is (NaN|0|""|null); pass a list of numbers, one for each class\.$/,
    ],
    [
      `images: ${String(value)}`,
      (model) => compress(model, { maxError: 0.5 }, value as never),
      /^compress: images is (NaN|0|""|null); it must be a tensor of images, or examples/,
    ],
    [
      `baseline: ${String(value)}`,
      (model) => occluded(model, value),
      /^explain: baseline is (NaN|0|""|null); it must be a tensor of numbers/,
    ],
  ]),
  [
    'hidden layers that are holes',
    (model) => {
      const base = featureExtractor(model, 'block1_conv1');
      return transferHead(base, { classes: 2, hiddenUnits: new Array(3) });
    },
    /^transferHead: hiddenUnits is undefined; it must be a whole number from 1/,
  ],
  [
    'an event at no time',
    () => encodeEvent({ wallTime: Number.NaN }),
    /^encodeEvent: wallTime is NaN; it must be a finite number\.$/,
  ],
  [
    'a step below 0',
    () => encodeEvent({ wallTime: 1, step: -1 }),
    /^encodeEvent: step is -1; it must be a whole number of at least 0\.$/,
  ],
  [
    'a misspelt step',
    () => encodeEvent({ wallTime: 1, stpe: 3 } as never),
    /^encodeEvent: there is no option "stpe"; the options are wallTime, step,/,
  ],
  ...['no', [], 5, null, new Date(0)].map((strict): [string, (model: Model) => unknown, RegExp] => [
    `strict: ${String(strict)}`,
    async (model) => loadWeights(model, await encodeWeights(model), { strict } as never),
    /^loadWeights: strict is ("no"|\[\]|5|null|an object of class Date); it must be true or false\.$/,
  ]),
  ...[
    [0.5, 1],
    { scales: [0.5, 1] },
    { shorterSide: [4, 5], scale: [1, 1] },
    new Date(0),
    new Float32Array(2),
  ].map((crop): [string, (model: Model) => unknown, RegExp] => [
    `crop: ${JSON.stringify(crop)}`,
    () => imageFiles(files, { preprocessing, augment: { crop } } as never),
    /^imageFiles: augment\.crop is .*; it must be "center", "random", an object with some of scale, ratio, or \{ shorterSide \}\.$/,
  ]),
  ...[[1], { hues: 1 }, new Date(0), new Float32Array(2)].map(
    (jitter): [string, (model: Model) => unknown, RegExp] => [
      `jitter: ${JSON.stringify(jitter)}`,
      () => imageFiles(files, { preprocessing, augment: { jitter } } as never),
      /^imageFiles: augment\.jitter is .*; it must be an object with some of brightness, contrast, saturation, hue\.$/,
    ],
  ),
  [
    'what fromWeights returned, for its model',
    (model) => evaluate({ model, report: {} } as never, set()),
    /^evaluate: model holds a model; pass that\.$/,
  ],
  [
    'a misspelt set',
    (model) => train(model, { trainSet: set(), validationset: set() } as never, { epochs: 1 }),
    /^train: there is no set "validationset"; the sets are trainSet, testSet, validationSet\.$/,
  ],
  [
    'an option of another method',
    (model) => explain(model, image, { method: 'gradcam', preprocessing, steps: 3 }),
    /^explain: steps is 3, but gradcam has no such option; leave it out, or use layer\.$/,
  ],
])('%s is refused', async (_, call, fault) => {
  const model = build();
  const before = memory().numTensors;
  await expect((async () => call(model))()).rejects.toThrow(fault);
  expect(memory().numTensors).toBe(before);
  model.dispose();
});

test('explain refuses tensors of NaN, whose map would be NaN', async () => {
  const model = build();
  const odd = fill([1, 4, 4, 3], Number.NaN) as Tensor4D;
  const x = zeros([1, 4, 4, 3]) as Tensor4D;
  const before = memory().numTensors;
  await expect(occluded(model, odd)).rejects.toThrow(
    'explain: baseline has the number NaN; pass finite numbers.',
  );
  await expect(explain(model, odd, { method: 'occlusion' })).rejects.toThrow(
    'explain: the image has the number NaN; pass finite numbers.',
  );
  await expect(explain(model, x, { method: 'integrated-gradients', baseline: odd })).rejects.toThrow(
    'explain: baseline has the number NaN',
  );
  expect(memory().numTensors).toBe(before);
  for (const one of [model, odd, x]) one.dispose();
});

test('augmentBatch refuses seeds and numbers that are none', () => {
  const batch = (pixel: number, target = 1) => ({
    ...{ pixels: new Float32Array(12).fill(pixel), shape: [1, 2, 2, 3] as const },
    targets: Float32Array.of(target, 0),
  });
  expect(() => augmentBatch(batch(0), { flip: 0.5 }, -1)).toThrow(
    'augmentBatch: seed is -1; it must be a whole',
  );
  expect(() => augmentBatch(batch(Number.NaN), { flip: 0.5 }, 1)).toThrow(
    'augmentBatch: the pixels have the number NaN; pass finite numbers.',
  );
  expect(() => augmentBatch(batch(0, Number.NaN), { flip: 0.5 }, 1)).toThrow(
    'the targets have the number NaN',
  );
});

test('encodeWeights refuses numbers that a type does not hold, and rounds those that it does', async () => {
  const model = build();
  const before = memory().numTensors;
  const written = async (number: number, dtype: 'F16' | 'BF16' | 'F32') => {
    const kernel = fill(model.layers[1]!.getWeights()[0]!.shape, number);
    const [, bias] = model.layers[1]!.getWeights();
    model.layers[1]!.setWeights([kernel, bias!]);
    kernel.dispose();
    return encodeWeights(model, { dtype });
  };
  for (const [number, dtype] of [
    [1e6, 'F16'],
    [-65520, 'F16'],
    [3.4e38, 'BF16'],
  ] as const)
    await expect(written(number, dtype)).rejects.toThrow(
      new RegExp(
        `^encodeWeights: block1_conv1/kernel has the number ${Math.fround(number)}`.replace('+', '\\+') +
          `.*, which ${dtype} does not hold; use dtype 'F32'\\.$`,
      ),
    );
  for (const [number, dtype] of [
    [65519, 'F16'],
    [3.38e38, 'BF16'],
    [3.4e38, 'F32'],
  ] as const) {
    const bytes = await written(number, dtype);
    const { model: read } = await fromWeights(bytes, { inputShape: [4, 4, 3] });
    expect((await read.layers[1]!.getWeights()[0]!.data()).every(Number.isFinite)).toBe(true);
    read.dispose();
  }
  // The last one, of 3.4e38.
  await expect(toOnnx(model, { dtype: 'float16' })).rejects.toThrow(
    /^toOnnx: block1_conv1\/kernel has the number 3\.\S+e\+38, which float16 does not hold; pass dtype: 'float32'\.$/,
  );
  expect(memory().numTensors).toBe(before);
  model.dispose();
});

test('a set whose bytes were transferred away says so', async () => {
  const model = build();
  const moved = set();
  structuredClone(moved.images, { transfer: [moved.images.buffer as ArrayBuffer] });
  await expect(evaluate(model, moved)).rejects.toThrow(
    'ImageSet: images is an object of class Uint8Array whose bytes were transferred to another thread;',
  );
  model.dispose();
});
