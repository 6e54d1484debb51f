import '@tensorflow/tfjs-backend-cpu';
import { setBackend } from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import { preprocessingOfArrays } from '../../src/cli/preprocessings.js';
import { ImageSet } from '../../src/data/index.js';
import { preprocess } from '../../src/images/index.js';
import { noise } from '../support/bytes.js';

beforeAll(() => setBackend('cpu'));

test.each([
  [28, 28, 32],
  [28, 28, 28],
  [20, 30, 40],
])(
  'an image of %ix%i at %i is prepared from its file as train prepares it as an array',
  async (height, width, size) => {
    const gray = noise(height * width);
    const set = new ImageSet({
      images: gray,
      labels: Uint8Array.of(0),
      shape: [height, width, 1],
      classNames: ['a', 'b'],
    });
    const { value } = await set.resize(size).batches({ batchSize: 1 })[Symbol.iterator]().next();
    const { xs, ys } = value!;
    const data = Uint8Array.from({ length: 3 * gray.length }, (_, i) => gray[Math.floor(i / 3)]!);
    const x = await preprocess({ data, width, height }, preprocessingOfArrays(set.storedShape, size)!);
    expect(x.shape).toEqual(xs.shape);
    const [own, expected] = [await x.data(), await xs.data()];
    // Files are resized to whole numbers from 0 to 255.
    const off = Math.max(...own.map((value, i) => Math.abs(value - expected[i]!)));
    expect(off).toBeLessThan(1 / 255);
    for (const tensor of [x, xs, ys]) tensor.dispose();
  },
);

test('where train shrinks arrays, files are prepared otherwise', () => {
  expect(preprocessingOfArrays([28, 28, 1], 27)).toBeUndefined();
});
