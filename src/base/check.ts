/** Throws a RangeError that names the function, what it was given, what is allowed and what to do. */
export function fail(where: string, sentence: string): never {
  throw new RangeError(`${where}: ${sentence}`);
}

/** `value` when it is a whole number from `least` on; otherwise an error that names it. */
export function wholeNumber(where: string, name: string, value: number, least = 1): number {
  if (!Number.isSafeInteger(value) || value < least) {
    fail(where, `${name} is ${value}; it must be a whole number of at least ${least}.`);
  }
  return value;
}

/** `value` when it is one of `allowed`; otherwise an error that lists them. */
export function oneOf<const T>(where: string, name: string, value: unknown, allowed: readonly T[]): T {
  if (!allowed.includes(value as T)) {
    fail(
      where,
      `${name} is ${JSON.stringify(value)}; it must be one of ${allowed.map((a) => JSON.stringify(a)).join(', ')}.`,
    );
  }
  return value as T;
}

/** `seed` when it is a whole number from 0 to 4294967295, as the generator takes it; otherwise an error that names it. */
export function checkSeed(where: string, seed: number): number {
  if (seed !== seed >>> 0) fail(where, `seed is ${seed}; it must be a whole number from 0 to 4294967295.`);
  return seed;
}
