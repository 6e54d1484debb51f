import { complex, memory, type Tensor, tensor, zeros } from '@tensorflow/tfjs-core';
import { MODEL } from '../../src/base/arguments.js';
import { attempted } from '../../src/base/check.js';
import { ImageSet } from '../../src/data/index.js';
import { encodePng, PLAIN_PREPROCESSING } from '../../src/images/index.js';
import { scaleArch, VGG16, vgg } from '../../src/index.js';
import { RECIPES } from '../../src/train/index.js';
import { setMetadata } from '../../src/weights/index.js';
import { useBackend } from './backends.js';

const network = () => vgg([[1, 2]], { inputShape: [4, 4, 3], hiddenUnits: 3, classes: 2, dropout: 0 });
await useBackend('cpu');
export const model = network();
setMetadata(model, { classNames: ['a', 'b'] });
const narrow = scaleArch(VGG16, 32);
const features = () => vgg(narrow, { inputShape: [32, 32, 3], includeTop: false });
let convolutions = features();
/** The convolutions of a VGG-16. A model that shares them takes them along when it is disposed. */
const base = () => {
  if (!MODEL.holds(convolutions)) convolutions = features();
  // Those that a call gave it are removed.
  setMetadata(convolutions, {});
  return convolutions;
};
/** A model that is disposed. */
const ended = network();
ended.dispose();
/** The numbers of the model's weights. */
export const weights = () => Promise.all(model.getWeights().map((one) => one.data()));
export const bytes = Uint8Array.from({ length: 48 }, (_, i) => 5 * i);
export const image = { data: bytes, width: 4, height: 4 };
const large = { data: new Uint8Array(3 * 32 * 32).fill(7), width: 32, height: 32 };
export const examples = new ImageSet({
  images: bytes,
  labels: new Uint8Array(1),
  shape: [4, 4, 3],
  classNames: ['a', 'b'],
});
const preprocessing = { ...PLAIN_PREPROCESSING, crop: 4, resize: { shorterSide: 4 } };
const png = await encodePng(image);
const disposed = () => {
  const one = tensor([1]);
  one.dispose();
  return one;
};

const transferred = () => {
  const one = new Uint8Array(48);
  structuredClone(one.buffer, { transfer: [one.buffer] });
  return one;
};
/** An object of which every field throws. */
const unreadable = () => {
  const fail = () => {
    throw new Error('it cannot be read');
  };
  return new Proxy({}, { get: fail, has: fail, ownKeys: fail, getPrototypeOf: fail });
};
const revoked = <T extends object>(target: T): T => {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
};

/** What a function may be meant to be called with. */
const GOOD: readonly (() => unknown)[] = [
  () => model,
  () => zeros([1, 4, 4, 3]),
  () => zeros([1, 4]),
  () => image,
  () => [large, large],
  () => examples,
  () => [[1, 2]],
  () => preprocessing,
  () => ({ preprocessing }),
  () => bytes,
  () => 'block1_conv1',
  () => ({ trainSet: examples }),
  () => ({ values: new Float32Array(4), width: 2, height: 2, classIndex: 0 }),
  () => 2,
  () => ({ batchSize: 1, seed: 1 }),
  () => ['a/1', 'b/2'].map((path) => ({ path, read: async () => image })),
  () => 1,
  base,
  () => png,
  () => ['block1_conv1'],
  () => ({ content: image, style: image }),
  () => ({ length: 1, preprocessing, originals: () => [{ image, label: 0 }] }),
];

/** The reason of a signal. */
export const STOPPED = 'stopped: by the test';

/** Bytes that `resize` cut off. */
const cutOff = () => {
  const buffer = Reflect.construct(ArrayBuffer, [64, { maxByteLength: 64 }]);
  const one = new Uint8Array(buffer, 16, 48);
  (buffer as { resize(length: number): void }).resize(8);
  return one;
};

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
  () => ended,
  () => new Array(2),
  () => [Symbol()],
  () => Object.create(null),
  () => transferred(),
  () => new BigInt64Array(3),
  () => 'a\0b',
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
  unreadable,
  () => revoked({}),
  () => revoked([1, 2]),
  () => ({ seed: unreadable(), size: revoked([]) }),
  () => Object.create({ seed: Number.NaN, batchSize: -1 }),
  () => ({ toString: undefined, valueOf: undefined }),
  () => ({ layers: [{ name: 'layer' }], inputs: [], outputs: [], predict: () => 3 }),
  () => ({ dataId: {}, shape: 3, dtype: 'float32', dataSync: () => [] }),
  () => ({ length: 2, shape: [4, 4, 3], batches: () => 3 }),
  () => ({ length: Number.NaN, shape: ['a'], batches: null }),
  () => new DataView(new ArrayBuffer(3)),
  () => new Map([['seed', 1]]),
  () => new URL('ftp://example.org/a.bin'),
  () => ({ [Symbol.toStringTag]: 'URL' }),
  () => ({ [Symbol.toStringTag]: 'Blob' }),
  () => AbortSignal.abort(new Error(STOPPED)),
  () => complex([1, 2], [1, 2]),
  () => zeros([0, 4, 4, 3]),
  () => 'x'.repeat(5000),
  () => 'a\nb',
  () => 'ftp://example.org/a.bin',
  // A file whose reading fails, on Linux.
  () => '/proc/self/mem',
  () => new Array(2 ** 32 - 1),
  () => [Number.NaN, 1],
  () => cutOff(),
  () => class {},
  () => ({ onProgress: Map, fetch: class {}, rename: Set, read: Map, overflow: Promise }),
  () => ({ length: 1, shape: [4, 4, 3], batches: class {} }),
  () => [revoked({})],
  () => ({ data: revoked(new Uint8Array(48)), width: 4, height: 4 }),
];

/** What the engine says of a mistake, in place of the function. */
export const RAW =
  /without 'new'|detached|revoked|\bE[A-Z]{2,}:|Cannot (perform|read|set|destructure|convert|mix|use|create)|is not (a function|iterable|a constructor|defined)|\[object \w+\]|out of bounds|undefined \(|Invalid (typed )?array|must be called|Maximum call stack|heap|is disposed|BigInt(?!64Array)/;

const isClass = (one: unknown) => /^class\b/.test(Function.prototype.toString.call(one));

/** Frees what a call returned, and closes it. */
async function release(result: unknown, held: ReadonlySet<unknown>): Promise<void> {
  if (typeof result !== 'object' || result === null || held.has(result)) return;
  if (Array.isArray(result)) for (const one of result) await release(one, held);
  else if ('dispose' in result && !(result as Tensor).isDisposed)
    await (result as { dispose(): unknown }).dispose();
  else if ('close' in result && typeof result.close === 'function') await result.close();
  else
    for (const one of Object.values(result))
      if (one && typeof one === 'object' && ('dispose' in one || Array.isArray(one)))
        await release(one, held);
}

/** What tfjs and JavaScript define is theirs. */
const FOREIGN = [Array, Map, Set, Date, Uint8Array, Promise, Error, URL, Blob, ReadableStream].map(
  (one) => one.prototype,
) as object[];

/** The functions of an object, by name: its own, and those that its class defines. Of a function, itself and its static ones. */
export function methodsOf(value: unknown): [string, (...args: unknown[]) => unknown][] {
  if (value === null || !['object', 'function'].includes(typeof value)) return [];
  const found = new Map<string, (...args: unknown[]) => unknown>();
  if (typeof value === 'function' && !isClass(value)) found.set('()', value as () => unknown);
  for (
    let at = value as object | null;
    at && at !== Object.prototype && at !== Function.prototype;
    at = Object.getPrototypeOf(at)
  ) {
    if (FOREIGN.includes(at) || ['dataId', 'getClassName', 'next'].some((name) => name in at)) return [];
    for (const name of Object.getOwnPropertyNames(at)) {
      const own = Object.getOwnPropertyDescriptor(at, name)!.value as unknown;
      if (typeof own !== 'function' || isClass(own) || name === 'constructor' || found.has(name)) continue;
      found.set(name, (...args) => own.apply(value, args));
    }
  }
  return [...found];
}

/** The first results of what iterates, which are freed. */
async function taken(result: unknown): Promise<void> {
  if (typeof result !== 'object' || result === null || Array.isArray(result)) return;
  if (!(Symbol.asyncIterator in result || Symbol.iterator in result)) return;
  let rest = 2;
  for await (const one of result as AsyncIterable<unknown>) {
    await release(one, new Set());
    if (--rest === 0) break;
  }
}

/** Calls a function, frees what it returns, and says what was wrong, if anything. */
export async function faultOf(
  call: (...args: unknown[]) => unknown,
  makers: readonly (() => unknown)[],
  says: (message: string, error: unknown, args: readonly unknown[]) => boolean,
  use: (result: unknown) => Promise<void> = async () => {},
): Promise<string | undefined> {
  const args = makers.map((make) => make());
  const held = new Set<unknown>([...args, model, examples]);
  const tensors = memory().numTensors;
  const faults: string[] = [];
  let message = '';
  try {
    const result = isClass(call) ? Reflect.construct(call, args) : await call(...args);
    await use(result);
    await taken(result);
    await release(result, held);
  } catch (error) {
    message = error instanceof Error ? error.message : String(error);
    if (RAW.test(message) || !says(message, error, args)) faults.push(message);
  }
  const kept = memory().numTensors - tensors;
  if (kept > 0) faults.push(`keeps ${kept} tensors: ${message}`);
  for (const one of args as Tensor[]) attempted(() => one.dataId && !one.isDisposed && one.dispose());
  return faults.length > 0 ? `(${makers.join(', ')}) ${faults.join('; ')}` : undefined;
}

/** Options without which a function looks at no other. */
const NEEDED: Readonly<Record<string, unknown>> = {
  images: bytes,
  shape: [4, 4, 3],
  classNames: ['a', 'b'],
  wallTime: 1,
  preprocessing,
  classes: 2,
  inChannels: 3,
  layer: 'block1_conv1',
  calibration: narrow.map(([, channels]) => Array<number>(channels).fill(1)),
  range: [0, 1],
  maxBytes: 1e9,
};

/** What a function says of arguments, whose result is freed; undefined if it takes them. */
export async function refusalOf(
  call: (...args: unknown[]) => unknown,
  makers: readonly (() => unknown)[],
): Promise<string | undefined> {
  let said: string | undefined;
  await faultOf(call, makers, (message) => {
    said = message;
    return true;
  });
  return said;
}

/** All lists of so many of what a function may be meant to be called with. */
function* listsOf(count: number): Generator<readonly (() => unknown)[]> {
  if (count <= 0) yield [];
  else for (const list of listsOf(count - 1)) for (const one of GOOD) yield [...list, one];
}

/** What is known of a function's options. */
export interface KnownOptions {
  /** Their names, which the function lists where it gets one that it does not have. */
  names: readonly string[];
  /** Arguments to pass before them. */
  before: readonly (() => unknown)[];
  /** Those without which it looks at no other. */
  needed: Readonly<Record<string, unknown>>;
  /** What it says of these arguments with those options; undefined if it takes them, and refuses nothing but another option. */
  refusal: string | undefined;
}

/** Finds arguments of a function that it takes, or that get it to look at its options at least. */
export async function optionsOfCall(call: (...args: unknown[]) => unknown): Promise<KnownOptions> {
  const said = (args: readonly (() => unknown)[], options: object) =>
    refusalOf(call, [...args, () => options]);
  let known: KnownOptions = { names: [], before: [], needed: {}, refusal: undefined };
  for (let count = 0; count <= call.length; count++) {
    for (const before of listsOf(count)) {
      const listed = /there is no option "\?"; the options are (.+)\.$/.exec(
        (await said(before, { '?': 1 })) ?? '',
      );
      if (!listed) continue;
      const names = listed[1]!.split(', ');
      const needed = Object.fromEntries(Object.entries(NEEDED).filter(([one]) => names.includes(one)));
      // Elsewhere than beside images, they are names.
      if (names.includes('labels')) needed.labels = names.includes('images') ? new Uint8Array(1) : ['a', 'b'];
      // A function that takes the arguments ends before it begins.
      const stopped = names.includes('signal') && { signal: AbortSignal.abort(new Error(STOPPED)) };
      const refusal = await said(before, { ...needed, ...stopped });
      if (refusal === undefined || refusal === STOPPED) return { names, before, needed, refusal: undefined };
      if (known.names.length === 0) known = { names, before, needed, refusal };
    }
  }
  return known;
}

/** One of what comes from a mistake. */
export const anyMistake = (random: { below(n: number): number }) => BAD[random.below(BAD.length)]!;

/** Draws arguments, of which the first are more often right than wrong. */
export function argumentsFrom(random: { below(n: number): number }): (() => unknown)[] {
  const pick = <T>(list: readonly T[]) => list[random.below(list.length)]!;
  return Array.from({ length: random.below(4) }, (_, i) =>
    pick(random.below(i === 0 ? 3 : 2) > 0 ? GOOD : BAD),
  );
}
