import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';
import {
  BACKENDS,
  type Choice,
  DATA,
  DEFAULTS,
  type FileNames,
  formatChoice,
  OPTIMIZER_NAMES,
  parseChoice,
  STARTS,
  VIEWS,
} from '../../site/src/state/choice.js';
import { misfits } from '../../site/src/state/fits.js';
import { networkCode, trainingCode } from '../../site/src/state/typescript.js';
import { RECENT_BATCHES, RecentMeans } from '../../site/src/worker/recentMeans.js';
import { seededRandom } from '../../src/base/random.js';
import * as data from '../../src/data/index.js';
import * as core from '../../src/index.js';
import { type ConvArch, FAMILY, plan, scaleArch } from '../../src/index.js';
import type { TrainProgress } from '../../src/train/index.js';
import * as training from '../../src/train/index.js';
import * as wasm from '../../src/wasm/index.js';
import { idxFiles } from '../data/idxFile.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

const block = fc.oneof(
  fc.tuple(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 4096 })),
  fc.tuple(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 4096 }), fc.integer({ min: 1, max: 8 })),
);
const choices: fc.Arbitrary<Choice> = fc.record({
  view: fc.constantFrom(...VIEWS),
  arch: fc.oneof(
    fc.constantFrom<ConvArch>(...Object.values(FAMILY).map(({ arch }) => arch)),
    fc.array(block, { minLength: 1, maxLength: 8 }) as fc.Arbitrary<ConvArch>,
  ),
  ratio: fc.integer({ min: 1, max: 512 }),
  size: fc.integer({ min: 1, max: 2048 }),
  channels: fc.constantFrom(1, 3),
  classes: fc.integer({ min: 1, max: 100_000 }),
  hidden: fc.integer({ min: 1, max: 65_536 }),
  batchNorm: fc.boolean(),
  data: fc.constantFrom(...DATA),
  images: fc.integer({ min: 40, max: 60_000 }),
  epochs: fc.integer({ min: 1, max: 1000 }),
  batchSize: fc.integer({ min: 1, max: 1024 }),
  optimizer: fc.constantFrom(...OPTIMIZER_NAMES),
  rate: fc.double({ min: 1e-7, max: 10, noNaN: true }),
  cosine: fc.boolean(),
  seed: fc.integer({ min: 0, max: 0xffffffff }),
  backend: fc.constantFrom(...BACKENDS),
  kernels: fc.boolean(),
});

describe('the address', () => {
  test('holds the whole choice', () => {
    fc.assert(
      fc.property(choices, (choice) => {
        expect(parseChoice(`#${formatChoice(choice)}`)).toEqual(choice);
      }),
    );
  });

  test('gives a choice in its ranges even if it is invalid', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const choice = parseChoice(text);
        expect(parseChoice(formatChoice(choice))).toEqual(choice);
      }),
    );
    expect(parseChoice('')).toEqual(DEFAULTS);
    expect(parseChoice('#net=0x99999-x&ratio=-1&input=32x2&classes=1e9&backend=cpu')).toEqual(DEFAULTS);
    expect(parseChoice('#net=__proto__&view=constructor')).toEqual(DEFAULTS);
  });
});

/** Runs TypeScript, with `modules` for its imports, and returns one of its constants. */
async function run(code: string, modules: Record<string, object>, constant: string): Promise<unknown> {
  const imports = [...code.matchAll(/^import \{ (.*) \} from '(.*)';$/gm)].flatMap(([, names, from]) =>
    names!.split(', ').map((name) => {
      expect(modules[from!], from).toHaveProperty(name);
      return [name, modules[from!]![name as never]] as const;
    }),
  );
  const { outputText } = ts.transpileModule(code.replace(/^import.*$/gm, ''), {
    compilerOptions: { target: ts.ScriptTarget.ES2022 },
  });
  const Async = (async () => {}).constructor as FunctionConstructor;
  const program = new Async(...imports.map(([name]) => name), `${outputText}; return ${constant};`);
  return program(...imports.map(([, value]) => value));
}

const planned =
  (arch: ConvArch) =>
  ({ config, initializer: _, ...options }: core.VggOptions & { config?: string } = {}) =>
    plan(config === 'C' ? core.VGG16C : arch, options);

/** The library, where functions that build a network only plan it. */
const PLANNING = {
  ...core,
  vgg11: planned(core.VGG11),
  vgg13: planned(core.VGG13),
  vgg16: planned(core.VGG16),
  vgg19: planned(core.VGG19),
  vgg: (arch: ConvArch, options: core.VggOptions) => planned(arch)(options),
  smallArch: (ratio: number, { arch = core.VGG11, ...options }: core.VggOptions & { arch?: ConvArch }) =>
    planned(scaleArch(arch, ratio))(options),
};

test.each<[string, Partial<Choice>]>([
  ['the default', {}],
  ["the chapter's", STARTS.chapter],
  ["ImageNet's", STARTS.imagenet],
  [
    'configuration C over 4 with batch norm',
    { arch: FAMILY.vgg16c.arch, ratio: 4, batchNorm: true, seed: 7 },
  ],
  ['configuration C', { arch: FAMILY.vgg16c.arch, ratio: 1 }],
  [
    'custom blocks',
    {
      arch: [
        [2, 8],
        [1, 16, 1],
      ],
      ratio: 1,
    },
  ],
  [
    'custom blocks, over 2',
    {
      arch: [
        [2, 8],
        [1, 16, 1],
      ],
      ratio: 2,
    },
  ],
])('the TypeScript of %s builds the network that the page shows', async (_, part) => {
  const choice = { ...DEFAULTS, ...part };
  const { arch, ratio, size, channels, classes, hidden, batchNorm } = choice;
  const shown = plan(scaleArch(arch, ratio), {
    inputShape: [size, size, channels],
    classes,
    hiddenUnits: hidden,
    batchNorm,
  });
  expect(await run(networkCode(choice), { 'vgg-blocks': PLANNING }, 'model')).toEqual(shown);
  expect(trainingCode(choice, 'numbers')).toContain(networkCode(choice).split('\n\n')[1]!.trim());
});

/** A choice of each kind that the copied training code depends on. */
const COPIED: [Partial<Choice>, FileNames][] = [
  [{ data: 'garments', images: 41, seed: 1 }, 'numbers'],
  [{ data: 'garments', channels: 3, cosine: false, optimizer: 'momentum', rate: 1e-7 }, 'numbers'],
  [{ data: 'files', kernels: false }, 'numbers'],
  [{ data: 'files', channels: 3, batchNorm: true }, 'garments'],
  [{ data: 'fashion-mnist', classes: 12, arch: [[1, 8, 1]], size: 16 }, 'numbers'],
];

describe('the copied training code', () => {
  const small = { arch: core.VGG11, ratio: 8, size: 32, hidden: 8, images: 40, epochs: 2, batchSize: 16 };
  const copied = COPIED.map(([part, names]) => [{ ...DEFAULTS, ...small, ...part }, names] as const);

  test.each(copied)('trains on %j with the names %s', async (choice, names) => {
    const folder = await mkdtemp(`${tmpdir()}/copied-`);
    try {
      const set = data.garments({ trainImages: 40, testImages: 10 });
      for (const [name, bytes] of Object.entries(idxFiles(set))) await writeFile(`${folder}/${name}`, bytes);
      const modules = {
        '@tensorflow/tfjs-core': tf,
        'vgg-blocks': core,
        'vgg-blocks/data': {
          ...data,
          // Nothing is downloaded here.
          fashionMnist: ({ source }: data.DatasetOptions) =>
            data.fashionMnist({ source: source === data.FASHION_MNIST ? folder : source }),
        },
        'vgg-blocks/train': training,
        'vgg-blocks/wasm': wasm,
      };
      const code = trainingCode(choice, names).replace('folder/of/idx/files', folder);
      const { trainSet, history } = (await run(code, modules, '{ trainSet, history }')) as {
        trainSet: data.ImageSet;
        history: training.History;
      };
      expect(trainSet.classNames).toEqual(
        choice.data === 'files' && names === 'numbers' ? data.MNIST.classNames : set.trainSet.classNames,
      );
      expect(history).toMatchObject({
        ended: 'finished',
        epochs: [{ epoch: 1 }, { epoch: 2, examples: trainSet.length }],
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('has no error of types, on any backend', () => {
    const codes = BACKENDS.flatMap((backend) =>
      [true, false].flatMap((kernels) =>
        copied.map(([choice, names]) => trainingCode({ ...choice, backend, kernels }, names)),
      ),
    );
    const wrong = 'export const wrong: string = 1;';
    expect(typeErrors([...new Set(codes), wrong])).toEqual([
      `Type 'number' is not assignable to type 'string'.\n${wrong}`,
    ]);
  });
});

/** The errors of the compiler in programs that use this library. */
function typeErrors(codes: readonly string[]): string[] {
  const { config } = ts.readConfigFile(`${ROOT}tsconfig.json`, ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [], files: [] }, ts.sys, ROOT);
  const files = new Map(codes.map((code, i) => [`${ROOT}copied${i}.ts`, code]));
  const host = ts.createCompilerHost(options);
  const { readFile, fileExists } = host;
  host.fileExists = (name) => files.has(name) || fileExists(name);
  host.readFile = (name) => files.get(name) ?? readFile(name);
  const program = ts.createProgram([...files.keys()], { ...options, noUnusedLocals: false }, host);
  return [...files.keys()].flatMap((name) =>
    ts
      .getPreEmitDiagnostics(program, program.getSourceFile(name))
      .map(({ messageText }) => `${ts.flattenDiagnosticMessageText(messageText, ' ')}\n${files.get(name)}`),
  );
}

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b) / values.length;

describe('the curves', () => {
  test('show the mean of the last batches, across epochs', () => {
    const random = seededRandom(5);
    const [length, batchSize, batches] = [130, 10, 13];
    const losses = Array.from({ length: 6 * batches }, () => random.next());
    const recent = new RecentMeans(length, batchSize);
    let before = [0];
    for (let i = 0; i < losses.length; i++) {
      const [epoch, batch] = [Math.floor(i / batches) + 1, (i % batches) + 1];
      // Some batches are not reported, but always the last one of an epoch.
      if (batch !== batches && random.next() < 0.5) continue;
      const inEpoch = losses.slice(i + 1 - batch, i + 1);
      const loss = mean(inEpoch);
      const point = recent.at({ epoch, batch, done: i + 1, loss, accuracy: loss / 2 } as TrainProgress);
      const from = before.findLast((done) => done <= i + 1 - RECENT_BATCHES) ?? 0;
      expect(point.loss).toBeCloseTo(mean(losses.slice(from, i + 1)), 10);
      expect(point.accuracy).toBeCloseTo(point.loss / 2, 10);
      before = [...before, i + 1];
    }
    expect(before.length).toBeGreaterThan(30);
  });
});

describe('what does not fit', () => {
  const chapter = plan(FAMILY.vgg11.arch);
  const backends = {
    wasm: true,
    webgl: { maxTexture: 16384, float32: true },
    webgpu: { maxBuffer: 2 ** 27 },
  };
  const device = { memory: 8, backends };

  test("the chapter's network at batch 128 needs more than wasm's memory, and more than half of 8 GiB", () => {
    const found = misfits(chapter, { batchSize: 128, optimizer: 'sgd', backend: 'wasm' }, device);
    expect(found.map(({ why }) => why)).toEqual(['wasm', 'memory']);
  });

  test("its first dense layer is larger than WebGPU's smallest guaranteed buffer", () => {
    const [first] = misfits(chapter, { batchSize: 1, optimizer: 'sgd', backend: 'webgpu' }, device);
    expect(first).toMatchObject({ why: 'buffer', layer: 'fc1', needs: 4 * 102_764_544 });
  });

  test('the small one fits everywhere', () => {
    const small = plan(scaleArch(FAMILY.vgg11.arch, 8), { inputShape: [32, 32, 1], hiddenUnits: 256 });
    for (const backend of BACKENDS) {
      expect(misfits(small, { batchSize: 32, optimizer: 'adam', backend }, device)).toEqual([]);
    }
  });
});
