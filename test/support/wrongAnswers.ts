import { tensor } from '@tensorflow/tfjs-core';

/** What a caller's function throws or rejects with, which is the caller's own to understand. */
export const OF_THE_CALLER = 'of the caller';

const fails = (): never => {
  throw new Error(OF_THE_CALLER);
};

/** An object of which every field throws. */
const unreadable = () => new Proxy({}, { get: fails, has: fails, ownKeys: fails, getPrototypeOf: fails });

const disposed = () => {
  const one = tensor([1]);
  one.dispose();
  return one;
};

const VALUES: Readonly<Record<string, () => unknown>> = {
  null: () => null,
  undefined: () => undefined,
  true: () => true,
  'a number': () => 3,
  NaN: () => Number.NaN,
  'a bigint': () => 10n,
  'a symbol': () => Symbol('symbol'),
  'a text': () => 'nothing',
  'no text': () => '',
  'an object': () => ({}),
  'a bare object': () => Object.create(null),
  'a list': () => [],
  'a list of null': () => [null],
  'a date': () => new Date(0),
  bytes: () => new Uint8Array(3),
  'a function': () => () => {},
  'a class': () => class {},
  'a disposed tensor': disposed,
};

/** What a function of the caller's may give by mistake: each a function that is called in its place. */
export const WRONG_ANSWERS: Readonly<Record<string, () => unknown>> = {
  ...VALUES,
  ...Object.fromEntries(
    Object.entries(VALUES).map(([name, make]) => [`a promise of ${name}`, async () => make()]),
  ),
  'an unreadable object': unreadable,
  'an error': fails,
  'a rejection': async () => fails(),
  'a rejection without a reason': () => Promise.reject(undefined),
  // biome-ignore lint/suspicious/noThenProperty: what a callback may return by mistake.
  'a then that throws': () => ({ then: fails }),
};
