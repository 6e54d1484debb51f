import type { Random } from '../../base/random.js';
import { type Canvas, mirrored, rounded } from './canvas.js';
import type { Point } from './rasterize.js';
import { drawTrunk, hemAt, longSleeve, neckline, sided, sleeves, type Trunk, trunkFill } from './trunk.js';

/** A T-shirt: short sleeves that stand off, a round or pointed neckline, often a print. */
export function tShirt(canvas: Canvas, random: Random, shade: number): void {
  const trunk = drawTrunk(random, { bottom: random.between(0.72, 0.92), flare: 0 });
  const sleeve = {
    length: random.between(0.32, 0.52),
    spread: random.between(0.5, 0.8),
    width: random.between(0.28, 0.36),
    cuff: random.between(0.24, 0.34),
  };
  sleeves(canvas, trunk, sleeve, shade * random.between(0.88, 1));
  trunkFill(canvas, trunk, shade);
  neckline(canvas, trunk, random.between(0.1, 0.3), random.chance(0.3));
  if (random.chance(0.45)) {
    const print =
      shade > 0.6 ? shade * random.between(0.25, 0.6) : Math.min(1, shade + random.between(0.25, 0.5));
    const [x, y] = [random.between(0.12, 0.28), random.between(-0.4, -0.15)];
    const block = mirrored([
      [x, y],
      [x, y + random.between(0.18, 0.5)],
    ]);
    canvas.fill(random.chance(0.5) ? rounded(block) : block, print);
  }
}

/** A pullover: long sleeves that hang down, ribbed cuffs and hem, a round neck with a collar. */
export function pullover(canvas: Canvas, random: Random, shade: number): void {
  const trunk = drawTrunk(random, { bottom: random.between(0.7, 0.9), flare: 0.02 });
  const rib = shade * random.between(0.62, 0.82);
  const sleeve = longSleeve(random, trunk);
  sleeves(canvas, trunk, sleeve, shade * random.between(0.82, 0.95), rib);
  trunkFill(canvas, trunk, shade);
  canvas.fill(
    mirrored([
      [hemAt(trunk, 0.88), trunk.bottom - 0.13],
      [trunk.hem, trunk.bottom],
    ]),
    rib,
  );
  const depth = random.between(0.06, 0.16);
  neckline(canvas, trunk, depth, false);
  const collar: Point[] = [
    [-trunk.neck, trunk.top],
    [-trunk.neck * 0.6, trunk.top + depth * 0.9],
    [0, trunk.top + depth * 1.25],
    [trunk.neck * 0.6, trunk.top + depth * 0.9],
    [trunk.neck, trunk.top],
  ];
  canvas.line(collar, 0.09, rib);
}

/** A coat: longer than a pullover, open down the middle, with lapels and often a hood, pockets or a belt. */
export function coat(canvas: Canvas, random: Random, shade: number): void {
  const trunk = drawTrunk(random, { bottom: random.between(0.88, 1), flare: random.between(0.02, 0.1) });
  const dark = shade * random.between(0.15, 0.45);
  sleeves(canvas, trunk, longSleeve(random, trunk), shade * random.between(0.82, 0.97));
  if (random.chance(0.35)) {
    const hood = mirrored([
      [trunk.neck * 0.8, trunk.top - 0.16],
      [trunk.neck * 1.5, trunk.top],
      [trunk.neck * 1.2, trunk.top + 0.12],
    ]);
    canvas.fill(rounded(hood), shade * 0.75);
  }
  trunkFill(canvas, trunk, shade);
  const lapel = random.between(0.25, 0.6);
  const gap = random.between(0.015, 0.07);
  canvas.fill(
    mirrored([
      [trunk.neck, trunk.top - 0.01],
      [gap, trunk.top + lapel],
      [gap * random.between(1, 2.2), trunk.bottom + 0.01],
    ]),
    dark,
  );
  canvas.line(sided(trunk.neck, trunk.top, gap + 0.06, trunk.top + lapel, 1), 0.09, shade * 0.8);
  canvas.line(sided(trunk.neck, trunk.top, gap + 0.06, trunk.top + lapel, -1), 0.09, shade * 0.8);
  if (random.chance(0.5)) {
    const y = random.between(0.3, 0.45);
    for (const side of [-1, 1]) canvas.line(sided(0.16, y, 0.34, y + 0.03, side), 0.05, dark);
  }
  if (random.chance(0.3)) {
    canvas.line(
      [
        [-hemAt(trunk, 0.55), 0.12],
        [hemAt(trunk, 0.55), 0.12],
      ],
      0.08,
      dark,
    );
  }
}

/** A shirt: a pointed collar, a placket with buttons, sleeves of any length, often a breast pocket. */
export function shirt(canvas: Canvas, random: Random, shade: number): void {
  const trunk = drawTrunk(random, { bottom: random.between(0.74, 0.98), flare: random.between(-0.02, 0.05) });
  const dark = shade * random.between(0.35, 0.6);
  const short = random.chance(0.35);
  const sleeve = short
    ? { length: random.between(0.4, 0.6), spread: random.between(0.35, 0.6), width: 0.28, cuff: 0.24 }
    : longSleeve(random, trunk);
  sleeves(canvas, trunk, sleeve, shade * random.between(0.8, 0.97), short ? undefined : shade * 0.85);
  trunkFill(canvas, trunk, shade);
  const depth = random.between(0.14, 0.24);
  neckline(canvas, trunk, depth, true);
  for (const side of [-1, 1]) {
    const collar: Point[] = [
      [side * trunk.neck, trunk.top - 0.06],
      [side * (trunk.neck + 0.1), trunk.top + 0.12],
      [side * 0.07, trunk.top + depth + 0.1],
      [0, trunk.top + depth - 0.02],
    ];
    canvas.fill(collar, Math.min(1, shade * 1.18));
    canvas.line(collar.slice(1, 3), 0.04, dark);
  }
  const start = trunk.top + depth + 0.08;
  canvas.line(
    [
      [0.05, start],
      [0.05, trunk.bottom],
    ],
    0.035,
    shade * 0.75,
  );
  const buttons = 4 + random.below(3);
  for (let i = 0; i < buttons; i++) {
    const y = start + 0.06 + ((trunk.bottom - start - 0.1) * i) / buttons;
    canvas.line(
      [
        [0, y],
        [0, y + 0.08],
      ],
      0.08,
      dark,
    );
  }
  if (random.chance(0.5)) {
    const [x, y] = [random.between(0.14, 0.2), random.between(-0.42, -0.3)];
    canvas.line(
      [
        [x, y],
        [x + 0.2, y],
      ],
      0.05,
      dark,
    );
    if (random.chance(0.5))
      canvas.line(
        [
          [-x, y],
          [-x - 0.2, y],
        ],
        0.05,
        dark,
      );
  }
}

/** A dress: straps, no sleeves or short ones, a waist, and a skirt to the lower edge. */
export function dress(canvas: Canvas, random: Random, shade: number): void {
  const chest = random.between(0.22, 0.34);
  const trunk: Trunk = {
    top: random.between(-0.98, -0.9),
    neck: random.between(0.12, 0.2),
    shoulder: chest * random.between(0.9, 1.1),
    chest,
    waist: chest * random.between(0.7, 0.98),
    hem: chest * random.between(0.9, 2.1),
    bottom: random.between(0.82, 1),
  };
  if (random.chance(0.4)) {
    const long = random.chance(0.3);
    const sleeve = {
      length: long ? random.between(0.7, 1) : random.between(0.2, 0.45),
      spread: random.between(0.12, 0.4),
      width: 0.18,
      cuff: 0.14,
    };
    sleeves(canvas, trunk, sleeve, shade * 0.9);
  }
  const waistAt = random.between(-0.25, 0.05);
  const right: Point[] = [
    [trunk.neck, trunk.top],
    [trunk.shoulder, trunk.top + 0.06],
    [trunk.chest, -0.5],
    [trunk.waist, waistAt],
    [(trunk.waist + trunk.hem) / 2 + random.between(-0.02, 0.08), (waistAt + trunk.bottom) / 2],
    [trunk.hem, trunk.bottom],
  ];
  canvas.fill(mirrored(right), shade);
  neckline(canvas, trunk, random.between(0.1, 0.4), random.chance(0.5));
  if (random.chance(0.4)) {
    canvas.line(
      [
        [-trunk.waist, waistAt],
        [trunk.waist, waistAt],
      ],
      0.09,
      shade * random.between(0.3, 0.7),
    );
  }
  const pleats = random.chance(0.4) ? 1 + random.below(3) : 0;
  for (let i = 0; i < pleats; i++) {
    const x = (i + 0.5) / pleats - 0.5;
    canvas.line(
      [
        [x * trunk.waist, waistAt + 0.15],
        [1.5 * x * trunk.hem, trunk.bottom],
      ],
      0.04,
      shade * 0.7,
    );
  }
}
