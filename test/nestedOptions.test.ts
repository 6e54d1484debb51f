import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import packageJson from '../package.json' with { type: 'json' };
import { optionsOfCall, refusalOf } from './support/anyArguments.js';

vi.mock('../src/base/random.js', async (original) => ({
  ...(await original<typeof import('../src/base/random.js')>()),
  fillUniform: () => {},
  fillNormal: () => {},
}));

type Call = (...args: unknown[]) => unknown;

const subpaths = Object.keys(packageJson.exports).filter((path) => path !== './package.json');

let folder: string;
const own = process.cwd();
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nested-'));
  process.chdir(folder);
  vi.stubGlobal('fetch', () => Promise.reject(new Error('no network in tests')));
});
afterAll(() => {
  vi.unstubAllGlobals();
  process.chdir(own);
  rmSync(folder, { recursive: true });
});

/** What no option may be: objects without names of their own, and one with a name that nothing has. */
const MISTAKES: readonly (() => object)[] = [
  () => ({ '?': {} }),
  () => new Date(0),
  () => new Map([['?', 1]]),
  () => new DataView(new ArrayBuffer(2)),
  () => null as never,
];

/** The names that a refusal lists for an object. */
function namesIn(refusal: string): string[] {
  const listed =
    /(?:the (?:options|fields) are|an object with some of) ([\w, ]+?)(?:, or |[.;])/.exec(refusal)?.[1] ?? '';
  return [...listed.split(', '), ...(/\{ (\w+) \}/.exec(refusal)?.slice(1) ?? [])].filter(
    (one) => one !== '',
  );
}

/** A copy of options that has a value at a path. */
function withAt(options: object, [name, ...rest]: readonly string[], value: unknown): object {
  const inner = (options as Readonly<Record<string, object>>)[name!];
  return { ...options, [name!]: rest.length > 0 ? withAt(inner ?? {}, rest, value) : value };
}

/** Functions that no argument here gets to look at their options: they need a file, a folder, a download or a GPU. */
const ELSEWHERE =
  /^(fashionMnist|mnist|idxImages|imageFolder|openLog|npyWriter|saveModel|fromPretrained|webgpuBackend|installWebgpuKernels)$/;

/** Some of the options that are found. */
const FOUND: Readonly<Record<string, readonly string[]>> = {
  '.': ['vgg: batchNorm.epsilon'],
  './data': ['imageFiles: augment', 'imageFiles: preprocessing.resize'],
  './train': ['train: checkpoint', 'train: distill.temperature', 'train: schedule', 'train: weightDecayOf'],
  './features': ['explain: baseline', 'styleTransfer: init', 'lpips: calibration'],
  './imagenet': ['classify: scales'],
};

test.each(subpaths)(
  '%s refuses objects that no option is, also within the objects that are',
  async (subpath) => {
    const module = await import(join(own, 'src', subpath, 'index.ts'));
    const [taken, unreached]: [string[], string[]] = [[], []];
    const looked = new Set<string>();
    for (const [name, call] of Object.entries(module) as [string, Call][]) {
      if (typeof call !== 'function' || /Error$/.test(name) || ELSEWHERE.test(name)) continue;
      const { names, before, needed, refusal } = await optionsOfCall(call);
      if (refusal !== undefined) unreached.push(`${name}: ${refusal}`);
      const waiting = names.map((one) => ({ path: [one], around: names }));
      for (let next = waiting.shift(); next; next = waiting.shift()) {
        const { path, around } = next;
        looked.add(`${name}: ${path.join('.')}`);
        for (const mistake of MISTAKES) {
          const said = await refusalOf(call, [...before, () => withAt(needed, path, mistake())]);
          if (said === undefined) taken.push(`${name}: ${path.join('.')}: ${mistake}`);
          if (said === undefined || mistake !== MISTAKES[0]) continue;
          const within = namesIn(said);
          // Or it is refused as a whole, with the names that are around it.
          if (within.some((one) => around.includes(one))) continue;
          for (const one of within) waiting.push({ path: [...path, one], around: within });
        }
      }
    }
    expect([unreached, taken]).toEqual([[], []]);
    for (const one of FOUND[subpath] ?? []) expect(looked).toContain(one);
  },
);
