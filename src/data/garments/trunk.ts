import type { Random } from '../../base/random.js';
import { type Canvas, mirrored } from './canvas.js';
import type { Point } from './rasterize.js';

/** Half widths and heights of a garment for the trunk, in canvas units; y grows downwards. */
export interface Trunk {
  top: number;
  neck: number;
  shoulder: number;
  chest: number;
  waist: number;
  hem: number;
  bottom: number;
}

/** A sleeve: how far it reaches, how far it stands off (0 hangs straight down, 1 points sideways), how wide it is. */
export interface Sleeve {
  length: number;
  spread: number;
  width: number;
  cuff: number;
}

export function drawTrunk(random: Random, { bottom, flare }: { bottom: number; flare: number }): Trunk {
  const chest = random.between(0.4, 0.52);
  return {
    top: random.between(-0.9, -0.78),
    neck: random.between(0.16, 0.24),
    shoulder: chest * random.between(0.92, 1.04),
    chest,
    waist: chest * random.between(0.88, 1),
    hem: chest * random.between(0.92, 1.04) + flare,
    bottom,
  };
}

export function longSleeve(random: Random, trunk: Trunk): Sleeve {
  return {
    length: (trunk.bottom - trunk.top) * random.between(0.78, 1),
    spread: random.between(0.08, 0.26),
    width: random.between(0.22, 0.3),
    cuff: random.between(0.14, 0.2),
  };
}

export function trunkFill(canvas: Canvas, trunk: Trunk, shade: number): void {
  const right: Point[] = [
    [trunk.neck, trunk.top],
    [trunk.shoulder, trunk.top + 0.14],
    [trunk.chest, trunk.top + 0.5],
    [trunk.waist, trunk.top + 0.62 * (trunk.bottom - trunk.top)],
    [trunk.hem, trunk.bottom],
  ];
  canvas.fill(mirrored(right), shade);
}

/** Both sleeves, from the shoulders; the cuffs in `cuffShade` if given. */
export function sleeves(
  canvas: Canvas,
  trunk: Trunk,
  sleeve: Sleeve,
  shade: number,
  cuffShade?: number,
): void {
  const across = sleeve.length * sleeve.spread;
  const down = sleeve.length * Math.sqrt(1 - sleeve.spread ** 2);
  for (const side of [-1, 1]) {
    const [x, y] = [trunk.shoulder, trunk.top + 0.12];
    // The outer edge starts at the shoulder's point, the inner one in the armpit.
    const [outX, outY] = [x + across, y + down];
    const inX = outX - sleeve.cuff * Math.sqrt(1 - sleeve.spread ** 2);
    const inY = outY + sleeve.cuff * sleeve.spread * 0.6;
    const outline: Point[] = [
      [side * (x - 0.16), y - 0.06],
      [side * x, y],
      [side * outX, outY],
      [side * inX, inY],
      [side * (trunk.chest - 0.06), y + sleeve.width + 0.1],
    ];
    canvas.fill(outline, shade);
    if (cuffShade !== undefined) {
      const up = 0.1 / sleeve.length;
      const outer: Point = [side * (outX - across * up), outY - down * up];
      const inner: Point = [side * (inX - across * up), inY - down * up];
      canvas.fill([outer, [side * outX, outY], [side * inX, inY], inner], cuffShade);
    }
    canvas.line(
      [
        [side * x, y],
        [side * (trunk.chest - 0.01), y + sleeve.width + 0.2],
      ],
      0.035,
      shade * 0.6,
    );
  }
}

/** Cuts out the neckline, pointed or round. */
export function neckline(canvas: Canvas, trunk: Trunk, depth: number, pointed: boolean): void {
  const right: Point[] = pointed
    ? [
        [trunk.neck * 0.92, trunk.top - 0.02],
        [0, trunk.top + depth],
      ]
    : [
        [trunk.neck * 0.92, trunk.top - 0.02],
        [trunk.neck * 0.7, trunk.top + depth * 0.7],
        [trunk.neck * 0.3, trunk.top + depth],
      ];
  canvas.fill(mirrored(right), 0);
}

/** The half width of the trunk at a fraction of its height, between waist and hem. */
export function hemAt(trunk: Trunk, fraction: number): number {
  return trunk.waist + (trunk.hem - trunk.waist) * Math.max(0, (fraction - 0.62) / 0.38);
}

export function sided(x0: number, y0: number, x1: number, y1: number, side: number): Point[] {
  return [
    [side * x0, y0],
    [side * x1, y1],
  ];
}
