/** Scenes for the gallery: garments in colours, anywhere on a coloured ground. */
import { ImageSet } from 'vgg-blocks/data';

export const SIDE = 64;
const GARMENT = 28;
const PIXELS = SIDE * SIDE * 3;

type Random = () => number;

/** Where a garment lies: the left upper corner of its 28x28 pixels. */
export type Place = readonly [left: number, top: number];

/** Numbers from 0 to 1 that follow from the seed (mulberry32). */
export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One garment a scene, anywhere in it: what a network learns from, and is tested with. */
export function scenesOf(garments: ImageSet, seed: number): ImageSet {
  const random = randomOf(seed);
  const images = new Uint8Array(garments.length * PIXELS);
  for (let i = 0; i < garments.length; i++) {
    const place: Place = [random() * (SIDE - GARMENT), random() * (SIDE - GARMENT)];
    images.set(scene(garments, [[i, place]], random), i * PIXELS);
  }
  const { labels, classNames } = garments;
  return new ImageSet({ images, labels, shape: [SIDE, SIDE, 3], classNames });
}

/** RGB bytes of a scene with these garments, each at its place, in a colour of its own. */
export function scene(
  garments: ImageSet,
  shown: readonly (readonly [index: number, place: Place])[],
  random: Random,
): Uint8Array {
  const ground = Array.from({ length: 2 }, () => colour(random, 0.25, 0.2 + 0.25 * random()));
  const turn = 2 * Math.PI * random();
  const pixels = new Uint8Array(PIXELS);
  for (let i = 0; i < PIXELS; i++) {
    const [x, y] = [Math.floor(i / 3) % SIDE, Math.floor(i / 3 / SIDE)];
    const along = 0.5 + ((x / SIDE - 0.5) * Math.cos(turn) + (y / SIDE - 0.5) * Math.sin(turn)) / Math.SQRT2;
    pixels[i] = 255 * (ground[0]![i % 3]! * (1 - along) + ground[1]![i % 3]! * along);
  }
  for (const [index, [left, top]] of shown) {
    const tint = colour(random, 0.6, 1);
    const from = index * GARMENT * GARMENT;
    for (let place = 0; place < GARMENT * GARMENT; place++) {
      const shade = garments.images[from + place]! / 255;
      // Garments are light on black, with some noise: what is dark is the ground.
      const cover = Math.min(1, Math.max(0, (shade - 0.22) / 0.12));
      const x = Math.round(left) + (place % GARMENT);
      const y = Math.round(top) + Math.floor(place / GARMENT);
      for (let k = 0; k < 3; k++) {
        const at = 3 * (y * SIDE + x) + k;
        pixels[at] = pixels[at]! * (1 - cover) + cover * 255 * Math.min(1, 0.15 + shade) * tint[k]!;
      }
    }
  }
  return pixels;
}

/** Red, green and blue of a random hue. */
function colour(random: Random, saturation: number, value: number): number[] {
  const hue = 6 * random();
  return [5, 3, 1].map((n) => {
    const k = (n + hue) % 6;
    return value * (1 - saturation * Math.max(0, Math.min(k, 4 - k, 1)));
  });
}
