import type { Random } from '../../base/random.js';
import { arch, between, type Canvas, rounded } from './canvas.js';
import type { Point } from './rasterize.js';

/** The side view of a foot, toe to the left: where its sole lies, from the toe at -0.95 to the heel at 0.9. */
interface Sole {
  /** Height of the ground. */
  ground: number;
  /** How far the heel stands above the toe. */
  heel: number;
  /** Thickness under the toe. */
  thick: number;
}

/** A sandal: a sole, flat or on a heel, and a few straps with air between them. */
export function sandal(canvas: Canvas, random: Random, shade: number): void {
  const high = random.chance(0.4);
  const sole: Sole = {
    ground: random.between(0.42, 0.66),
    heel: high ? random.between(0.35, 0.65) : random.between(0, 0.12),
    thick: random.between(0.07, 0.17),
  };
  const dark = shade * random.between(0.45, 0.85);
  const upper: Point[] = [-0.95, -0.5, -0.1, 0.35, 0.9].map((x) => [x, soleAt(sole, x)]);
  const under: Point[] = upper.map(([x, y]): Point => [x, y + sole.thick]).reverse();
  canvas.fill([...upper, ...under], dark);
  if (high) {
    const width = random.between(0.08, 0.24);
    const y = soleAt(sole, 0.9);
    const heel: Point[] = [
      [0.9 - width * 1.4, y + 0.02],
      [0.92, y],
      [0.88, sole.ground + sole.thick],
      [0.88 - width, sole.ground + sole.thick],
    ];
    canvas.fill(heel, dark);
  }
  const width = random.between(0.1, 0.19);
  const straps = 1 + random.below(3);
  const pitch = random.between(0.68, 0.82) / straps;
  const lean = random.between(0.2, 0.7);
  for (let i = 0; i < straps; i++) {
    // The foot grows higher from the toes to the instep, and so do the straps that go around it.
    const x = -0.8 + pitch * (i + 0.5);
    const rise = 0.26 + 0.42 * (x + 0.8) + random.between(-0.05, 0.08);
    const band = pitch * random.between(0.3, 0.42);
    const base = soleAt(sole, x) + 0.02;
    const loop = arch([x, base], band, rise).map(([px, py]): Point => [px + lean * (base - py), py]);
    canvas.fill(loop, shade * (straps === 1 || random.chance(0.3) ? 1 : 0));
    canvas.line(loop, width, shade);
  }
  if (random.chance(0.75)) {
    const ankle = soleAt(sole, 0.6) - random.between(0.35, 0.65);
    canvas.line(
      [
        [0.86, soleAt(sole, 0.86) + 0.02],
        [0.8, ankle],
      ],
      width,
      shade,
    );
    canvas.line(
      [
        [0.84, ankle + 0.02],
        [0.3, ankle + random.between(0, 0.12)],
      ],
      width * 0.8,
      shade,
    );
    if (random.chance(0.6)) {
      const x = random.between(-0.3, 0.1);
      canvas.line(
        [
          [0.34, ankle + 0.06],
          [x, soleAt(sole, x) - 0.05],
        ],
        width * 0.8,
        shade,
      );
    }
  } else if (random.chance(0.6)) {
    canvas.line(
      [
        [0.86, soleAt(sole, 0.86)],
        [0.1, soleAt(sole, 0.1) - 0.42],
        [-0.1, soleAt(sole, 0)],
      ],
      width,
      shade,
    );
  }
}

/** A sneaker: low, laced, on a sole of another shade. */
export function sneaker(canvas: Canvas, random: Random, shade: number): void {
  const ground = random.between(0.38, 0.58);
  const thick = random.between(0.1, 0.2);
  const toe = random.between(0.26, 0.38);
  const throat = random.between(0.5, 0.66);
  const collar = random.between(0.42, 0.58);
  const tongue: Point = [random.between(-0.02, 0.16), ground - throat - random.between(0.05, 0.16)];
  const upper: Point[] = [
    [-0.96, ground],
    [-0.97, ground - toe * 0.7],
    [-0.75, ground - toe],
    [-0.4, ground - toe - 0.08],
    tongue,
    [tongue[0] + 0.14, tongue[1] + 0.02],
    [0.45, ground - collar],
    [0.84, ground - throat],
    [0.95, ground - throat * 0.9],
    [0.9, ground - 0.2],
    [0.95, ground],
  ];
  canvas.fill(rounded(upper, 1), shade);
  const light = random.chance(0.6)
    ? Math.min(1, shade * random.between(1.2, 1.7))
    : shade * random.between(0.4, 0.7);
  const base: Point[] = [
    [-0.98, ground - 0.05],
    [0.96, ground - 0.05],
    [0.97, ground + thick],
    [-0.9, ground + thick],
  ];
  canvas.fill(base, light);
  const laces = 2 + random.below(3);
  for (let i = 0; i < laces; i++) {
    const at = between([-0.4, ground - toe - 0.08], tongue, (i + 0.8) / (laces + 0.6));
    canvas.line(
      [
        [at[0] - 0.03, at[1] - 0.02],
        [at[0] + 0.14, at[1] + 0.16],
      ],
      0.06,
      light,
    );
  }
  const stripes = random.below(4);
  for (let i = 0; i < stripes; i++) {
    const x = 0.05 + 0.17 * i;
    canvas.line(
      [
        [x, ground - 0.08],
        [x + random.between(0.08, 0.12), ground - 0.36],
      ],
      0.07,
      light,
    );
  }
}

/** An ankle boot: a shaft over the ankle and a heel, with laces, a zip or an elastic. */
export function ankleBoot(canvas: Canvas, random: Random, shade: number): void {
  const ground = random.between(0.62, 0.8);
  const heel = random.between(0.1, 0.4);
  const toe = random.between(0.28, 0.4);
  const shaft = random.between(-0.95, -0.5);
  const front = random.between(-0.12, 0.12);
  const back = random.between(0.74, 0.92);
  const sole = (x: number) => ground - 0.1 - heel * Math.max(0, (x + 0.4) / 1.3) ** 1.5;
  const upper: Point[] = [
    [-0.96, sole(-0.96)],
    [-0.95, sole(-0.9) - toe * 0.6],
    [-0.7, sole(-0.7) - toe],
    [-0.3, sole(-0.3) - toe - 0.1],
    [front, sole(0) - toe - 0.32],
    [front + random.between(-0.05, 0.05), shaft + random.between(0, 0.1)],
    [back, shaft],
    [back - random.between(0, 0.06), -0.05],
    [0.93, sole(0.9)],
    [0.3, sole(0.3)],
    [-0.4, sole(-0.4)],
  ];
  canvas.fill(upper, shade);
  const dark = shade * random.between(0.35, 0.8);
  const width = random.between(0.15, 0.6);
  const block: Point[] = [
    [0.94 - width, sole(0.94 - width) - 0.02],
    [0.95, sole(0.95) - 0.02],
    [0.92, ground],
    [0.92 - width * 0.85, ground],
  ];
  canvas.fill(block, dark);
  canvas.line(
    [-0.97, -0.4, 0.1, 0.5, 0.94].map((x): Point => [x, sole(x) + 0.03]),
    0.11,
    dark,
  );
  const style = random.next();
  if (style < 0.4) {
    const laces = 3 + random.below(3);
    for (let i = 0; i < laces; i++) {
      const y = shaft + 0.12 + ((sole(0) - toe - 0.3 - shaft) * i) / laces;
      canvas.line(
        [
          [front, y],
          [front + 0.2, y + 0.05],
        ],
        0.07,
        dark,
      );
    }
  } else if (style < 0.7) {
    canvas.line(
      [
        [0.4, shaft],
        [0.4, sole(0.4) - 0.25],
      ],
      0.12,
      dark,
    );
  } else {
    canvas.line(
      [
        [front, shaft + 0.3],
        [back, shaft + 0.25],
      ],
      0.1,
      dark,
    );
  }
}

/** The upper face of a sandal's sole at `x`. */
function soleAt(sole: Sole, x: number): number {
  const rise = Math.max(0, (x + 0.45) / 1.35);
  return sole.ground - sole.heel * rise * rise * (3 - 2 * rise);
}
