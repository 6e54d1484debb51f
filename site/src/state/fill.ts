import type { RawImage } from 'vgg-blocks/images';

/** A shade below it is background, and the one that insides get. */
const BACKGROUND = 40;
const INSIDE = 165;

/**
 * A drawing, light on black, whose insides are filled: pixels with something drawn to their left, right, top and bottom. Garments
 * of Fashion-MNIST are photographs, so a network that learned them takes an outline for the straps of a sandal. An outline
 * with a gap is filled too.
 *
 * @param image RGBA.
 * @returns the filled drawing, and the fraction of its pixels that were background before.
 */
export function filled({ data, width, height }: RawImage): { image: RawImage; inside: number } {
  const isDrawn = (x: number, y: number) => data[4 * (y * width + x)]! >= BACKGROUND;
  const sides = new Uint8Array(width * height);
  const walk = (
    count: number,
    length: number,
    pixel: (line: number, at: number) => [x: number, y: number],
  ) => {
    for (let line = 0; line < count; line++) {
      let met = false;
      for (let at = 0; at < length; at++) {
        const [x, y] = pixel(line, at);
        met ||= isDrawn(x, y);
        if (met) sides[y * width + x]!++;
      }
    }
  };
  walk(height, width, (y, x) => [x, y]);
  walk(height, width, (y, x) => [width - 1 - x, y]);
  walk(width, height, (x, y) => [x, y]);
  walk(width, height, (x, y) => [x, height - 1 - y]);
  const result = Uint8ClampedArray.from(data);
  let inside = 0;
  sides.forEach((met, pixel) => {
    const shade = result[4 * pixel]!;
    if (met < 4 || shade >= INSIDE) return;
    if (shade < BACKGROUND) inside++;
    result.fill(INSIDE, 4 * pixel, 4 * pixel + 3);
  });
  return { image: { data: result, width, height }, inside: inside / sides.length };
}
