import { expect, test } from 'vitest';
import { imageGrid, resizeBilinear } from '../../src/images/index.js';

const red = { data: Uint8Array.from([255, 0, 0, 255, 0, 0]), width: 2, height: 1 };
const gray = { data: Uint8Array.from([10, 20]), width: 2, height: 1 };

test('images of one size are laid out in rows, gray ones in color', async () => {
  const { data, ...size } = await imageGrid([red, gray], { columns: 1, padding: 1, scale: 1 });
  expect(size).toEqual({ width: 2, height: 3 });
  expect([...data]).toEqual([...red.data, ...Array(6).fill(255), 10, 10, 10, 20, 20, 20]);
});

test.each<[string, unknown[], string]>([
  ['no image', [], 'there are no images; pass at least one.'],
  [
    'images of two sizes',
    [red, { ...gray, width: 1, height: 2 }],
    'one image is 2x1 and another 1x2; pass images of one size.',
  ],
  ['what is no image', [red, 3], 'the image is 3; pass pixels, a tensor, a file, its bytes or its URL.'],
])('refuses %s', async (_, images, sentence) => {
  await expect(imageGrid(images as never)).rejects.toThrow(`imageGrid: ${sentence}`);
});

test('a grid of more pixels than fit, and an image that is not RGB, are refused', async () => {
  await expect(imageGrid([red], { scale: 16_384 })).rejects.toThrow(
    'imageGrid: the grid would be 32768x16384, more than 100000000 pixels; use a smaller scale',
  );
  expect(() => resizeBilinear(gray, 4, 2)).toThrow(
    'resizeBilinear: the image has 1 bytes per pixel; pass RGB, as toRgb returns it.',
  );
});
