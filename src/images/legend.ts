import type { RawImage } from './rawImage.js';

/** Characters of numbers, three pixels wide and five high: one digit of octal for each row. */
const GLYPHS: Record<string, string> = {
  0: '75557',
  1: '26227',
  2: '71747',
  3: '71717',
  4: '55711',
  5: '74717',
  6: '74757',
  7: '71111',
  8: '75757',
  9: '75717',
  '.': '00002',
  '-': '00700',
  '+': '02720',
  e: '25743',
};

/** Pixels of each pixel of a glyph. */
const SCALE = 2;
const ADVANCE = 4 * SCALE;
const MARGIN = 4;
const BAR = 12;
const HEIGHT = MARGIN + BAR + MARGIN + 5 * SCALE + MARGIN;

/**
 * An RGB image with a bar of colors below it, on white, from 0 at the left to `full` at the right. An image narrower than the
 * numbers gets white pixels at its right.
 *
 * @param table 256 colors.
 */
export function withLegend(image: RawImage, table: Uint8ClampedArray, full: number): RawImage {
  const label = String(Number(full.toPrecision(3)));
  const width = Math.max(image.width, 2 * MARGIN + ADVANCE * (label.length + 2));
  const data = new Uint8ClampedArray(3 * width * (image.height + HEIGHT)).fill(255);
  for (let y = 0; y < image.height; y++) {
    data.set(image.data.subarray(3 * y * image.width, 3 * (y + 1) * image.width), 3 * y * width);
  }
  const top = image.height + MARGIN;
  const [left, right] = [MARGIN, width - MARGIN];
  for (let x = left; x < right; x++) {
    const color = 3 * Math.round((255 * (x - left)) / (right - left - 1));
    for (let y = top; y < top + BAR; y++) data.set(table.subarray(color, color + 3), 3 * (y * width + x));
  }
  const write = (text: string, start: number) => {
    for (const [i, character] of [...text].entries()) {
      for (let y = 0; y < 5 * SCALE; y++) {
        const row = Number(GLYPHS[character]![Math.floor(y / SCALE)]);
        for (let x = 0; x < 3 * SCALE; x++) {
          if (((row >> (2 - Math.floor(x / SCALE))) & 1) === 0) continue;
          const at = 3 * ((top + BAR + MARGIN + y) * width + start + i * ADVANCE + x);
          data.fill(0, at, at + 3);
        }
      }
    }
  };
  write('0', left);
  write(label, right - ADVANCE * label.length + SCALE);
  return { data, width, height: image.height + HEIGHT };
}
