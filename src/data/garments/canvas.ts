import type { Random } from '../../base/random.js';
import { coverage, type Point } from './rasterize.js';

/** Position of a canvas in its image. */
export interface Placement {
  /** Clockwise rotation in radians. */
  angle: number;
  /** Pixels of one unit of the canvas, across and down. */
  scale: readonly [across: number, down: number];
  /** The pixel of the canvas' origin. */
  center: Point;
}

/**
 * A gray image of `side` x `side` pixels, black at first. Outlines are painted in units of the canvas, x to the right and y
 * down, from -1 to 1, which `placement` maps to pixels.
 */
export class Canvas {
  /** Shades from 0 (black) to 1, in rows from the top. */
  readonly shades: Float32Array;
  readonly #side: number;
  readonly #placement: Placement;

  constructor(side: number, placement: Placement) {
    this.shades = new Float32Array(side * side);
    this.#side = side;
    this.#placement = placement;
  }

  /** Paints the inside of an outline. */
  fill(outline: readonly Point[], shade: number): void {
    const areas = coverage(
      outline.map((point) => this.#place(point)),
      this.#side,
      this.#side,
    );
    areas.forEach((area, i) => {
      if (area > 0) this.shades[i]! += area * (shade - this.shades[i]!);
    });
  }

  /** Paints a line of the given width along `points`. */
  line(points: readonly Point[], width: number, shade: number): void {
    this.fill(ribbon(points, width), shade);
  }

  /** Multiplies every shade by `factor` at its position on the canvas. */
  texture(factor: (x: number, y: number) => number): void {
    const { angle, scale, center } = this.#placement;
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    for (let row = 0, i = 0; row < this.#side; row++) {
      for (let column = 0; column < this.#side; column++, i++) {
        if (this.shades[i] === 0) continue;
        const [dx, dy] = [column + 0.5 - center[0], row + 0.5 - center[1]];
        this.shades[i]! *= factor((dx * cos + dy * sin) / scale[0], (dy * cos - dx * sin) / scale[1]);
      }
    }
  }

  /** The image as bytes, each shade varied at random by about a fraction `noise` of itself. */
  bytes(noise: number, random: Random): Uint8Array {
    return Uint8Array.from(this.shades, (shade) => {
      const wobble = 1 + noise * (random.next() + random.next() + random.next() - 1.5);
      return Math.max(0, Math.min(255, Math.round(255 * shade * wobble)));
    });
  }

  #place([x, y]: Point): Point {
    const { angle, scale, center } = this.#placement;
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    const [dx, dy] = [x * scale[0], y * scale[1]];
    return [center[0] + dx * cos - dy * sin, center[1] + dx * sin + dy * cos];
  }
}

/** A symmetric outline, from its right half, top to bottom, and its mirror image about x = 0. */
export function mirrored(right: readonly Point[]): Point[] {
  return [...right, ...right.map(([x, y]): Point => [-x, y]).reverse()];
}

/** Rounds the corners of an outline by cutting each at a quarter of its edges, `times` times (Chaikin 1974). */
export function rounded(outline: readonly Point[], times = 2): Point[] {
  let points = [...outline];
  for (let i = 0; i < times; i++) {
    points = points.flatMap((from, at) => {
      const to = points[(at + 1) % points.length]!;
      return [between(from, to, 0.25), between(from, to, 0.75)];
    });
  }
  return points;
}

/** The point at a fraction of the way from one point to another. */
export function between(from: Point, to: Point, fraction: number): Point {
  return [from[0] + fraction * (to[0] - from[0]), from[1] + fraction * (to[1] - from[1])];
}

/** Points along the upper half of an ellipse, from its left end to its right end. */
export function arch(center: Point, radiusX: number, radiusY: number, steps = 8): Point[] {
  return Array.from({ length: steps + 1 }, (_, i) => {
    const angle = Math.PI * (1 - i / steps);
    return [center[0] + radiusX * Math.cos(angle), center[1] - radiusY * Math.sin(angle)];
  });
}

/** The outline of a line of the given width along `points`. */
function ribbon(points: readonly Point[], width: number): Point[] {
  const sides = points.map((point, i) => {
    const [from, to] = [points[Math.max(0, i - 1)]!, points[Math.min(points.length - 1, i + 1)]!];
    const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
    const half = width / 2 / Math.max(1e-9, Math.hypot(dx, dy));
    return { out: [-dy * half, dx * half] as const, point };
  });
  const left = sides.map(({ point, out }): Point => [point[0] + out[0], point[1] + out[1]]);
  const right = sides.map(({ point, out }): Point => [point[0] - out[0], point[1] - out[1]]);
  return [...left, ...right.reverse()];
}
