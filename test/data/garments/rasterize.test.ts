import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { coverage, type Point } from '../../../src/data/garments/rasterize.js';

const total = (areas: Float32Array) => areas.reduce((sum, area) => sum + area, 0);

function shoelace(outline: readonly Point[]): number {
  return Math.abs(
    outline.reduce((sum, [x, y], i) => {
      const [nextX, nextY] = outline[(i + 1) % outline.length]!;
      return sum + (x * nextY - nextX * y) / 2;
    }, 0),
  );
}

/** The fraction of a fine grid of points within each pixel that lies in a triangle. */
function sampled([a, b, c]: readonly [Point, Point, Point], side: number, grid: number): Float32Array {
  const turn = (p: Point, q: Point, x: number, y: number) =>
    (q[0] - p[0]) * (y - p[1]) - (q[1] - p[1]) * (x - p[0]);
  return Float32Array.from({ length: side * side }, (_, i) => {
    let inside = 0;
    for (let k = 0; k < grid * grid; k++) {
      const x = (i % side) + ((k % grid) + 0.5) / grid;
      const y = Math.floor(i / side) + (Math.floor(k / grid) + 0.5) / grid;
      const turns = [turn(a, b, x, y), turn(b, c, x, y), turn(c, a, x, y)];
      if (turns.every((t) => t >= 0) || turns.every((t) => t <= 0)) inside++;
    }
    return inside / grid ** 2;
  });
}

describe('coverage', () => {
  test('covers pixels fully or partly', () => {
    const outline: Point[] = [
      [0.5, 1],
      [3, 1],
      [3, 2.25],
      [0.5, 2.25],
    ];
    expect([...coverage(outline, 4, 3)]).toEqual([0, 0, 0, 0, 0.5, 1, 1, 0, 0.125, 0.25, 0.25, 0]);
  });

  test('halves pixels along a diagonal', () => {
    expect([
      ...coverage(
        [
          [0, 0],
          [2, 2],
          [0, 2],
        ],
        2,
        2,
      ),
    ]).toEqual([0.5, 0, 1, 0.5]);
  });

  test('covers the same areas clockwise and counterclockwise', () => {
    const outline: Point[] = [
      [1.2, 0.3],
      [6.7, 2.1],
      [4, 7.5],
      [0.2, 5],
    ];
    const there = coverage(outline, 8, 8);
    coverage([...outline].reverse(), 8, 8).forEach((area, i) => {
      expect(area).toBeCloseTo(there[i]!, 6);
    });
  });

  test('agrees with the fraction of sample points in triangles anywhere, also outside the image', () => {
    const point = fc.tuple(
      fc.double({ min: -6, max: 14, noNaN: true }),
      fc.double({ min: -6, max: 14, noNaN: true }),
    );
    fc.assert(
      fc.property(point, point, point, (a, b, c) => {
        const exact = coverage([a, b, c], 8, 8);
        sampled([a, b, c], 8, 32).forEach((fraction, i) => {
          expect(Math.abs(exact[i]! - fraction)).toBeLessThan(0.07);
        });
      }),
      { numRuns: 60, seed: 1 },
    );
  });

  test('adds up to the area of any polygon without crossings inside the image', () => {
    const star = fc.array(fc.double({ min: 0.5, max: 9.5, noNaN: true }), { minLength: 3, maxLength: 12 });
    fc.assert(
      fc.property(star, (radii) => {
        const outline = radii.map((radius, i): Point => {
          const angle = (2 * Math.PI * i) / radii.length;
          return [10 + radius * Math.cos(angle), 10 + radius * Math.sin(angle)];
        });
        expect(total(coverage(outline, 20, 20))).toBeCloseTo(shoelace(outline), 3);
      }),
      { seed: 1 },
    );
  });

  test('covers a pixel once where an outline overlaps itself', () => {
    const twice: Point[] = [
      [0, 0],
      [2, 0],
      [2, 2],
      [0, 2],
      [0, 0],
      [2, 0],
      [2, 2],
      [0, 2],
    ];
    expect([...coverage(twice, 3, 3)]).toEqual([1, 1, 0, 1, 1, 0, 0, 0, 0]);
  });

  test('covers nothing with a polygon outside the image', () => {
    for (const [x, y] of [
      [20, 1],
      [1, 20],
      [-20, 1],
      [1, -20],
    ] as const) {
      expect(
        total(
          coverage(
            [
              [x, y],
              [x + 2, y],
              [x, y + 2],
            ],
            8,
            8,
          ),
        ),
      ).toBeCloseTo(0, 6);
    }
  });
});
