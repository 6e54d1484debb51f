/** Throws a RangeError that names the function. The sentence states the value given, the values allowed, and the remedy. */
export function fail(where: string, sentence: string): never {
  throw new RangeError(`${where}: ${sentence}`);
}

/** Returns `value` if it is a number that `holds`, and throws otherwise; `allowed` follows "it must be". */
export function numberThat(
  where: string,
  name: string,
  value: number,
  holds: (value: number) => boolean,
  allowed: string,
): number {
  if (typeof value !== 'number' || !holds(value)) {
    fail(where, `${name} is ${shown(value)}; it must be ${allowed}.`);
  }
  return value;
}

/** Returns `value` if it is a whole number of at least `minimum` and at most `maximum`, and throws otherwise. */
export function wholeNumber(
  where: string,
  name: string,
  value: number,
  minimum = 1,
  maximum = Number.POSITIVE_INFINITY,
): number {
  const holds = (n: number) => Number.isSafeInteger(n) && n >= minimum && n <= maximum;
  const range =
    maximum === Number.POSITIVE_INFINITY ? `of at least ${minimum}` : `from ${minimum} to ${maximum}`;
  return numberThat(where, name, value, holds, `a whole number ${range}`);
}

/** Maximum height and width of an image in pixels that may be asked for. */
export const MAX_SIDE = 2 ** 14;

/** More threads of the wasm backend gain nothing, take some MB of memory each, and by the thousand hang the process. */
export const MOST_THREADS = 128;

/** The longest measurement, an hour, in seconds. */
export const MOST_SECONDS = 3600;

/** Returns `value` if it is one of `allowed`, and throws an error that lists them otherwise, but for undefined. */
export function oneOf<const T>(where: string, name: string, value: unknown, allowed: readonly T[]): T {
  if (!allowed.includes(value as T)) {
    fail(
      where,
      `${name} is ${shown(value)}; it must be one of ${allowed.flatMap((a) => JSON.stringify(a) ?? []).join(', ')}.`,
    );
  }
  return value as T;
}

/** Returns `value` if it is a key of `record`, and throws an error that lists the keys otherwise. */
export function keyOf<R extends object>(where: string, name: string, value: unknown, record: R): keyof R {
  return oneOf(where, name, value, Object.keys(record)) as keyof R;
}

/** Returns `seed` if it is a whole number from 0 to 4294967295, and throws otherwise. */
export function checkSeed(where: string, seed: number): number {
  return numberThat(where, 'seed', seed, (n) => n === n >>> 0, 'a whole number from 0 to 4294967295');
}

/** A text as it is, and any other value as messages show it: an error's constructor may be called with anything. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : shown(value);
}

/** The most characters of a value in a message, and items of a list. */
const LONGEST = 100;

/**
 * A value in a message: text in quotes, so that "1" does not look like the number, lists and plain objects as they are written in
 * code, other objects by their class, such as a model passed in the wrong place. What is long is cut. Of no value does it throw.
 */
export function shown(value: unknown): string {
  const text = attempted(() => written(value, 3)) ?? 'an object that cannot be read';
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}...` : text;
}

function written(value: unknown, depth: number): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, LONGEST + 1));
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function')
    return `the ${isClass(value) ? 'class' : 'function'} ${value.name || '(unnamed)'}`;
  if (typeof value !== 'object' || value === null) return String(value);
  const isList = Array.isArray(value);
  const name: unknown = isList ? undefined : value.constructor?.name;
  if (name === 'Promise') return 'a Promise (await it first)';
  if (name !== undefined && name !== 'Object') {
    const text = name !== '' && typeof name === 'string' ? `an object of class ${name}` : 'an object';
    return isTransferred(value) ? `${text} whose bytes were transferred to another thread` : text;
  }
  if (depth === 0) return isList ? '[...]' : '{...}';
  const inner = (one: unknown) => written(one, depth - 1);
  if (isList) return `[${Array.from(value.slice(0, LONGEST), inner)}]`;
  const fields = Object.keys(value)
    .slice(0, LONGEST)
    .map((key) => `${JSON.stringify(key)}:${inner(value[key as keyof typeof value])}`);
  return `{${fields}}`;
}

/** Whether a function is a class, also one of JavaScript's own such as Map: these have a prototype that stays. */
export function isClass(value: object): boolean {
  return Object.getOwnPropertyDescriptor(value, 'prototype')?.writable === false;
}

/** Whether a value is a buffer, or an array on one, whose bytes were transferred away, such as by `postMessage`, or cut off by `resize`. */
export function isTransferred(value: object): boolean {
  const read = () =>
    ArrayBuffer.isView(value)
      ? ((value as Uint8Array).keys?.() ?? true)
      : tag(value) !== 'ArrayBuffer' || new Uint8Array(value as ArrayBuffer);
  return attempted(read) === undefined;
}

/** Whether a value can be read as far as messages show it: it is no revoked proxy, and no getter in it throws. */
export function isReadable(value: unknown): boolean {
  return attempted(() => written(value, 4)) !== undefined;
}

/**
 * The type of a value by its tag. `instanceof` fails for objects from another realm: an iframe, a `node:vm` context or, under
 * Jest, Node itself.
 */
export function tag(value: unknown): string {
  return attempted(() => Object.prototype.toString.call(value).slice(8, -1)) ?? '';
}

/** A result, or undefined where its computation throws, as getters and proxies may. */
export function attempted<T>(compute: () => T): T | undefined {
  try {
    return compute();
  } catch {
    return undefined;
  }
}
