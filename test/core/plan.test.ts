import { memory } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { rowsOf } from '../../src/core/inspect.js';
import { featureSize, minimumSize, PADDINGS } from '../../src/core/sizes.js';
import {
  alexNet,
  alexNetPlan,
  type ConvArch,
  FAMILY,
  IMAGENET,
  type Plan,
  paramCount,
  plan,
  scaleArch,
  VGG11,
  VGG16,
  VGG16C,
  VGG19,
  type VggOptions,
  vgg,
} from '../../src/index.js';
import { useAnyBackend } from '../support/backends.js';
import { fixtureJson } from '../support/fixtures.js';

beforeAll(() => useAnyBackend());

interface Counts {
  params: number;
  macs: number;
  output: number[];
}

/** The plan of a row of counts.json, from its name: 'A-BN 224x224x3 1000 classes', 'D/4 96x96x1 10 classes'. */
function planFor(row: string): Plan {
  const [network, size, ...head] = row.split(' ');
  const inputShape = size!.split('x').map(Number) as [number, number, number];
  const top: VggOptions = head.join(' ') === 'no top' ? { includeTop: false } : { classes: Number(head[0]) };
  if (network === 'alexnet') return alexNetPlan({ inputShape, classes: Number(head[0]) });
  const [letter, ratio = '1'] = network!.replace('-BN', '').split('/');
  const { arch } = Object.values(FAMILY).find(({ config }) => config === letter)!;
  return plan(scaleArch(arch, Number(ratio)), { inputShape, batchNorm: network!.endsWith('-BN'), ...top });
}

const counts = await fixtureJson<Record<string, Counts>>('counts.json');

describe('parameters and MACs that PyTorch counts', () => {
  test.each(Object.entries(counts))('%s', (row, { params, macs, output }) => {
    const rows = planFor(row);
    expect(paramCount(rows).trainable).toBe(params);
    expect(rows.reduce((sum, layer) => sum + layer.macs, 0)).toBe(macs);
    const [channels, ...sides] = output;
    expect(rows.at(-1)!.outputShape).toEqual([...sides, channels]);
  });

  test('Keras counts the same for VGG16 and VGG19', async () => {
    const keras = await fixtureJson<Record<string, number>>('keras/params.json');
    expect({
      VGG16: paramCount(plan(VGG16, IMAGENET)).total,
      'VGG16-notop': paramCount(plan(VGG16, { ...IMAGENET, includeTop: false })).total,
      VGG19: paramCount(plan(VGG19, IMAGENET)).total,
      'VGG19-notop': paramCount(plan(VGG19, { ...IMAGENET, includeTop: false })).total,
    }).toEqual(keras);
  });
});

describe('a plan and the model that tfjs builds', () => {
  const small = (arch: ConvArch) => scaleArch(arch, 64);
  const cases: [string, ConvArch, VggOptions][] = [
    ...Object.values(FAMILY).map(({ title, arch }): [string, ConvArch, VggOptions] => [
      title,
      small(arch),
      {},
    ]),
    ['batch normalization', small(VGG16C), { batchNorm: true }],
    ['no top', small(VGG11), { includeTop: false }],
    ['average pooling', small(VGG11), { includeTop: false, pooling: 'avg' }],
    ['max pooling', small(VGG11), { includeTop: false, pooling: 'max' }],
    ['adaptive pooling from 3x4', small(VGG11), { adaptivePool: true, inputShape: [96, 130, 3] }],
    ['adaptive pooling from 7x7', small(VGG11), { adaptivePool: true, inputShape: [224, 224, 3] }],
    ['adaptive pooling from 14x7', small(VGG11), { adaptivePool: true, inputShape: [448, 224, 3] }],
    ['no dropout, softmax', small(VGG11), { dropout: 0, classifierActivation: 'softmax' }],
    ['odd sizes', small(VGG11), { inputShape: [63, 77, 2] }],
    ['one block', [[1, 3]], { inputShape: [5, 2, 1] }],
    ['1x1 convolutions only', [[0, 3, 2]], { inputShape: [4, 4, 1] }],
  ];
  test.each(cases)('have the same layers: %s', (_, arch, options) => {
    const all = { inputShape: [64, 64, 3], hiddenUnits: 8, ...options } as const;
    const model = vgg(arch, all);
    expect(rowsOf('test', model)).toEqual(plan(arch, all));
    expect(paramCount(model)).toEqual(paramCount(plan(arch, all)));
    expect(paramCount(model).total).toBe(model.countParams());
    model.dispose();
  });

  test('have the same layers: AlexNet', () => {
    const options = { inputShape: [70, 67, 2], hiddenUnits: 4, classes: 3 } as const;
    const model = alexNet(options);
    expect(rowsOf('test', model)).toEqual(alexNetPlan(options));
    expect(model.countParams()).toBe(paramCount(alexNetPlan(options)).total);
    model.dispose();
  });

  // Every combination of the options that have layers of their own, with the sizes that each needs.
  const combinations = product<VggOptions>({
    hiddenUnits: [6, [], [5], [7, 4, 3]],
    dropout: [0, 0.5],
    padding: ['same', 'valid'],
    convBias: [true, false],
    batchNorm: [false, true, { afterRelu: true }],
    pooling: [undefined, 'avg', 'max'],
    includeTop: [true, false],
    adaptivePool: [false, true],
    convolutionalTop: [false, true],
  });

  test('have the same layers: every combination of options', () => {
    const arch: ConvArch = [
      [1, 3],
      [1, 4, 1],
    ];
    const layers = new Set<string>();
    let refused = 0;
    for (const options of combinations) {
      const all = { inputShape: [37, 34, 2], classes: 3, initializer: 'zeros', ...options } as const;
      const told = JSON.stringify(options);
      const planned = outcome(() => plan(arch, all));
      const model = outcome(() => vgg(arch, all));
      if (typeof planned === 'string' || typeof model === 'string') {
        expect(model, told).toBe(String(planned).replace('plan:', 'vgg:'));
        refused++;
        continue;
      }
      expect(rowsOf('test', model), told).toEqual(planned);
      expect(paramCount(planned).total, told).toBe(model.countParams());
      layers.add(model.layers.map(({ name }) => name).join());
      model.dispose();
    }
    // convolutionalTop needs hidden layers and a feature map of 7x7, and neither of the two poolings.
    expect([combinations.length, refused]).toEqual([2304, 2304 / 2 - (3 / 4) * (1 / 3) * (1 / 8) * 2304]);
    expect(layers.size).toBeGreaterThan(100);
  });

  test('planning VGG-19 allocates no tensor', () => {
    const before = memory().numTensors;
    plan(VGG19, IMAGENET);
    expect(memory().numTensors).toBe(before);
  });
});

test('a plan of an input without a fixed size is refused', () => {
  expect(() => plan(VGG11, { inputShape: [null, 32, 1], includeTop: false })).toThrow(
    'plan: input nullx32 has no fixed size, so its layers have no shapes to count; pass a height and a width.',
  );
});

describe('the size of the feature map', () => {
  const archs: ConvArch[] = [VGG11, VGG16C, [[1, 3]], [[0, 3, 2]], [[2, 4], [2, 4]]]; // biome-ignore format: a list
  test.each(PADDINGS)(
    "with padding '%s' is the plan's, and the minimum is the smallest that leaves it",
    (padding) => {
      for (const arch of archs) {
        for (const features of [1, 2, 7]) {
          const minimum = minimumSize(arch, padding, features);
          expect(featureSize(arch, minimum, padding)).toBe(features);
          expect(featureSize(arch, minimum - 1, padding)).toBe(features - 1);
        }
        const smallest = minimumSize(arch, padding);
        for (const size of [smallest, smallest + 1, smallest + 31, 224]) {
          const rows = plan(scaleArch(arch, 1), {
            inputShape: [size, size + 3, 1],
            padding,
            includeTop: false,
          });
          const [height, width] = rows.at(-1)!.outputShape;
          expect([height, width]).toEqual([size, size + 3].map((one) => featureSize(arch, one, padding)));
        }
      }
    },
  );
});

/** Every combination of the values of each option. */
function product<T extends object>(values: { [K in keyof T]: readonly T[K][] }): T[] {
  return Object.entries(values).reduce<T[]>(
    (all, [name, choices]) =>
      all.flatMap((one) => (choices as unknown[]).map((value) => ({ ...one, [name]: value }))),
    [{} as T],
  );
}

/** What a function returns, or the message of its error. */
function outcome<T>(run: () => T): T | string {
  try {
    return run();
  } catch (error) {
    return (error as Error).message;
  }
}
