import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import packageJson from '../package.json' with { type: 'json' };
import { seededRandom } from '../src/base/random.js';
import { PLAIN_PREPROCESSING } from '../src/images/index.js';
import { bytes, faultOf, optionsOfCall } from './support/anyArguments.js';

vi.mock('../src/base/random.js', async (original) => ({
  ...(await original<typeof import('../src/base/random.js')>()),
  fillUniform: () => {},
  fillNormal: () => {},
}));

/** Ways of calling each function. */
const WAYS = 4;

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

/** Options without which a function looks at no other. */
const NEEDED: Readonly<Record<string, unknown>> = {
  images: bytes,
  labels: new Uint8Array(1),
  shape: [4, 4, 3],
  classNames: ['a', 'b'],
  wallTime: 1,
  preprocessing: { ...PLAIN_PREPROCESSING, crop: 4, resize: { shorterSide: 4 } },
};

/** What no option may be: objects without names of their own, and one with a name that nothing has. */
const MISTAKES: readonly (() => object)[] = [
  () => ({ '?': {} }),
  () => new Date(0),
  () => new Map([['?', 1]]),
  () => new DataView(new ArrayBuffer(2)),
];

/** The names that a refusal lists for an object. */
function namesIn(refusal: string): string[] {
  const listed =
    /(?:the (?:options|fields) are|an object with some of) ([\w, ]+?)(?:, or |[.;])/.exec(refusal)?.[1] ?? '';
  return [...listed.split(', '), ...(/\{ (\w+) \}/.exec(refusal)?.slice(1) ?? [])].filter(
    (one) => one !== '',
  );
}

/** What a function says of a value at a path of its options; undefined if it takes it, or says nothing of it. */
async function refusalOf(
  call: Call,
  ways: readonly (readonly (() => unknown)[])[],
  needed: object,
  path: readonly string[],
  value: () => unknown,
): Promise<string | undefined> {
  for (const before of ways) {
    const nested = path.reduceRight<unknown>((inner, name) => ({ [name]: inner }), value());
    let said: string | undefined;
    await faultOf(call, [...before, () => ({ ...needed, ...(nested as object) })], (message) => {
      said = message;
      return true;
    });
    if (said === undefined) return undefined;
    if (path.every((name) => said!.includes(name))) return said;
  }
  return '';
}

test.each(subpaths)(
  '%s refuses objects that no option is, also within the objects that are',
  async (subpath) => {
    const random = seededRandom(18);
    const module = await import(join(own, 'src', subpath, 'index.ts'));
    const taken: string[] = [];
    const looked = new Set<string>();
    for (const [name, call] of Object.entries(module) as [string, Call][]) {
      if (typeof call !== 'function' || /Error$/.test(name)) continue;
      const found = [];
      for (let way = 0; way < WAYS; way++) found.push(await optionsOfCall(call, random));
      const names = found.find((one) => one.names.length > 0)?.names ?? [];
      const ways = found.map(({ before }) => before);
      const needed = Object.fromEntries(Object.entries(NEEDED).filter(([one]) => names.includes(one)));
      const waiting = names.map((one) => [one]);
      for (let path = waiting.shift(); path; path = waiting.shift()) {
        looked.add(`${name}: ${path.join('.')}`);
        for (const mistake of MISTAKES) {
          const refusal = await refusalOf(call, ways, needed, path, mistake);
          if (refusal === undefined) taken.push(`${name}: ${path.join('.')}: ${mistake}`);
          else if (mistake === MISTAKES[0])
            for (const inner of namesIn(refusal)) waiting.push([...path, inner]);
        }
      }
    }
    expect(looked.size).toBeGreaterThan(0);
    expect(taken).toEqual([]);
  },
);
