/** Scenes for the gallery: garments in color, anywhere on a colored background. */
import { ImageSet } from 'vgg-blocks/data';
import { randomOf } from './random.js';

/** Height and width of a scene. */
export const SIZE = 64;
const GARMENT = 28;
const PIXELS = SIZE * SIZE * 3;

type Random = () => number;

/** The upper left corner of a garment's 28x28 pixels. */
export type Position = readonly [left: number, top: number];

/** Scenes with one garment each, anywhere in it, for training and testing. */
export function scenesOf(garments: ImageSet, seed: number): ImageSet {
  const random = randomOf(seed);
  const images = new Uint8Array(garments.length * PIXELS);
  for (let i = 0; i < garments.length; i++) {
    const position: Position = [random() * (SIZE - GARMENT), random() * (SIZE - GARMENT)];
    images.set(scene(garments, [[i, position]], random), i * PIXELS);
  }
  const { labels, classNames } = garments;
  return new ImageSet({ images, labels, shape: [SIZE, SIZE, 3], classNames });
}

/** The RGB bytes of a scene with the given garments, each at its position and in a random color. Default: of `SIZE`. */
export function scene(
  garments: ImageSet,
  shown: readonly (readonly [index: number, position: Position])[],
  random: Random,
  { width, height } = { width: SIZE, height: SIZE },
): Uint8Array {
  const background = Array.from({ length: 2 }, () => color(random, 0.25, 0.2 + 0.25 * random()));
  const angle = 2 * Math.PI * random();
  const pixels = new Uint8Array(width * height * 3);
  for (let i = 0; i < pixels.length; i++) {
    const [x, y] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
    const along =
      0.5 + ((x / width - 0.5) * Math.cos(angle) + (y / height - 0.5) * Math.sin(angle)) / Math.SQRT2;
    pixels[i] = 255 * (background[0]![i % 3]! * (1 - along) + background[1]![i % 3]! * along);
  }
  for (const [index, [left, top]] of shown) {
    const tint = color(random, 0.6, 1);
    const from = index * GARMENT * GARMENT;
    for (let pixel = 0; pixel < GARMENT * GARMENT; pixel++) {
      const shade = garments.images[from + pixel]! / 255;
      // Garments are light on noisy black; dark pixels show the background.
      const cover = Math.min(1, Math.max(0, (shade - 0.22) / 0.12));
      const x = Math.round(left) + (pixel % GARMENT);
      const y = Math.round(top) + Math.floor(pixel / GARMENT);
      for (let k = 0; k < 3; k++) {
        const at = 3 * (y * width + x) + k;
        pixels[at] = pixels[at]! * (1 - cover) + cover * 255 * Math.min(1, 0.15 + shade) * tint[k]!;
      }
    }
  }
  return pixels;
}

/** Red, green and blue of a random hue. */
function color(random: Random, saturation: number, value: number): number[] {
  const hue = 6 * random();
  return [5, 3, 1].map((n) => {
    const k = (n + hue) % 6;
    return value * (1 - saturation * Math.max(0, Math.min(k, 4 - k, 1)));
  });
}
