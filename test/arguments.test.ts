import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { memory, type Tensor, tensor, zeros } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import packageJson from '../package.json' with { type: 'json' };
import { publishedOptionsOf } from '../src/base/publishedOptions.js';
import { seededRandom } from '../src/base/random.js';
import { ImageSet } from '../src/data/index.js';
import { PLAIN_PREPROCESSING } from '../src/images/index.js';
import { plan, summary, vgg } from '../src/index.js';
import { RECIPES } from '../src/train/index.js';
import { PUBLISHED } from '../src/weights/index.js';
import { useBackend } from './support/backends.js';

// Full networks are built without drawing their weights, which would take seconds each.
vi.mock('../src/base/random.js', async (original) => ({
  ...(await original<typeof import('../src/base/random.js')>()),
  fillUniform: () => {},
  fillNormal: () => {},
}));

/** Calls of each function. */
const ROUNDS = 14;
const subpaths = Object.keys(packageJson.exports).filter((path) => path !== './package.json');
const network = () => vgg([[1, 2]], { inputShape: [4, 4, 3], hiddenUnits: 3, classes: 2, dropout: 0 });
await useBackend('cpu');
const model = network();
const weights = () => Promise.all(model.getWeights().map((one) => one.data()));
const bytes = Uint8Array.from({ length: 48 }, (_, i) => 5 * i);
const image = { data: bytes, width: 4, height: 4 };
const examples = new ImageSet({
  images: bytes,
  labels: new Uint8Array(1),
  shape: [4, 4, 3],
  classNames: ['a', 'b'],
});
const preprocessing = { ...PLAIN_PREPROCESSING, crop: 4, resize: { shorterSide: 4 } };
const disposed = () => {
  const one = tensor([1]);
  one.dispose();
  return one;
};

/** What a function may be meant to be called with. */
const GOOD: readonly (() => unknown)[] = [
  () => model,
  () => zeros([1, 4, 4, 3]),
  () => zeros([1, 4]),
  () => image,
  () => [image, image],
  () => examples,
  () => [[1, 2]],
  () => preprocessing,
  () => ({ preprocessing }),
  () => bytes,
  () => 'block1_conv1',
  () => ({ trainSet: examples }),
  () => ({ values: new Float32Array(4), width: 2, height: 2, classIndex: 0 }),
  () => 2,
];

/** What comes from a mistake. */
const BAD: readonly (() => unknown)[] = [
  () => undefined,
  () => null,
  () => Number.NaN,
  () => Number.POSITIVE_INFINITY,
  () => -1,
  () => 0.5,
  () => 1e9,
  () => 10n,
  () => '',
  () => 'nothing',
  () => true,
  () => [],
  () => [Number.NaN],
  () => [[100_000_000, 64]],
  () => [null],
  () => ({}),
  () => ({ length: -1 }),
  () => Symbol('symbol'),
  () => () => {},
  () => Promise.resolve(model),
  () => disposed(),
  () => tensor([1, 2]),
  () => RECIPES.fast,
  () => new Uint8Array(3),
  () => new Date(0),
  () => ({ data: bytes, width: Number.NaN, height: -4 }),
  () => ({ signal: 'stop' }),
  () => ({ signal: {} }),
  () => ({ batchsize: 2 }),
  () => ({ batchSize: Number.NaN }),
  () => ({ seed: 0.5, size: Number.NaN, limit: -1 }),
  () => ({ onProgress: 3, preprocessing: 3 }),
  () => ({ preprocessing: null, labels: null, layer: null }),
  () => ({ layer: 7, topK: 1.5, columns: 0 }),
  () => ({ inputShape: [1e9, 1e9, 1e9], classes: 1e9, hiddenUnits: 1e9 }),
  () => ({ content: null, style: undefined }),
  () => ({ trainSet: null }),
];

/** What the engine says of a mistake, in place of the function. */
const RAW =
  /Cannot (read|set|destructure|convert|mix|use|create)|is not (a function|iterable|a constructor|defined)|\[object \w+\]|out of bounds|undefined \(|Invalid (typed )?array|must be called|Maximum call stack|heap|is disposed|BigInt/;

let folder: string;
const own = process.cwd();
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'arguments-'));
  vi.spyOn(process, 'cwd').mockReturnValue(folder);
  process.chdir(folder);
  vi.stubGlobal('fetch', () => Promise.reject(new Error('no network in tests')));
});
afterAll(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  process.chdir(own);
  rmSync(folder, { recursive: true });
});

/** The functions and classes of an entry point. */
async function exportsOf(subpath: string): Promise<[string, (...args: unknown[]) => unknown][]> {
  const module = await import(join(own, 'src', subpath, 'index.ts'));
  return Object.entries(module).filter(([, one]) => typeof one === 'function') as never;
}

const isClass = (one: unknown) => /^class\b/.test(Function.prototype.toString.call(one));

/** Whether an error's message begins with the function, or with the file that could not be read or written. */
const says = (error: unknown, message: string, name: string, args: readonly unknown[]) =>
  message.startsWith(name) ||
  ['DataError', 'WeightFileError'].includes((error as Error).name) ||
  args.some((one) => typeof one === 'string' && one !== '' && message.startsWith(one));

/** Frees what a call returned. */
async function release(result: unknown, held: ReadonlySet<unknown>): Promise<void> {
  if (typeof result !== 'object' || result === null || held.has(result)) return;
  if (Array.isArray(result)) for (const one of result) await release(one, held);
  else if ('dispose' in result && !(result as Tensor).isDisposed)
    await (result as { dispose(): unknown }).dispose();
  else
    for (const one of Object.values(result))
      if (one && typeof one === 'object' && ('dispose' in one || Array.isArray(one)))
        await release(one, held);
}

test.each(subpaths)(
  '%s answers every call with a result or a sentence, and keeps nothing',
  async (subpath) => {
    const random = seededRandom(16);
    const pick = <T>(list: readonly T[]) => list[random.below(list.length)]!;
    const wrong: string[] = [];
    const before = JSON.stringify(await weights());
    for (const [name, call] of await exportsOf(subpath)) {
      if (/Error$/.test(name)) continue;
      for (let round = 0; round < ROUNDS; round++) {
        const makers = Array.from({ length: random.below(4) }, (_, i) =>
          pick(random.below(i === 0 ? 3 : 2) > 0 ? GOOD : BAD),
        );
        const args = makers.map((make) => make());
        const held = new Set([...args, model, examples]);
        const tensors = memory().numTensors;
        let message = '';
        try {
          const result = isClass(call) ? Reflect.construct(call, args) : await call(...args);
          await release(result, held);
        } catch (error) {
          message = error instanceof Error ? error.message : String(error);
          if (RAW.test(message) || !says(error, message, name, args))
            wrong.push(`${name}(${makers}): ${message}`);
        }
        if (memory().numTensors > tensors)
          wrong.push(`${name}(${makers}) keeps ${memory().numTensors - tensors} tensors: ${message}`);
        for (const one of args)
          if ((one as Tensor)?.dataId && !(one as Tensor).isDisposed) (one as Tensor).dispose();
      }
    }
    expect(JSON.stringify(await weights())).toBe(before);
    expect(wrong).toEqual([]);
  },
);

test('a misspelt option is refused with the right name, and one that is none with all of them', () => {
  const options = (given: object) => () => vgg([[1, 2]], given);
  expect(options({ hiddenunits: 3 })).toThrow(
    'vgg: there is no option "hiddenunits"; did you mean hiddenUnits?',
  );
  expect(options({ dropuot: 0 })).toThrow('did you mean dropout?');
  expect(options({ colour: 3 })).toThrow('there is no option "colour"; the options are inputShape, classes,');
  expect(options(null as never)).toThrow(
    'vgg: the options are null; pass an object, such as { inputShape }.',
  );
});

test.each(Object.entries(PUBLISHED))(
  'the record of %s may be passed where preprocessing is an option',
  (_, one) => {
    expect(publishedOptionsOf<object>('f', one, ['layer' as never])).toBe(one);
  },
);

test.each<[string, () => unknown, string]>([
  [
    'images',
    () => vgg([[1, 2]], { inputShape: [1e9, 1e9, 3] }),
    'vgg: inputShape is 1000000000; it must be a whole number from 1 to 16384.',
  ],
  [
    'units',
    () => vgg([[1, 2]], { inputShape: [16384, 16384, 3] }),
    'vgg: the weights cannot be allocated: a kernel of 134217728x4096 has more than 2^30 numbers',
  ],
  [
    'convolutions',
    () => summary(plan([[100_000_000, 64]])),
    "plan: block 1's number of 3x3 convolutions is 100000000; it must be a whole number from 0 to 1000.",
  ],
])('sizes that cannot be allocated are refused, and leave no tensor: %s', (_, call, sentence) => {
  const before = memory().numTensors;
  expect(call).toThrow(sentence);
  expect(memory().numTensors).toBe(before);
});
