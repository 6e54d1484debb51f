import { attempted, fail, isClass, isReadable, isTransferred, shown, tag } from './check.js';
import { nearest } from './nearest.js';
import { isArrayBuffer, isBlob, isUrl } from './realm.js';

/** What an argument may be: in words, after "it must be", and as a test. */
export interface Kind {
  allowed: string;
  holds(value: unknown): boolean;
}

const has = (value: unknown, ...fields: string[]) =>
  typeof value === 'object' && value !== null && fields.every((field) => field in value);

/** Whether a value is a list of what passes a test; a hole is undefined, which `every` would skip. */
export function isListOf(value: unknown, test: (one: unknown) => boolean): value is unknown[] {
  if (!Array.isArray(value)) return false;
  for (const one of value) if (!test(one)) return false;
  return true;
}

const isFilled = (value: unknown, test: (one: unknown) => boolean) =>
  isListOf(value, test) && value.length > 0;

/** A kind of values. What cannot be read, such as an object whose getters throw, is of none. */
// Bundlers leave out the kinds that a page does not use.
/* @__NO_SIDE_EFFECTS__ */
export function kind(allowed: string, holds: Kind['holds']): Kind {
  return { allowed, holds: (value) => attempted(() => holds(value)) ?? false };
}

export const TEXT = kind('text', (value) => typeof value === 'string' && value !== '');
/** Text that may be empty. */
export const STRING = kind('text', (value) => typeof value === 'string');
export const FUNCTION = kind('a function', (value) => typeof value === 'function' && !isClass(value));
export const NUMBER = kind('a number', (value) => typeof value === 'number');
export const FINITE = kind('a finite number', (value) => Number.isFinite(value));
export const BOOLEAN = kind('true or false', (value) => typeof value === 'boolean');
/** A whole number that counts or limits something. */
export const COUNT = kind(
  'a whole number of at least 0',
  (value) => Number.isSafeInteger(value) && (value as number) >= 0,
);
export const LIST = kind('a list without holes', (value) => isListOf(value, (one) => one !== undefined));
export const TEXTS = kind('a list of texts', (value) => isListOf(value, (one) => typeof one === 'string'));
export const NUMBERS = kind(
  'a list of numbers',
  (value) => isListOf(value, (one) => typeof one === 'number') || isArrayOf(value, /^(?!Big).*Array$/),
);
export const FLOATS = kind('a Float32Array', (value) => isArrayOf(value, /^Float32Array$/));
export const BYTES = kind('a Uint8Array', (value) => isArrayOf(value, /^Uint8(Clamped)?Array$/));
const SIGNAL = kind(
  'an AbortSignal',
  (value) =>
    has(value, 'aborted', 'addEventListener') && typeof (value as AbortSignal).throwIfAborted === 'function',
);
export const MODEL = kind(
  'a LayersModel of TensorFlow.js that has layers and is not disposed',
  (value) =>
    has(value, 'getUserDefinedMetadata', 'layers', 'predict') &&
    ['inputs', 'layers', 'outputs'].every((list) =>
      isFilled((value as Record<string, unknown>)[list], (one) =>
        has(one, 'name', list === 'layers' ? 'inboundNodes' : 'sourceLayer'),
      ),
    ) &&
    (value as { _refCount?: unknown })._refCount !== 0 &&
    !(value as { weights?: { val?: { isDisposed?: boolean } }[] }).weights?.some(
      ({ val }) => val?.isDisposed,
    ),
);
export const TENSOR = kind(
  'a tensor of numbers that is not disposed',
  (value) =>
    has(value, 'dataId', 'rankType', 'dataSync') &&
    isListOf((value as { shape: unknown }).shape, COUNT.holds) &&
    !/^(string|complex64)$/.test((value as { dtype: string }).dtype) &&
    !(value as { isDisposed: boolean }).isDisposed,
);
export const EXAMPLES = kind('examples, such as an ImageSet', (value) => {
  const { length, shape, batches, fingerprint, classNames } = value as Record<string, unknown>;
  const isSet = COUNT.holds(length) && isFilled(shape, COUNT.holds) && FUNCTION.holds(batches);
  return isSet && optional(FUNCTION).holds(fingerprint) && optional(TEXTS).holds(classNames);
});
export const SOURCE = kind(
  'a path, a URL, a Blob, an ArrayBuffer or a Uint8Array',
  (value) =>
    TEXT.holds(value) ||
    isUrl(value) ||
    isBlob(value) ||
    isArrayOf(value, /^Uint8Array$/) ||
    (isArrayBuffer(value) && !isTransferred(value)),
);
/** A seed of random numbers. */
export const SEED = kind('a whole number from 0 to 4294967295', (value) => value === (value as number) >>> 0);
/** A part of a whole that is less than it. */
export const FRACTION = kind(
  'a number of at least 0 and below 1',
  (value) => NUMBER.holds(value) && (value as number) >= 0 && (value as number) < 1,
);
/** Where downloads are kept. */
export const CACHE = kind(
  'the path or the name of a cache, or false',
  (value) => value === false || TEXT.holds(value),
);

export const HEAT_MAP = kind('a heat map as { values, width, height }', (value) =>
  has(value, 'values', 'width', 'height'),
);
export const PIXELS = kind('pixels as { data, width, height }', (value) =>
  has(value, 'data', 'width', 'height'),
);

/** An object with these fields, which `allowed` says in words. */
export const withFields = (allowed: string, ...fields: string[]): Kind =>
  kind(allowed, (value) => has(value, ...fields));

/** An object whose fields are of kinds; `allowed` says it in words. */
/* @__NO_SIDE_EFFECTS__ */
export const recordOf = (allowed: string, fields: Readonly<Record<string, Kind>>): Kind =>
  kind(
    allowed,
    (value) =>
      has(value) &&
      Object.entries(fields).every(([name, one]) => one.holds((value as Record<string, unknown>)[name])),
  );

/**
 * An object with values of a kind by their names. A Map, or a promise that was not awaited, has no names, and would be taken for an
 * empty one.
 */
/* @__NO_SIDE_EFFECTS__ */
export const tableOf = (allowed: string, one: Kind): Kind =>
  kind(allowed, (value) => tag(value) === 'Object' && Object.values(value as object).every(one.holds));

/** Any object that is written as one in code, in words. */
/* @__NO_SIDE_EFFECTS__ */
export const plainObject = (allowed: string): Kind => kind(allowed, (value) => tag(value) === 'Object');

/** An object that has no other names than these. */
/* @__NO_SIDE_EFFECTS__ */
export const someOf = (...names: readonly string[]): Kind =>
  kind(
    `an object with some of ${names.join(', ')}`,
    (value) => tag(value) === 'Object' && Object.keys(value as object).every((name) => names.includes(name)),
  );

/** A list of values of one kind; `allowed` says it in words. */
/* @__NO_SIDE_EFFECTS__ */
export const listOf = (one: Kind, allowed = `a list, each of it ${one.allowed}`): Kind =>
  kind(allowed, (value) => isListOf(value, one.holds));

/** Values one after another, such as those of an async generator. */
export const SEQUENCE = kind(
  'iterable, such as a list or what an async generator returns',
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    !ArrayBuffer.isView(value) &&
    [Symbol.asyncIterator, Symbol.iterator].some((way) => FUNCTION.holds((value as never)[way])),
);

/** The kind, or nothing. */
export const optional = ({ allowed, holds }: Kind): Kind =>
  kind(allowed, (value) => value === undefined || holds(value));

/** The kind, or null. */
export const orNull = ({ allowed, holds }: Kind): Kind =>
  kind(`${allowed} or null`, (value) => value === null || holds(value));

/** The kind, null or nothing. */
export const nullable = ({ allowed, holds }: Kind): Kind =>
  kind(`${allowed} or null`, (value) => value === undefined || value === null || holds(value));

/** One of some values. */
/* @__NO_SIDE_EFFECTS__ */
export const oneFrom = (values: readonly unknown[]): Kind =>
  kind(`one of ${values.map((value) => JSON.stringify(value)).join(', ')}`, (value) =>
    values.includes(value),
  );

/** Either of two kinds. */
export const either = (one: Kind, other: Kind): Kind =>
  kind(`${one.allowed} or ${other.allowed}`, (value) => one.holds(value) || other.holds(value));

/** Whether a value is a typed array of a class, whose bytes were not transferred to another thread. */
function isArrayOf(value: unknown, classes: RegExp): boolean {
  return ArrayBuffer.isView(value) && classes.test(tag(value)) && !isTransferred(value);
}

/**
 * Throws unless each argument is of its kind.
 *
 * @example checkArguments('evaluate', { model, examples }, { model: MODEL, examples: EXAMPLES });
 */
export function checkArguments<T extends object>(
  where: string,
  values: T,
  kinds: { readonly [K in keyof T]: Kind },
): void {
  for (const name of Object.keys(kinds) as (keyof T & string)[]) {
    const { allowed, holds } = kinds[name];
    const value = values[name];
    if (isReadable(value) && holds(value)) continue;
    if (attempted(() => holds((value as { model: object }).model.valueOf())))
      fail(where, `${name} holds a model; pass that.`);
    fail(where, `${name} is ${shown(value)}; it must be ${allowed}.`);
  }
}

/** The names of options, as the keys of a record or as a list. */
export type OptionNames<T> = { readonly [K in keyof T]-?: 1 | Kind } | readonly (keyof T)[];

/**
 * The options of a function, none by default. Options of some names are of the same kind everywhere: a `signal`, and what is
 * called on the way (`onProgress`).
 *
 * @param names the names of the options, where it is enough to know it with the kind that each is of if it is given.
 * @param ignored names of what may stand beside them.
 * @throws RangeError when they are not an object, have an unknown name, or one of those kinds does not hold.
 */
export function optionsOf<T extends object>(
  where: string,
  options: T | undefined,
  names: OptionNames<T>,
  ignored: readonly string[] = [],
): T {
  if (options === undefined) return {} as T;
  const known = (Array.isArray(names) ? names : Object.keys(names)) as string[];
  const isRecord =
    tag(options) === 'Object' &&
    !has(options, 'dataId') &&
    !has(options, 'layers', 'predict') &&
    // Also what they inherit, and getters of their class.
    attempted(() => known.every((name) => isReadable(options[name as keyof T])));
  if (!isRecord) fail(where, `the options are ${shown(options)}; pass an object, such as { ${known[0]} }.`);
  for (const name of Object.keys(options)) {
    if (!known.includes(name) && !ignored.includes(name)) {
      const near = nearest(name, known);
      fail(
        where,
        `there is no option ${shown(name)}; ${near ? `did you mean ${near}?` : `the options are ${known.join(', ')}.`}`,
      );
    }
  }
  for (const name of known) {
    const own = (names as Readonly<Record<string, 1 | Kind>>)[name];
    const rule =
      name === 'signal' ? SIGNAL : /^on[A-Z]|^fetch$/.test(name) ? FUNCTION : typeof own === 'object' && own;
    if (rule) checkArguments(where, { [name]: options[name as keyof T] }, { [name]: optional(rule) });
  }
  return options;
}
