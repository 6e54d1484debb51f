import { describe, expect, test } from 'vitest';
import { checkSeed, numberThat, oneOf, shown, wholeNumber } from '../../src/base/check.js';

describe('checks', () => {
  test('return a value that is allowed', () => {
    expect(wholeNumber('f', 'n', 3)).toBe(3);
    expect(wholeNumber('f', 'n', 0, 0)).toBe(0);
    expect(oneOf('f', 'mode', 'b', ['a', 'b'])).toBe('b');
    expect([0, 4294967295].map((seed) => checkSeed('f', seed))).toEqual([0, 4294967295]);
  });

  test.each([0, 1.5, Number.NaN, 2 ** 53])('refuse a number of %s', (value) => {
    expect(() => wholeNumber('f', 'n', value)).toThrow(
      new RangeError(`f: n is ${value}; it must be a whole number of at least 1.`),
    );
  });

  test('show what was passed, in a few words', () => {
    class Model {
      weights = [1, 2, 3];
    }
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    expect(shown(new Model())).toBe('an object of class Model');
    expect(shown(circle)).toBe('{"self":{"self":{"self":{...}}}}');
    expect(shown([[1, 64]])).toBe('[[1,64]]');
    expect(shown(Array(100).fill(1))).toMatch(/^\[1,1,.*\.\.\.$/);
    expect(shown([Symbol('s'), Number.NaN, undefined, 10n, new Array(1)])).toBe(
      '[Symbol(s),NaN,undefined,10n,[undefined]]',
    );
    expect(shown({ constructor: { name: Symbol('s') } })).toBe('an object');
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    expect(shown(proxy)).toBe('an object that cannot be read');
    expect([Model, Map, function own() {}, () => 3].map(shown)).toEqual([
      'the class Model',
      'the class Map',
      'the function own',
      'the function (unnamed)',
    ]);
    expect(['1', null, undefined, 2].map(shown)).toEqual(['"1"', 'null', 'undefined', '2']);
    expect(() => oneOf('f', 'mode', circle, ['a'])).toThrow(
      'f: mode is {"self":{"self":{"self":{...}}}}; it',
    );
  });

  test('refuse text that looks like a number', () => {
    const isPositive = (value: number) => value > 0;
    expect(numberThat('f', 'x', 0.5, isPositive, 'above 0')).toBe(0.5);
    for (const [value, shown] of [
      ['0.5', '"0.5"'],
      [null, 'null'],
      [true, 'true'],
    ] as const) {
      expect(() => numberThat('f', 'x', value as never, isPositive, 'above 0')).toThrow(
        new RangeError(`f: x is ${shown}; it must be above 0.`),
      );
    }
    expect(() => wholeNumber('f', 'n', '3' as never)).toThrow(
      new RangeError('f: n is "3"; it must be a whole number of at least 1.'),
    );
  });

  test('refuse a value that is not in the list', () => {
    expect(() => oneOf('f', 'mode', 'c', ['a', 'b'])).toThrow(
      new RangeError('f: mode is "c"; it must be one of "a", "b".'),
    );
  });

  test.each([-1, 0.5, 2 ** 32, Number.NaN])('refuse a seed of %s', (seed) => {
    expect(() => checkSeed('f', seed)).toThrow(
      new RangeError(`f: seed is ${seed}; it must be a whole number from 0 to 4294967295.`),
    );
  });
});
