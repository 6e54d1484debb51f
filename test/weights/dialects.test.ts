import { memory, type Tensor, tensor, tidy } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import { type VggOptions, vgg } from '../../src/index.js';
import {
  encodeTensors,
  encodeWeights,
  type FromWeightsOptions,
  fromWeights,
  inspectWeights,
  loadWeights,
  type NumberArray,
  readTensors,
} from '../../src/weights/index.js';
import { useAnyBackend } from '../support/backends.js';
import { fixture, noiseImages } from '../support/fixtures.js';
import { relativeError } from './files.js';

type Tensors = Record<string, NumberArray>;

const cases = new Map<string, Tensors>();

beforeAll(async () => {
  await useAnyBackend('wasm');
  for (const [key, value] of await readTensors(await fixture('dialects.safetensors'))) {
    const [name, tensorName] = key.split('|') as [string, string];
    cases.set(name, { ...cases.get(name), [tensorName]: value });
  }
});

async function outputs(model: LayersModel, x: NumberArray): Promise<Float32Array> {
  const y = tidy(() => model.predict(tensor(x.data as Float32Array, [...x.shape])) as Tensor);
  const values = await y.data<'float32'>();
  y.dispose();
  return values;
}

/** A case's state dict, its input and its outputs in PyTorch. */
function caseOf(name: string) {
  const { y, shape, ...state } = cases.get(name)!;
  return { state, y: y!, x: noiseImages([...shape!.data], 1) };
}

/** The tensors of a state dict with other names. */
function renamed(state: Tensors, name: (name: string) => string): Tensors {
  return Object.fromEntries(Object.entries(state).map(([old, value]) => [name(old), value]));
}

describe('computes what PyTorch computes', () => {
  test.each<[string, FromWeightsOptions?]>([
    ['head of four'],
    ['head after dropout'],
    ['head nested'],
    ['head named'],
    ['head pooled'],
    ['bias of batch normalization alone'],
    ['batch normalization after ReLU'],
    ['weight normalization by hooks'],
    ['weight normalization'],
    ['pruning'],
    ['blocks'],
    ['blocks of d2l'],
    ['flat'],
    ['body and head of fastai'],
    ['slices of LPIPS'],
    ['Caffe'],
    ['ours with dots'],
    ['features_only'],
    ['TinyVGG', { padding: 'valid' }],
    ['TinyVGG', { inputShape: [24, 24, 3] }],
    ['TinyVGG with padding', { padding: 'same' }],
    ['TinyVGG with padding', { inputShape: [12, 12, 3] }],
    ['timm at 40', { inputShape: [40, 40, 3] }],
    ['timm at 56'],
    ['timm at 64', { inputShape: [64, 64, 3] }],
    ['timm at 80', { inputShape: [80, 80, 3] }],
    ['timm without classifier'],
    ['timm without classifier at 72', { inputShape: [72, 72, 3] }],
  ])('%s %j', async (name, options) => {
    const { state, x, y } = caseOf(name);
    const before = memory().numTensors;
    const { model, report } = await fromWeights(encodeTensors(state), options);
    expect(report).toMatchObject({ missing: [], leftOver: [], mismatched: [] });
    expect(relativeError(await outputs(model, x), y.data)).toBeLessThan(1e-5);
    model.dispose();
    expect(memory().numTensors).toBe(before);
  });
});

describe('wrappers do not matter', () => {
  test.each<[string, (name: string) => string]>([
    ['module.', (name) => `module.${name}`],
    ['slashes for dots', (name) => name.replaceAll('.', '/')],
    ['_orig_mod.module.', (name) => `_orig_mod.module.${name}`],
    ['model.net.backbone.', (name) => `model.net.backbone.${name}`],
    ["PyTorch's ImageNet example", (name) => name.replace('features.', 'features.module.')],
    [
      'encoder.features and another head',
      (name) => name.replace('features', 'encoder.features').replace('classifier', 'decoder.fc'),
    ],
  ])('%s', async (_, wrap) => {
    const { state, x, y } = caseOf('head of four');
    const { model } = await fromWeights(encodeTensors(renamed(state, wrap)));
    expect(relativeError(await outputs(model, x), y.data)).toBeLessThan(1e-5);
    model.dispose();
  });
});

const ARCH = [
  [2, 4],
  [2, 4],
] as const;

/** A network's state dict by torchvision's names. */
async function stateOf(options: VggOptions = {}, arch: readonly (readonly [number, number])[] = ARCH) {
  const model = vgg(arch, { inputShape: [8, 8, 3], classes: 5, hiddenUnits: [6], ...options });
  const state: Tensors = Object.fromEntries(await readTensors(await encodeWeights(model)));
  const x = noiseImages([2, ...(model.inputs[0]!.shape.slice(1) as number[])], 2);
  const y = await outputs(model, x);
  model.dispose();
  return { state, x, y };
}

describe('what names leave open is asked for', () => {
  const withDropout = (state: Tensors) =>
    renamed(state, (name) =>
      name.replace(/^features\.(\d+)/, (_, n) => `features.${{ 0: 0, 2: 3, 5: 6, 7: 9 }[n as '0']}`),
    );

  test('dropout between convolutions looks like a pooling', async () => {
    const { state, x, y } = await stateOf();
    const file = encodeTensors(withDropout(state));
    await expect(fromWeights(file)).rejects.toThrow(
      'its names do not say after which of its 4 convolutions a pooling follows; pass arch',
    );
    const { model } = await fromWeights(file, { arch: ARCH });
    expect(relativeError(await outputs(model, x), y)).toBeLessThan(1e-6);
    model.dispose();
    await expect(fromWeights(file, { arch: [[4, 4]], inputShape: [8, 8, 3] })).rejects.toThrow(
      'choose an inputShape that gives them',
    );
    await expect(
      fromWeights(file, {
        arch: [
          [2, 4],
          [2, 5],
        ],
      }),
    ).rejects.toThrow('arch [[2,4],[2,5]] does not fit its 4 convolutions of 4, 4, 4, 4 filters.');
  });

  test('an arch must have room for its poolings', async () => {
    const { state } = await stateOf();
    await expect(
      fromWeights(encodeTensors(state), {
        arch: [
          [1, 4],
          [3, 4],
        ],
      }),
    ).rejects.toThrow(
      'arch [[1,4],[3,4]] has a pooling after features.0, but its name leaves no room for one.',
    );
  });

  test('TinyVGG has padding or not', async () => {
    await expect(fromWeights(encodeTensors(caseOf('TinyVGG').state))).rejects.toThrow(
      "networks with such names have convolutions with or without padding, which the file does not record; pass padding: 'same' for images of 12x12, or 'valid' for images of 24x24.",
    );
  });

  test('the last linear layer may be a hidden one', async () => {
    const { state } = await stateOf({ hiddenUnits: [6], classes: 6 });
    const file = encodeTensors(state);
    await expect(fromWeights(file)).rejects.toThrow('pass classes: 6 if it is the classifier, classes: 0 if');
    const [whole, cut] = [await fromWeights(file, { classes: 6 }), await fromWeights(file, { classes: 0 })];
    expect(whole.model.layers.at(-1)!.getConfig().activation).toBe('linear');
    expect(cut.model.outputs[0]!.shape).toEqual([null, 6]);
    const x = noiseImages([2, 8, 8, 3], 2);
    const rectified = (await outputs(whole.model, x)).map((value) => Math.max(value, 0));
    expect(relativeError(await outputs(cut.model, x), rectified)).toBeLessThan(1e-6);
    for (const { model } of [whole, cut]) model.dispose();
  });

  test('images that are not square', async () => {
    const { state } = await stateOf({ inputShape: [8, 24, 3] });
    await expect(fromWeights(encodeTensors(state))).rejects.toThrow(
      'pass inputShape if images are not square',
    );
    const { model } = await fromWeights(encodeTensors(state), { inputShape: [8, 24, 3] });
    model.dispose();
  });
});

describe('what a VGG lacks is named', () => {
  test.each<[string, string, (state: Tensors) => Tensors]>([
    [
      'another tensor',
      'the model lacks extra.weight',
      (state) => ({ ...state, 'extra.weight': { shape: [3], data: new Float32Array(3) } }),
    ],
    [
      'spectral norm',
      'it is stored as spectral norm',
      (state) => {
        const { 'features.0.weight': weight, ...rest } = state;
        return {
          ...rest,
          'features.0.weight_orig': weight!,
          'features.0.weight_u': { shape: [4], data: new Float32Array(4) },
        };
      },
    ],
    [
      'two networks',
      "it has the convolutions of two networks ('a.features.0' and 'b.features.0')",
      (state) => ({
        ...renamed(state, (name) => `a.${name}`),
        ...renamed(state, (name) => `b.${name}`),
      }),
    ],
    [
      'a missing layer',
      'its convolution features.5 follows features.0',
      (state) =>
        Object.fromEntries(Object.entries(state).filter(([name]) => !name.startsWith('features.2.'))),
    ],
    ['a missing bias', 'the file lacks fc1/bias', ({ 'classifier.0.bias': _, ...rest }) => rest],
    [
      'no ReLU between linear layers',
      "'classifier.1' follows 'classifier.0' with no place for a ReLU",
      (state) => renamed(state, (name) => name.replace('classifier.3', 'classifier.1')),
    ],
    [
      'batch normalization in the head',
      "its head has batch normalization ('classifier.1.",
      (state) => ({
        ...state,
        ...Object.fromEntries(
          ['weight', 'bias', 'running_mean', 'running_var'].map((name) => [
            `classifier.1.${name}`,
            { shape: [6], data: new Float32Array(6) },
          ]),
        ),
      }),
    ],
  ])('%s', async (_, sentence, change) => {
    const { state } = await stateOf();
    const file = encodeTensors(change(state));
    await expect(fromWeights(file)).rejects.toThrow(sentence);
    await expect(fromWeights(file)).rejects.toMatchObject({ name: 'WeightFileError' });
  });

  test('a head that no VGG has can be left out, and nothing else', async () => {
    const { state } = await stateOf();
    const vector = { shape: [6], data: new Float32Array(6) };
    const head = Object.fromEntries(
      ['weight', 'bias', 'running_mean', 'running_var'].map((name) => [`classifier.1.${name}`, vector]),
    );
    const { model, report } = await fromWeights(encodeTensors({ ...state, ...head }), { includeTop: false });
    expect(report.leftOver).toHaveLength(8);
    model.dispose();
    const file = encodeTensors({ ...state, ...head, 'extra.weight': vector });
    await expect(fromWeights(file, { includeTop: false })).rejects.toThrow('the model lacks extra.weight');
    const { model: other, report: told } = await fromWeights(file, { strict: false });
    expect(told.leftOver).toContain('extra.weight');
    expect(other.outputs[0]!.shape).toEqual([null, null, null, 4]);
    other.dispose();
    expect((await inspectWeights(file)).problem).toContain('its head has batch normalization');
  });
});

test.each<[unknown, string]>([
  [{ arch: 'vgg' }, 'fromWeights: the architecture is "vgg"; pass at least one block as [convs, channels]'],
  [{ arch: [] }, 'fromWeights: the architecture is []; pass'],
  [{ arch: [1, 64] }, 'fromWeights: block 1 is 1; pass [convs, channels]'],
  [{ padding: 'full' }, 'fromWeights: padding is "full"; it must be one of "same", "valid".'],
  [{ pooling: 'sum' }, 'fromWeights: pooling is "sum"; it must be one of "avg", "max".'],
  [{ rename: { a: 1 } }, 'rename is {"a":1}; it must be a table of names'],
])('the wrong option %j is a RangeError', async (options, sentence) => {
  const model = vgg(ARCH, { includeTop: false });
  const refused = fromWeights(await encodeWeights(model), options as FromWeightsOptions);
  model.dispose();
  await expect(refused).rejects.toThrow(RangeError);
  await expect(refused).rejects.toThrow(sentence);
});

test.each<[() => unknown, string]>([
  [() => undefined, 'undefined'],
  [() => Promise.reject(new Error('unhandled')), 'a Promise (await it first)'],
])(
  'a rename that returns no text is refused, and no rejection is left unhandled: %s',
  async (rename, given) => {
    const model = vgg(ARCH, { includeTop: false });
    const refused = fromWeights(await encodeWeights(model), { rename: rename as () => string });
    model.dispose();
    await expect(refused).rejects.toMatchObject({ name: 'WeightFileError' });
    await expect(refused).rejects.toThrow(
      `Uint8Array: rename gives 'features.0.weight' ${given}; return a name.`,
    );
  },
);

describe('includeTop: false leaves out the head alone', () => {
  test.each([4, 6])('what features.%i scales follows the last convolution', async (index) => {
    const { state } = await stateOf({}, [
      [1, 4],
      [1, 4],
    ]);
    const scale = { shape: [4], data: new Float32Array(4) };
    const norm = { [`features.${index}.weight`]: scale, [`features.${index}.bias`]: scale };
    const file = encodeTensors({ ...state, ...norm });
    await expect(fromWeights(file, { includeTop: false, inputShape: [8, 8, 3] })).rejects.toThrow(
      `the model lacks features.${index}.weight, features.${index}.bias`,
    );
  });

  test('a 1x1 convolution with room for a pooling before it is not placed by sizes', async () => {
    const { state } = await stateOf();
    const point = { 'features.10.weight': { shape: [4, 4, 1, 1], data: new Float32Array(16) } };
    const file = encodeTensors({ ...state, ...point });
    await expect(fromWeights(file, { includeTop: false, inputShape: [8, 8, 3] })).rejects.toThrow(
      'pass arch',
    );
  });
});

describe('what numbers do not prove is refused', () => {
  const ONE_EACH = [
    [1, 4],
    [1, 6],
  ] as const;

  test('a pooling that only the widths speak for, before a pooled head', async () => {
    const { state, x, y } = await stateOf({ pooling: 'avg', hiddenUnits: [] }, ONE_EACH);
    const file = encodeTensors(state);
    await expect(fromWeights(file)).rejects.toThrow('pass arch');
    const { model } = await fromWeights(file, { arch: ONE_EACH });
    expect(relativeError(await outputs(model, x), y)).toBeLessThan(1e-6);
    model.dispose();
  });

  test('a place for a pooling or a global average, not for both', async () => {
    const { state } = await stateOf({ pooling: 'avg', hiddenUnits: [] });
    const file = encodeTensors(
      renamed(state, (name) => name.replace('features.', '').replace(/^classifier(\.\d+)?/, '11')),
    );
    await expect(fromWeights(file)).rejects.toThrow(
      "'11' follows the last convolution with a place for a pooling",
    );
    const { model } = await fromWeights(file, { inputShape: [4, 4, 3] });
    expect(model.outputs[0]!.shape).toEqual([null, 5]);
    model.dispose();
  });

  test('linear layers that may be two branches, or lack one between them', async () => {
    const { state } = await stateOf({ pooling: 'avg', hiddenUnits: [4] });
    const named = (first: string, last: string) =>
      encodeTensors(
        renamed(state, (name) => name.replace('classifier.0', first).replace('classifier.3', last)),
      );
    await expect(fromWeights(named('age', 'gender'))).rejects.toThrow(
      "whether its linear layers ('age', 'gender') follow each other cannot be known",
    );
    await expect(fromWeights(named('classifier.0', 'classifier.6'))).rejects.toThrow(
      "'classifier.6' does not follow 'classifier.0' by its number",
    );
    const { model } = await fromWeights(named('fc1', 'out'));
    model.dispose();
  });
});

describe('rename', () => {
  const strange = (name: string) => name.replace('features.0', 'stem').replace('classifier.3', 'end.result');

  test('a table or a function gives names that are known', async () => {
    const { state, x, y } = await stateOf();
    const file = encodeTensors(renamed(state, strange));
    await expect(fromWeights(file)).rejects.toThrow();
    for (const rename of [{ stem: 'features.0' }, (name: string) => name.replace('stem', 'features.0')]) {
      const { model } = await fromWeights(file, { rename });
      expect(relativeError(await outputs(model, x), y)).toBeLessThan(1e-6);
      model.dispose();
    }
  });

  test('an entry that fits nothing, and names that collide', async () => {
    const { state } = await stateOf();
    const file = encodeTensors(state);
    await expect(fromWeights(file, { rename: { nothing: 'x' } })).rejects.toThrow(
      "rename has 'nothing', but no tensor has that name",
    );
    await expect(fromWeights(file, { rename: { 'features.2': 'features.0' } })).rejects.toThrow(
      /the same name, 'features\.0\.\w+'; give each its own\.$/,
    );
  });
});

describe('loadWeights', () => {
  test('fills a model of the same layers by their order', async () => {
    const { state, x, y } = await stateOf();
    const file = encodeTensors(
      renamed(state, (name) =>
        name.replace(
          /^(features|classifier)\.(\d+)/,
          (_, part, n) => `part.${part === 'features' ? n : 20 + Number(n)}`,
        ),
      ),
    );
    const model = vgg(ARCH, { inputShape: [8, 8, 3], classes: 5, hiddenUnits: [6], seed: 9 });
    expect((await loadWeights(model, file)).matched).toBe('order');
    expect(relativeError(await outputs(model, x), y)).toBeLessThan(1e-6);
    model.dispose();
  });
});
