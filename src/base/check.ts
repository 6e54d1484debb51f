/** Throws a RangeError that names the function. The sentence states the value given, the values allowed, and the remedy. */
export function fail(where: string, sentence: string): never {
  throw new RangeError(`${where}: ${sentence}`);
}

/** Returns `value` if it is a whole number of at least `minimum`, and throws otherwise. */
export function wholeNumber(where: string, name: string, value: number, minimum = 1): number {
  if (!Number.isSafeInteger(value) || value < minimum) {
    fail(where, `${name} is ${value}; it must be a whole number of at least ${minimum}.`);
  }
  return value;
}

/** Returns `value` if it is one of `allowed`, and throws an error that lists them otherwise, but for undefined. */
export function oneOf<const T>(where: string, name: string, value: unknown, allowed: readonly T[]): T {
  if (!allowed.includes(value as T)) {
    fail(
      where,
      `${name} is ${JSON.stringify(value)}; it must be one of ${allowed.flatMap((a) => JSON.stringify(a) ?? []).join(', ')}.`,
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
  if (seed !== seed >>> 0) fail(where, `seed is ${seed}; it must be a whole number from 0 to 4294967295.`);
  return seed;
}
