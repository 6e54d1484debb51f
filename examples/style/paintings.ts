/** Images that the example draws: a house, and paintings in two styles. */
import type { RawImage } from 'vgg-blocks/images';
import { randomOf } from '../random.js';

type Color = readonly [red: number, green: number, blue: number];

/** An image of a function from a position, x and y from 0 to 1, to a color; four samples per pixel. */
function painted(width: number, height: number, color: (x: number, y: number) => Color): RawImage {
  const data = new Uint8Array(width * height * 3);
  for (let row = 0, at = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const sum = [0, 0, 0];
      for (const [dx, dy] of [
        [0.25, 0.25],
        [0.75, 0.25],
        [0.25, 0.75],
        [0.75, 0.75],
      ] as const) {
        color((column + dx) / width, (row + dy) / height).forEach((value, i) => {
          sum[i]! += value;
        });
      }
      for (const value of sum) data[at++] = Math.round(Math.max(0, Math.min(255, value / 4)));
    }
  }
  return { data, width, height };
}

const mix = (a: Color, b: Color, fraction: number): Color => {
  const t = Math.max(0, Math.min(1, fraction));
  return [a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1]), a[2] + t * (b[2] - a[2])];
};

/** A house on a meadow, a tree, hills and the sun. */
export function landscape(width = 256, height = 192): RawImage {
  return painted(width, height, (x, y) => {
    const hill = (base: number, swing: number, pitch: number, phase: number) =>
      base + swing * Math.sin(pitch * x + phase);
    let color = mix([96, 158, 222], [222, 232, 240], y / 0.6);
    const sun = Math.hypot((x - 0.8) * 1.333, y - 0.2);
    if (sun < 0.1) color = [255, 226, 120];
    else if (sun < 0.16) color = mix([250, 230, 160], color, (sun - 0.1) / 0.06);
    if (y > hill(0.5, 0.09, 6, 0.5)) color = mix([112, 136, 168], [138, 160, 178], (y - 0.4) * 3);
    if (y > hill(0.6, 0.05, 8, 2.6)) color = mix([84, 132, 88], [110, 150, 84], (y - 0.55) * 4);
    if (y > hill(0.72, 0.02, 5, 1)) color = mix([120, 170, 72], [70, 120, 52], (y - 0.7) * 3.4);
    // The path to the door.
    if (y > 0.78 && Math.abs(x - 0.37 - 0.22 * (y - 0.78) * Math.sin(9 * y)) < 0.025 + 0.22 * (y - 0.78))
      color = mix([206, 186, 146], [176, 150, 112], (y - 0.78) * 4);
    // The house: walls, door, windows, roof, chimney.
    if (x > 0.45 && x < 0.48 && y > 0.36 && y < 0.5) color = [128, 70, 60];
    if (x > 0.24 && x < 0.52 && y > 0.54 && y < 0.8)
      color = mix([244, 234, 212], [214, 200, 176], (x - 0.24) * 3.5);
    if (y > 0.4 && y < 0.55 && Math.abs(x - 0.38) < 0.06 + (y - 0.4) * 0.76)
      color = mix([190, 84, 62], [150, 58, 48], (x - 0.25) * 3);
    if (Math.abs(x - 0.38) < 0.028 && y > 0.65 && y < 0.8) color = [104, 74, 56];
    for (const left of [0.27, 0.44]) {
      if (x > left && x < left + 0.055 && y > 0.6 && y < 0.69)
        color =
          Math.abs(x - left - 0.0275) < 0.004 || Math.abs(y - 0.645) < 0.005
            ? [236, 228, 210]
            : [72, 100, 130];
    }
    // The tree.
    if (Math.abs(x - 0.7) < 0.016 && y > 0.55 && y < 0.84) color = [92, 66, 48];
    for (const [cx, cy, r] of [
      [0.7, 0.42, 0.12],
      [0.635, 0.5, 0.09],
      [0.77, 0.5, 0.1],
      [0.7, 0.53, 0.1],
    ] as const) {
      const d = Math.hypot((x - cx) * 1.333, y - cy);
      if (d < r) color = mix([88, 148, 66], [46, 98, 52], (0.5 * (x - cx + (y - cy))) / r + 0.5);
    }
    return color;
  });
}

/** Short brush strokes that follow a flow, in blues with some yellow. */
export function brushwork(width = 256, height = 192, seed = 3): RawImage {
  const next = randomOf(seed);
  const palette: Color[] = [
    [22, 40, 96],
    [36, 74, 150],
    [60, 116, 190],
    [112, 166, 214],
    [176, 208, 222],
    [236, 204, 92],
    [246, 232, 160],
    [24, 24, 60],
  ];
  const canvas = { data: new Uint8Array(width * height * 3).fill(40), width, height };
  const centres = Array.from(
    { length: 5 },
    () => [next() * width, next() * height, next() < 0.5 ? 1 : -1] as const,
  );
  const angle = (x: number, y: number) => {
    let [u, v] = [0.6, 0.1];
    for (const [cx, cy, turn] of centres) {
      const [dx, dy] = [x - cx, y - cy];
      const pull = 60 / (dx * dx + dy * dy + 900);
      u += -dy * pull * turn;
      v += dx * pull * turn;
    }
    return Math.atan2(v, u);
  };
  for (let i = 0; i < 5200; i++) {
    const [x, y] = [next() * width, next() * height];
    const near = Math.min(...centres.map(([cx, cy]) => Math.hypot(x - cx, y - cy)));
    const light = near < 26 ? 5 + Math.floor(next() * 2) : Math.floor(next() * next() * 8);
    const shade = 0.85 + 0.3 * next();
    const color = palette[Math.min(7, light)]!.map((value) => Math.min(255, value * shade));
    stroke(canvas, x, y, angle(x, y) + 0.15 * (next() - 0.5), 8 + 10 * next(), 1.6 + 1.2 * next(), color);
  }
  return canvas;
}

/** Paints a stroke with bristles: a rounded line whose shade changes across its width. */
function stroke(
  { data, width, height }: { data: Uint8Array; width: number; height: number },
  x: number,
  y: number,
  angle: number,
  length: number,
  radius: number,
  color: readonly number[],
): void {
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const reach = Math.ceil(length / 2 + radius + 1);
  for (let row = Math.max(0, Math.floor(y - reach)); row <= Math.min(height - 1, y + reach); row++) {
    for (
      let column = Math.max(0, Math.floor(x - reach));
      column <= Math.min(width - 1, x + reach);
      column++
    ) {
      const [dx, dy] = [column + 0.5 - x, row + 0.5 - y];
      const [along, across] = [dx * cos + dy * sin, dy * cos - dx * sin];
      const d = Math.hypot(Math.max(0, Math.abs(along) - length / 2), across);
      const cover = Math.max(0, Math.min(1, radius + 0.5 - d));
      if (cover === 0) continue;
      const bristle = 1 + 0.16 * Math.sin(across * 3.2 + x);
      color.forEach((value, i) => {
        const at = 3 * (row * width + column) + i;
        data[at] = Math.round(data[at]! + cover * (Math.min(255, value * bristle) - data[at]!));
      });
    }
  }
}

/** Panes of colored glass between dark lead lines. */
export function stainedGlass(width = 256, height = 192, seed = 8): RawImage {
  const next = randomOf(seed);
  const palette: Color[] = [
    [196, 40, 44],
    [232, 132, 36],
    [244, 206, 70],
    [38, 122, 84],
    [30, 84, 168],
    [120, 50, 130],
    [238, 228, 204],
  ];
  const panes = Array.from({ length: 90 }, () => ({
    x: next(),
    y: next(),
    color: palette[Math.floor(next() * 7)]!,
  }));
  return painted(width, height, (x, y) => {
    let [nearest, second] = [9, 9];
    let color = palette[0]!;
    for (const pane of panes) {
      const d = Math.hypot(1.333 * (x - pane.x), y - pane.y);
      if (d < nearest) {
        second = nearest;
        nearest = d;
        color = pane.color;
      } else if (d < second) second = d;
    }
    const glow = 1.12 - 2.2 * nearest;
    const glass: Color = [color[0] * glow, color[1] * glow, color[2] * glow];
    return mix([22, 20, 24], glass, (second - nearest - 0.008) * 160);
  });
}
