import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { memory, tidy, variable, zeros } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import packageJson from '../package.json' with { type: 'json' };
import { printedPath } from '../src/base/printable.js';
import { publishedOptionsOf } from '../src/base/publishedOptions.js';
import { seededRandom } from '../src/base/random.js';
import { built } from '../src/core/built.js';
import { plan, summary, vgg } from '../src/index.js';
import { PUBLISHED } from '../src/weights/index.js';
import {
  anyMistake,
  argumentsFrom,
  faultOf,
  optionsOfCall,
  STOPPED,
  weights,
} from './support/anyArguments.js';

// Full networks are built without drawing their weights, which would take seconds each.
vi.mock('../src/base/random.js', async (original) => ({
  ...(await original<typeof import('../src/base/random.js')>()),
  fillUniform: () => {},
  fillNormal: () => {},
}));

/** Calls of each function. */
const ROUNDS = 14;
const subpaths = Object.keys(packageJson.exports).filter((path) => path !== './package.json');

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

/** Whether an error's message begins with the function, or with the file that could not be read or written, or is a signal's reason. */
const names =
  (name: string) =>
  (message: string, error: unknown, args: readonly unknown[]): boolean =>
    message.startsWith(`${name}:`) ||
    message === STOPPED ||
    ['DataError', 'WeightFileError'].includes((error as Error).name) ||
    args.some((one) => typeof one === 'string' && one !== '' && message.startsWith(printedPath(one)));

test.each(subpaths)(
  '%s answers every call with a result or a sentence, and keeps nothing',
  async (subpath) => {
    const random = seededRandom(16);
    const wrong: string[] = [];
    const before = JSON.stringify(await weights());
    for (const [name, call] of await exportsOf(subpath)) {
      for (let round = 0; round < ROUNDS; round++) {
        const fault = await faultOf(call, argumentsFrom(random), names(name));
        if (fault) wrong.push(`${name}${fault}`);
      }
    }
    expect(JSON.stringify(await weights())).toBe(before);
    expect(wrong).toEqual([]);
  },
);

/** Mistakes in each option. */
const MISTAKES = 6;

test.each(subpaths)(
  '%s answers every mistake in an option with a sentence, and keeps nothing',
  async (subpath) => {
    const random = seededRandom(16);
    const wrong: string[] = [];
    const before = JSON.stringify(await weights());
    const known = new Set<string>();
    for (const [name, call] of await exportsOf(subpath)) {
      if (/Error$/.test(name)) continue;
      const options = await optionsOfCall(call);
      const isNamed = names(name);
      // Training changes the model.
      const stopped = options.names.includes('epochs') && { signal: AbortSignal.abort(new Error(STOPPED)) };
      for (const option of options.names) {
        known.add(`${name} ${option}`);
        // An aborted signal is no mistake, and its reason is the answer.
        const answers: typeof isNamed = (message, ...rest) =>
          (option === 'signal' && message === 'stopped: by the test') || isNamed(message, ...rest);
        for (let round = 0; round < MISTAKES; round++) {
          const mistake = anyMistake(random);
          const fault = await faultOf(
            call,
            [...options.before, () => ({ ...options.needed, ...stopped, [option]: mistake() })],
            answers,
          );
          if (fault) wrong.push(`${name}, ${option}: ${mistake} ${fault}`);
        }
      }
    }
    expect(known.size).toBeGreaterThan(0);
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

test('a field of the record of published weights is no option without the record', () => {
  for (const field of ['top', 'classes'])
    expect(() => publishedOptionsOf<object>('f', { [field]: 1 }, ['topK' as never])).toThrow(
      `f: there is no option "${field}"`,
    );
});

test('a variable that has the name of a weight is named, and nothing is kept', () => {
  const own = variable(zeros([1]), true, 'conv1/kernel');
  const before = memory().numTensors;
  const building = () =>
    built('vgg', () => {
      tidy(() => variable(zeros([1])));
      throw tidy(() => variable(zeros([1]), true, own.name));
    });
  expect(building).toThrow(
    'vgg: Variable with name conv1/kernel was already registered; dispose that variable, or have one copy of tfjs-layers.',
  );
  expect(memory().numTensors).toBe(before);
  own.dispose();
});

test('only what has no memory is said to have none, and nothing is kept of what fails', () => {
  const failing = (error: Error) => () =>
    built('vgg', () => {
      tidy(() => variable(zeros([1])));
      throw error;
    });
  const before = memory().numTensors;
  expect(failing(new RangeError('Array buffer allocation failed'))).toThrow(
    'vgg: the weights cannot be allocated: Array buffer allocation failed; use smaller images,',
  );
  const other = new TypeError('x is not a function');
  expect(failing(other)).toThrow(other);
  expect(memory().numTensors).toBe(before);
});
