/**
 * How numbers from 0 to 1 are shown. `'viridis'` and `'inferno'` (van der Walt & Smith, matplotlib 2015) grow lighter by the
 * same step for the same step of the number, in print and to people who see red and green alike, too; `'turbo'`
 * (Mikhailov 2019) tells more steps apart by their hue; `'grey'` goes from black to white.
 */
export type ColorMap = 'viridis' | 'inferno' | 'turbo' | 'grey';

/** Polynomials, from the constant on: red, green and blue from 0 to 1. */
type Polynomials = readonly (readonly number[])[];

/**
 * Viridis and inferno by Matt Zucker (2019, shadertoy.com/view/WlfXRN, public domain), up to 9 of 255 off the tables; turbo by
 * its author (Anton Mikhailov, "Turbo, An Improved Rainbow Colormap for Visualization").
 */
const POLYNOMIALS: Record<Exclude<ColorMap, 'grey'>, Polynomials> = {
  viridis: [
    [0.27773, 0.10509, -0.33086, -4.63423, 6.22827, 4.77638, -5.43546],
    [0.00541, 1.40461, 0.21485, -5.7991, 14.17993, -13.74515, 4.64585],
    [0.3341, 1.38459, 0.0951, -19.33244, 56.69055, -65.35303, 26.31244],
  ],
  inferno: [
    [0.00022, 0.10651, 11.60249, -41.704, 77.16294, -71.31943, 25.13113],
    [0.00165, 0.56396, -3.97285, 17.4364, -33.40236, 32.62606, -12.24267],
    [-0.01948, 3.93271, -15.94239, 44.35415, -81.80731, 73.20952, -23.07033],
  ],
  turbo: [
    [0.13572, 4.61539, -42.66032, 132.13108, -152.9424, 59.28638],
    [0.0914, 2.19419, 4.84297, -14.18503, 4.2773, 2.82957],
    [0.10667, 12.64195, -60.58205, 110.36277, -89.90311, 27.34825],
  ],
};

export const COLOR_MAPS: readonly ColorMap[] = ['viridis', 'inferno', 'turbo', 'grey'];

/** The 256 colours of a map, three bytes each. */
export function colorTable(map: ColorMap): Uint8ClampedArray {
  const table = new Uint8ClampedArray(3 * 256);
  for (let i = 0; i < 256; i++) {
    for (let k = 0; k < 3; k++) {
      const x = i / 255;
      const value =
        map === 'grey' ? x : POLYNOMIALS[map][k]!.reduceRight((sum, factor) => sum * x + factor, 0);
      table[3 * i + k] = 255 * value;
    }
  }
  return table;
}

/** Numbers from 0 to 1 as bytes: RGB, or one a number for `'grey'`. */
export function colored(levels: Float32Array, colorMap: ColorMap): Uint8ClampedArray {
  if (colorMap === 'grey') return Uint8ClampedArray.from(levels, (level) => 255 * level);
  const table = colorTable(colorMap);
  const bytes = new Uint8ClampedArray(3 * levels.length);
  levels.forEach((level, i) => {
    const colour = 3 * Math.round(255 * level);
    bytes.set(table.subarray(colour, colour + 3), 3 * i);
  });
  return bytes;
}
