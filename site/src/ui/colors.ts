type Color = readonly [red: number, green: number, blue: number];

/** From the smallest to the largest number; lightness grows evenly. */
const RAMP: readonly Color[] = [
  [10, 14, 30],
  [30, 48, 104],
  [22, 106, 138],
  [62, 168, 130],
  [186, 214, 92],
  [255, 250, 205],
];
/** Negative, zero, positive. */
const SIGNED: readonly Color[] = [
  [33, 90, 190],
  [244, 244, 240],
  [214, 84, 20],
];

function between(stops: readonly Color[], fraction: number): Color {
  const position = Math.min(1, Math.max(0, fraction)) * (stops.length - 1);
  const i = Math.min(stops.length - 2, Math.floor(position));
  const [a, b] = [stops[i]!, stops[i + 1]!];
  return [0, 1, 2].map((k) => Math.round(a[k]! + (position - i) * (b[k]! - a[k]!))) as unknown as Color;
}

const TABLE = Array.from({ length: 256 }, (_, i) => between(RAMP, i / 255));

/** The color of an activation, from 0 (the layer's smallest number) to 1 (its largest). */
export function activationColor(fraction: number): Color {
  return TABLE[Math.min(255, Math.max(0, Math.round(255 * fraction)))]!;
}

/** The color of a weight, from -1 to 1 times the kernel's largest. */
export function weightColor(fraction: number): Color {
  return between(SIGNED, (fraction + 1) / 2);
}

export function css([red, green, blue]: Color): string {
  return `rgb(${red} ${green} ${blue})`;
}

/** Black or white, whichever can be read on a color: their contrasts as WCAG defines it are equal at this luminance. */
export function inkOn(color: Color): string {
  const [red, green, blue] = color.map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  }) as unknown as Color;
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? '#000000' : '#ffffff';
}
