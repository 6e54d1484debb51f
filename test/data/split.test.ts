import { describe, expect, test } from 'vitest';
import { drawValidation } from '../../src/data/split.js';

const names = Array.from({ length: 200 }, (_, i) => `cats/${i}.jpg`);
const drawn = (from: readonly string[], fraction: number, seed = 0) =>
  new Set([...drawValidation(from, fraction, seed)].map((i) => from[i]!));

describe('drawValidation', () => {
  test('draws the given fraction, and others with another seed', () => {
    const first = drawn(names, 0.2);
    expect(first.size).toBe(40);
    const both = [...drawn(names, 0.2, 1)].filter((name) => first.has(name)).length;
    // 8 by chance.
    expect(both).toBeLessThan(20);
    expect(drawn(names, 0).size).toBe(0);
    expect(drawn(names, 1).size).toBe(200);
  });

  test('does not depend on the order of the names', () => {
    expect(drawn([...names].reverse(), 0.3)).toEqual(drawn(names, 0.3));
  });

  test('an added name moves at most one of the others', () => {
    const before = drawn(names, 0.2);
    for (let i = 0; i < 50; i++) {
      const after = drawn([...names, `cats/new-${i}.jpg`], 0.2);
      const moved = names.filter((name) => before.has(name) !== after.has(name));
      expect(moved.length).toBeLessThanOrEqual(1);
    }
  });

  test('a growing set keeps nearly all of its validation names', () => {
    const half = drawn(names.slice(0, 100), 0.2);
    const kept = [...half].filter((name) => drawn(names, 0.2).has(name)).length;
    expect(kept).toBeGreaterThanOrEqual(12);
  });

  test.each([
    [1, 0.2, 0],
    [2, 0.2, 1],
    [3, 0.9, 2],
    [1, 1, 1],
    [0, 0.5, 0],
  ])('of %i names a fraction of %f is %i', (count, fraction, expected) => {
    expect(drawn(names.slice(0, count), fraction).size).toBe(expected);
  });
});
