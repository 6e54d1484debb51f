import { fill, mean, memory, type Tensor, tidy } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  cosine,
  EmbeddingIndex,
  embed,
  featureExtractor,
  imageSimilarity,
} from '../../src/features/index.js';
import { preprocess, type RawImage } from '../../src/images/index.js';
import { scaleArch, VGG16, vgg } from '../../src/index.js';
import { encodeTensors, PUBLISHED, setMetadata } from '../../src/weights/index.js';
import { useAnyBackend } from '../support/backends.js';

const preprocessing = {
  ...PUBLISHED['torchvision/vgg16'].preprocessing,
  resize: { shorterSide: 32 },
  crop: 32,
};

const image = (pitch: number): RawImage => ({
  data: Uint8Array.from({ length: 3 * 40 * 32 }, (_, i) => 128 + 120 * Math.sin(i * pitch)),
  width: 40,
  height: 32,
});

describe('embed', () => {
  beforeAll(() => useAnyBackend());

  test('averages a layer over positions and scales to length one, image by image', async () => {
    const model = vgg(scaleArch(VGG16, 16), {
      inputShape: [32, 32, 3],
      hiddenUnits: 8,
      initializer: 'heUniform',
    });
    const before = memory().numTensors;
    const images = [0.01, 0.3, 0.9].map(image);
    const vectors = await embed(model, images, { preprocessing, layer: 'relu4_2', batchSize: 2 });
    expect(vectors.map((vector) => vector.length)).toEqual([32, 32, 32]);
    const extractor = featureExtractor(model, 'relu4_2');
    for (const [i, one] of images.entries()) {
      const x = await preprocess(one, preprocessing);
      const y = tidy(() => mean(extractor.predict(x) as Tensor, [1, 2]));
      const features = await y.data<'float32'>();
      for (const tensor of [x, y]) tensor.dispose();
      const length = Math.hypot(...features);
      vectors[i]!.forEach((value, k) => {
        expect(value).toBeCloseTo(features[k]! / length, 5);
      });
    }
    expect(await embed(model, [], { preprocessing })).toEqual([]);
    await expect(embed(model, images)).rejects.toThrow(
      'embed: the model does not say how images are prepared',
    );
    setMetadata(model, { preprocessing });
    expect(await embed(model, images, { layer: 'relu4_2', batchSize: 2 })).toEqual(vectors);
    const [dense] = await embed(model, [images[0]!], { preprocessing, layer: 'fc7' });
    expect(dense!.length).toBe(8);

    const similarity = (a: number, b: number) =>
      imageSimilarity(model, [images[a]!, images[b]!], { preprocessing, layer: 'relu4_2' });
    expect(await similarity(1, 1)).toBeCloseTo(1, 6);
    expect(await similarity(0, 2)).toBeCloseTo(cosine(vectors[0]!, vectors[2]!), 6);
    expect(await similarity(0, 2)).toBeLessThan(0.999);
    await expect(embed(model, images, { preprocessing, layer: 'pool9' })).rejects.toThrow('no layer "pool9"');
    await expect(embed(model, images, { preprocessing, batchSize: 0 })).rejects.toThrow('batchSize is 0');
    const broken = { data: new Uint8Array(5), width: 2, height: 2 };
    await expect(embed(model, [broken], { preprocessing })).rejects.toThrow('the image has 5 bytes');
    expect(memory().numTensors).toBe(before);
    model.dispose();
  });

  test('refuses features that are not finite, and leaves no tensor', async () => {
    const model = vgg(scaleArch(VGG16, 16), { inputShape: [32, 32, 3], hiddenUnits: 8 });
    const fc2 = model.getLayer('fc2');
    fc2.setWeights([fc2.getWeights()[0]!, fill([8], Number.NaN)]);
    const before = memory().numTensors;
    await expect(embed(model, [image(0.1)], { preprocessing, layer: 'fc7' })).rejects.toThrow(
      /^embed: (the features of fc7 are not finite; check the model's weights|the weights of fc2 in .* are NaN)/,
    );
    expect(memory().numTensors).toBe(before);
    model.dispose();
  });
});

test('a cosine is that of the angle, for zeros and large numbers too', () => {
  expect(cosine([1, 0], [1, 1])).toBeCloseTo(Math.SQRT1_2, 12);
  expect(cosine([2, 3], [-4, -6])).toBe(-1);
  expect(cosine([0, 0], [1, 1])).toBe(0);
  // Whose squares are no numbers.
  for (const scale of [1e200, 1e-200])
    expect(cosine([scale, 0], [scale, scale])).toBeCloseTo(Math.SQRT1_2, 12);
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY])
    expect(() => cosine([0, 0], [1, value])).toThrow(
      'cosine: b has numbers that are NaN or infinite; pass finite numbers.',
    );
  expect(() => cosine([1], [1, 2])).toThrow(
    'cosine: the vectors have 1 and 2 numbers; pass two of the same length.',
  );
});

describe('an index', () => {
  /** Vectors whose numbers depend only on their position. */
  const vectors = (count: number, dimensions: number) =>
    Array.from({ length: count }, (_, row) =>
      Float32Array.from({ length: dimensions }, (_, i) => (Math.sin(row * 12.9898 + i * 78.233) * 1e3) % 1),
    );
  const filled = (rows: Float32Array[]) => {
    const index = new EmbeddingIndex(rows[0]!.length);
    rows.forEach((row, i) => {
      index.add(`image ${i}`, row);
    });
    return index;
  };

  test('finds the same as comparing all pairs', () => {
    const rows = vectors(300, 20);
    const index = filled(rows);
    for (const wanted of rows.slice(0, 20)) {
      const all = rows
        .map((row, i) => ({ id: `image ${i}`, similarity: cosine(row, wanted) }))
        .sort((a, b) => b.similarity - a.similarity);
      const found = index.search(wanted, 7);
      expect(found.map(({ id }) => id)).toEqual(all.slice(0, 7).map(({ id }) => id));
      found.forEach(({ similarity }, i) => {
        expect(similarity).toBeCloseTo(all[i]!.similarity, 5);
      });
    }
  });

  test('finds nothing when empty, and never more than it has', () => {
    const index = new EmbeddingIndex(3);
    expect(index.search([1, 2, 3])).toEqual([]);
    index.add('a', [0, 0, 2]);
    expect(index.search([0, 0, 1], 5)).toEqual([{ id: 'a', similarity: 1 }]);
    expect([index.size, index.ids, index.has('a'), index.has('b')]).toEqual([1, ['a'], true, false]);
  });

  test('accepts equal vectors, and returns them in their order', () => {
    const index = new EmbeddingIndex(2);
    for (const id of ['z', 'a', 'm']) index.add(id, [3, 4]);
    expect(index.search([3, 4], 2).map(({ id }) => id)).toEqual(['z', 'a']);
  });

  test.each<[(index: EmbeddingIndex) => unknown, string]>([
    [(index) => index.add('a', [1, 0, 0]), 'there is already a vector named "a"; use another name.'],
    [(index) => index.add('b', [1, 0]), 'the vector "b" has 2 numbers; pass 3.'],
    [(index) => index.add('b', [1, Number.NaN, 0]), 'the vector "b" has numbers that are NaN or infinite'],
    [(index) => index.add('b', [1, Number.POSITIVE_INFINITY, 0]), 'NaN or infinite'],
    [(index) => index.add('b', [0, 0, 0]), 'the vector "b" is all zeros and has no direction'],
    [(index) => index.search([1]), 'the vector to search for has 1 numbers; pass 3.'],
    [(index) => index.search([1, 0, Number.NaN]), 'the vector to search for has numbers that are NaN'],
    [(index) => index.search([1, 0, 0], 0), 'count is 0; it must be a whole number of at least 1.'],
    [() => new EmbeddingIndex(0), 'dimensions is 0'],
  ])('refuses %s', (act, message) => {
    const index = new EmbeddingIndex(3);
    index.add('a', [1, 2, 3]);
    expect(() => act(index)).toThrow(message);
    expect(index.size).toBe(1);
  });

  test('is saved and loaded, with names of every kind', async () => {
    const index = filled(vectors(40, 5));
    index.add('Ünïcode/"quotes"\n.jpg', [1, 2, 3, 4, 5]);
    const loaded = await EmbeddingIndex.load(index.toBytes());
    expect(loaded.ids).toEqual(index.ids);
    expect(loaded.search([1, 0, 2, 0, 3], 41)).toEqual(index.search([1, 0, 2, 0, 3], 41));
    loaded.add('more', [1, 1, 1, 1, 1]);
    expect((await EmbeddingIndex.load(loaded.toBytes())).size).toBe(42);
    const empty = await EmbeddingIndex.load(new EmbeddingIndex(7).toBytes());
    expect([empty.size, empty.dimensions]).toEqual([0, 7]);
  });

  test('is not read from other files', async () => {
    const data = new Float32Array(6).fill(1);
    const ids = (names: unknown) => {
      const bytes = new TextEncoder().encode(JSON.stringify(names));
      return encodeTensors({ vectors: { shape: [2, 3], data }, ids: { shape: [bytes.length], data: bytes } });
    };
    const load = (bytes: Uint8Array) => EmbeddingIndex.load(bytes);
    await expect(load(encodeTensors({ x: { shape: [6], data } }))).rejects.toThrow(
      'the file has no vectors and ids',
    );
    await expect(load(ids(['a']))).rejects.toThrow("the file's ids are not a list of 2 names");
    await expect(load(ids({ a: 1 }))).rejects.toThrow("the file's ids are not a list of 2 names");
    await expect(load(ids(['a', 'a']))).rejects.toThrow('there is already a vector named "a"');
    await expect(load(new Uint8Array(40))).rejects.toThrow('it is not a known weight file');
  });
});
