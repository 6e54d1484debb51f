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

/** The most characters of a value in a message. */
const LONGEST = 100;

/**
 * A value in a message: text in quotes, so that "1" does not look like the number, plain data as JSON, other objects by their
 * class, such as a model passed in the wrong place. What is long is cut.
 */
export function shown(value: unknown): string {
  const text = textOf(value);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}...` : text;
}

function textOf(value: unknown): string {
  if (typeof value === 'function') return `the function ${value.name || '(unnamed)'}`;
  if (typeof value === 'object' && value !== null) {
    const { constructor: made } = value;
    const isPlain = Array.isArray(value) || made === undefined || made.name === 'Object';
    if (made?.name === 'Promise') return 'a Promise (await it first)';
    if (!isPlain) return made.name ? `an object of class ${made.name}` : 'an object';
  } else if (typeof value !== 'string') return String(value);
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return 'an object that cannot be written as JSON';
  }
}
