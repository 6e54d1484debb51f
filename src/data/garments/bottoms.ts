import type { Random } from '../../base/random.js';
import { arch, type Canvas, mirrored, rounded } from './canvas.js';
import type { Point } from './rasterize.js';

/** Trousers: a waistband and two legs, from skinny to flared. */
export function trouser(canvas: Canvas, random: Random, shade: number): void {
  const waist = random.between(0.22, 0.34);
  const hip = waist * random.between(1.05, 1.25);
  const crotch = random.between(-0.48, -0.2);
  const bottom = random.between(0.85, 1);
  const foot = random.between(0.06, 0.36);
  const leg = random.between(0.14, 0.26);
  const gap = random.between(0, 0.04);
  for (const side of [-1, 1]) {
    const right: Point[] = [
      [0, -0.95],
      [waist, -0.95],
      [hip, -0.6],
      [(hip + foot + leg) / 2, 0.2],
      [foot + leg, bottom],
      [foot, bottom],
      [gap + foot * 0.3, 0.2],
      [gap, crotch],
      [0, crotch],
    ];
    canvas.fill(
      right.map(([x, y]): Point => [side * x, y]),
      shade * (side < 0 ? 1 : random.between(0.9, 1)),
    );
  }
  const dark = shade * random.between(0.4, 0.75);
  canvas.line(
    [
      [-waist, -0.91],
      [waist, -0.91],
    ],
    0.08,
    dark,
  );
  canvas.line(
    [
      [0, -0.9],
      [0, crotch],
    ],
    0.04,
    dark,
  );
  if (random.chance(0.5)) {
    for (const side of [-1, 1])
      canvas.line(
        [
          [side * waist * 0.5, -0.84],
          [side * hip * 0.9, -0.68],
        ],
        0.04,
        dark,
      );
  }
}

/** A bag: a box or a pouch under one or two handles, often with a flap, a zip or a buckle. */
export function bag(canvas: Canvas, random: Random, shade: number): void {
  const top = random.between(-0.4, 0);
  const bottom = random.between(0.6, 0.9);
  const upper = random.between(0.55, 0.9);
  const lower = upper * random.between(0.85, 1.2);
  const dark = shade * random.between(0.3, 0.7);
  const reach = upper * random.between(0.35, 0.85);
  const rise = random.between(0.25, 0.95 + top);
  const strap = random.between(0.06, 0.13);
  canvas.line(arch([0, top + 0.03], reach, rise), strap, shade * random.between(0.6, 1));
  if (random.chance(0.25)) canvas.line(arch([0, top + 0.03], reach * 0.8, rise * 0.7), strap, dark);
  const box = mirrored([
    [upper, top],
    [(upper + lower) / 2, (top + bottom) / 2],
    [lower, bottom],
  ]);
  canvas.fill(random.chance(0.6) ? rounded(box, 1 + random.below(2)) : box, shade);
  const style = random.next();
  if (style < 0.4) {
    const flap = top + (bottom - top) * random.between(0.3, 0.6);
    const edge: Point[] = [
      [-upper * 0.95, top + 0.05],
      [-upper * 0.8, flap],
      [0, flap + random.between(0, 0.15)],
      [upper * 0.8, flap],
      [upper * 0.95, top + 0.05],
    ];
    canvas.line(edge, 0.05, dark);
    canvas.line(
      [
        [-0.07, flap],
        [0.07, flap],
      ],
      0.14,
      Math.min(1, shade * 1.3),
    );
  } else if (style < 0.7) {
    canvas.line(
      [
        [-upper * 0.85, top + 0.14],
        [upper * 0.85, top + 0.14],
      ],
      0.06,
      dark,
    );
  } else if (style < 0.85) {
    for (const side of [-1, 1])
      canvas.line(
        [
          [side * reach, top],
          [side * reach, bottom],
        ],
        0.08,
        dark,
      );
  }
}
