import '@tensorflow/tfjs-backend-cpu';
import { dispose, memory, setBackend, tidy, zeros } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { seededRandom } from '../../src/base/random.js';
import {
  type ImageFile,
  type ImageFileSet,
  type ImageFilesOptions,
  imageFiles,
} from '../../src/data/index.js';
import {
  PLAIN_PREPROCESSING,
  type Preprocessing,
  preprocess,
  type RawImage,
} from '../../src/images/index.js';
import { PUBLISHED } from '../../src/weights/index.js';

beforeAll(() => setBackend('cpu'));

const image = (seed: number, width = 40, height = 30): RawImage => {
  const random = seededRandom(seed);
  return { data: Uint8Array.from({ length: 3 * width * height }, () => random.below(256)), width, height };
};

/** Files of two classes, and how often each was read. */
function pets(each = 10) {
  const reads = new Map<string, number>();
  const file = (path: string, read: () => Promise<RawImage>): ImageFile => ({
    path,
    read: () => {
      reads.set(path, (reads.get(path) ?? 0) + 1);
      return read();
    },
  });
  const files = Array.from({ length: 2 * each }, (_, i) =>
    file(`${i % 2 ? 'dogs' : 'cats'}/${i}.png`, async () => image(i)),
  );
  return { files, reads, file };
}

const options: ImageFilesOptions = { size: 24, validationFraction: 0.3 };
const published = [
  ...Object.entries(PUBLISHED).filter(([name]) => /^(torchvision|keras)\/vgg16$/.test(name)),
] as const;

/** All batches' numbers, tensors disposed. */
async function read(set: ImageFileSet, batch: { batchSize: number; seed?: number }) {
  const xs: Float32Array[] = [];
  const ys: number[] = [];
  for await (const one of set.batches(batch)) {
    xs.push(await one.xs.data<'float32'>());
    ys.push(...(await one.ys.data()));
    dispose([one.xs, one.ys]);
  }
  return { xs: joined(xs), ys };
}

function joined(pieces: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

/** How many numbers differ; faster than comparing large arrays with `toEqual`. */
const differing = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  a.length === b.length ? Array.from(a).filter((value, i) => value !== b[i]).length : Number.NaN;

describe('imageFiles', () => {
  test('splits each class, and has paths, labels, names and shape', async () => {
    const {
      trainSet: train,
      validationSet: validation,
      classNames,
      problems,
    } = await imageFiles(pets().files, options);
    expect(classNames).toEqual(['cats', 'dogs']);
    expect(problems).toEqual([]);
    expect([train.length, validation.length]).toEqual([14, 6]);
    expect(train.shape).toEqual([24, 24, 3]);
    expect([...validation.labels]).toEqual([0, 0, 0, 1, 1, 1]);
    expect(validation.paths.every((path, i) => path.startsWith(classNames[validation.labels[i]!]!))).toBe(
      true,
    );
    expect([...train.paths, ...validation.paths].sort()).toEqual(
      pets()
        .files.map(({ path }) => path)
        .sort(),
    );
  });

  test('has a fingerprint that a swap of two images between classes changes', async () => {
    const fingerprint = async (rename: (path: string) => string, size = 24) => {
      const files = pets(40).files.map((file) => ({ ...file, path: rename(file.path) }));
      const { validationSet } = await imageFiles(files, { size, validationFraction: 1 });
      return validationSet.fingerprint();
    };
    const own = await fingerprint((path) => path);
    const swaps: Record<string, string> = { 'cats/78.png': 'dogs/78.png', 'dogs/79.png': 'cats/79.png' };
    expect(await fingerprint((path) => path)).toBe(own);
    expect(await fingerprint((path) => swaps[path] ?? path)).not.toBe(own);
    expect(await fingerprint((path) => path, 20)).not.toBe(own);
  });

  test.each(published)('preprocesses images like preprocess, for %s', async (_, { preprocessing }) => {
    const { validationSet: validation } = await imageFiles(pets(2).files, {
      preprocessing,
      validationFraction: 1,
    });
    const { xs } = await read(validation, { batchSize: 3 });
    const images = validation.paths.map((path) => image(Number(/\d+/.exec(path)![0])));
    const expected = await preprocess(images, preprocessing);
    expect(differing(xs, await expected.data())).toBe(0);
    expected.dispose();
  });

  test('returns the middle of the resized image from 0 to 1 by default, and bytes for a sheet', async () => {
    const { validationSet: validation } = await imageFiles(pets(2).files, {
      size: 15,
      validationFraction: 1,
    });
    const { xs } = await read(validation, { batchSize: 9 });
    const { images, labels, storedShape, classNames } = await validation.images([0, 1, 2, 3]);
    expect(storedShape).toEqual([15, 15, 3]);
    expect([...labels]).toEqual([0, 0, 1, 1]);
    expect(classNames).toEqual(['cats', 'dogs']);
    expect(
      differing(
        xs,
        Float32Array.from(images, (byte) => byte / 255),
      ),
    ).toBe(0);
  });

  test('shuffles by the seed and augments the training images alone', async () => {
    const augment = { flip: 0.5, crop: { scale: [0.3, 1] as const }, jitter: { hue: 0.2 } };
    const plain = await imageFiles(pets().files, options);
    const varied = await imageFiles(pets().files, { ...options, augment });
    const batch = { batchSize: 5, seed: 11 };
    const [a, b] = [await read(plain.trainSet, batch), await read(varied.trainSet, batch)];
    expect(b.ys).toEqual(a.ys);
    expect(a.ys).not.toEqual([...plain.trainSet.labels]);
    expect(b.xs).not.toEqual(a.xs);
    expect(await read(varied.trainSet, batch)).toEqual(b);
    expect((await read(varied.trainSet, { batchSize: 5, seed: 12 })).xs).not.toEqual(b.xs);
    expect(await read(varied.trainSet, { batchSize: 5 })).toEqual(
      await read(plain.trainSet, { batchSize: 5 }),
    );
    expect(await read(varied.validationSet, batch)).toEqual(await read(plain.validationSet, batch));
  });

  test('an image changes in the same way at any batch size', async () => {
    const { trainSet: train } = await imageFiles(pets().files, {
      ...options,
      augment: { crop: 'random', flip: 0.5 },
    });
    const whole = await read(train, { batchSize: 14, seed: 3 });
    expect(await read(train, { batchSize: 4, seed: 3 })).toEqual(whole);
  });

  test('keeps what fits in maxBytes and reads the rest again, with the same batches', async () => {
    const all = pets();
    const some = pets();
    const augment = { flip: 0.5, crop: {} };
    const kept = await imageFiles(all.files, { ...options, augment });
    // An image of 40x30 is kept at 32x24.
    const tight = await imageFiles(some.files, { ...options, augment, maxBytes: 5 * 3 * 32 * 24 + 100 });
    const batch = { batchSize: 4, seed: 8 };
    expect(await read(tight.trainSet, batch)).toEqual(await read(kept.trainSet, batch));
    expect(await read(tight.validationSet, batch)).toEqual(await read(kept.validationSet, batch));
    const total = (reads: Map<string, number>) => [...reads.values()].reduce((sum, count) => sum + count, 0);
    expect(total(all.reads)).toBe(20);
    expect(total(some.reads)).toBe(20 + 15);
  });

  test('reads at most `parallel` files at once, and reports its progress', async () => {
    let [now, maximum] = [0, 0];
    const files = pets().files.map(({ path }, i) => ({
      path,
      async read() {
        maximum = Math.max(maximum, ++now);
        await new Promise((resolve) => setTimeout(resolve, 2));
        now--;
        return image(i);
      },
    }));
    const done: number[] = [];
    await imageFiles(files, { ...options, parallel: 3, onProgress: (progress) => done.push(progress.done) });
    expect(maximum).toBe(3);
    expect(done).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
  });

  test('reads the next batch while the one before is used', async () => {
    const { files, reads } = pets();
    const { trainSet: train } = await imageFiles(files, { ...options, maxBytes: 0 });
    reads.clear();
    const batches = train.batches({ batchSize: 4 });
    const first = (await batches.next()).value!;
    await vi.waitFor(() => expect(reads.size).toBe(8), { timeout: 60_000 });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(reads.size).toBe(8);
    dispose([first.xs, first.ys]);
    await batches.return();
  });

  test('skips files that cannot be read, and reports them with the reason', async () => {
    const { files, file } = pets();
    const reported: string[] = [];
    const bad = [
      file('dogs/torn.png', () =>
        Promise.reject(new Error('dogs/torn.png could not be read: it is cut off.')),
      ),
      file('dogs/bytes.png', async () => ({ data: new Uint8Array(7), width: 4, height: 4 })),
      file('dogs/sliver.png', async () => ({ data: new Uint8Array(3 * 600_000), width: 1, height: 600_000 })),
      file('readme.txt', async () => image(0)),
    ];
    const {
      trainSet: train,
      validationSet: validation,
      problems,
    } = await imageFiles([...bad, ...files], {
      ...options,
      onProblem: ({ path }) => reported.push(path),
    });
    expect(train.length + validation.length).toBe(20);
    expect(problems.map(({ reason }) => reason)).toEqual([
      'dogs/bytes.png: the image has 7 bytes, but 4x4 pixels take 1, 2, 3 or 4 each; check its width and height.',
      'dogs/sliver.png: it has 1x600000 pixels, and more than 100000000 after resizing; crop it.',
      'dogs/torn.png could not be read: it is cut off.',
      'readme.txt is outside the folders of the classes.',
    ]);
    expect(reported.sort()).toEqual(problems.map(({ path }) => path));
  });

  test('refuses an image that only the crop makes too large', async () => {
    const { files, file } = pets();
    const strip = file('dogs/strip.png', async () => ({ data: new Uint8Array(300), width: 1, height: 100 }));
    const preprocessing = { ...PLAIN_PREPROCESSING, resize: { shorterSide: 1 }, crop: 1001 };
    const { problems } = await imageFiles([strip, ...files], { preprocessing });
    expect(problems.map(({ reason }) => reason)).toEqual([
      'dogs/strip.png: it has 1x100 pixels, and more than 100000000 after resizing; crop it.',
    ]);
  });

  test('disposes tensors that are read, and says what else is read or thrown', async () => {
    const { files, file } = pets();
    const before = memory().numTensors;
    const odd = [
      file('dogs/error.png', () => Promise.reject(undefined)),
      file('dogs/null.png', async () => null as never),
      file('dogs/tensor.png', async () => zeros([8, 8, 3], 'int32') as never),
      file('dogs/flat.png', async () => zeros([8, 8], 'int32') as never),
    ];
    const { trainSet: train, problems } = await imageFiles([...odd, ...files], {
      ...options,
      validationFraction: 0,
    });
    expect(memory().numTensors).toBe(before);
    expect(train.paths).toContain('dogs/tensor.png');
    expect(problems.map(({ reason }) => reason)).toEqual([
      'dogs/error.png: undefined was thrown, which is not an error',
      'dogs/flat.png: the tensor has shape [8,8]; pass [height, width, channels] with 1, 3 or 4 channels.',
      'dogs/null.png: the image is null; pass pixels, a tensor, a file, its bytes or its URL.',
    ]);
    await expect(imageFiles([file('../a/1.png', async () => null as never)])).rejects.toThrow(
      /^imageFiles: files is .*; it must be a list of files as \{ path, read \}, with paths inside one folder\.$/,
    );
  });

  test('a skipped file moves at most one image of its class to the other set', async () => {
    const { files, file } = pets();
    const whole = await imageFiles(files, options);
    const torn = await imageFiles(
      files.map((one) =>
        one.path === 'cats/4.png' ? file(one.path, () => Promise.reject(new Error('torn'))) : one,
      ),
      options,
    );
    const moved = whole.validationSet.paths.filter(
      (path) => path !== 'cats/4.png' && !torn.validationSet.paths.includes(path),
    );
    expect(moved.length).toBeLessThanOrEqual(1);
    expect(torn.validationSet.paths.filter((path) => path.startsWith('dogs'))).toEqual(
      whole.validationSet.paths.filter((path) => path.startsWith('dogs')),
    );
  });

  test('a class without images is an error', async () => {
    const { files, file } = pets();
    const torn = file('birds/1.png', () => Promise.reject(new Error('birds/1.png could not be read: torn.')));
    await expect(imageFiles([...files, torn], options)).rejects.toThrow(
      "imageFiles: the class 'birds': it has no images: birds/1.png could not be read: torn.",
    );
    await expect(imageFiles(files, { ...options, classNames: ['cats', 'dogs', 'eels'] })).rejects.toThrow(
      "the class 'eels': it has no images: its folder has no files; add some or remove it.",
    );
    await expect(imageFiles([], options)).rejects.toThrow(/there are no folders with images/);
  });

  test('uses the classes in the given order and reports files of others', async () => {
    const {
      trainSet: train,
      validationSet: validation,
      problems,
    } = await imageFiles(pets().files, {
      ...options,
      classNames: ['dogs'],
    });
    expect(train.length + validation.length).toBe(10);
    expect(problems[0]!.reason).toBe('cats/0.png is in the folder of an unknown class.');
  });

  test('a file that is lost later is reported once, and replaced by another of its class', async () => {
    const { files } = pets();
    const lost = new Set<string>();
    const mortal = files.map(({ path, read }) => ({
      path,
      read: (preprocessing?: Preprocessing) =>
        lost.has(path) ? Promise.reject(new Error(`${path} could not be read: gone.`)) : read(preprocessing),
    }));
    const { trainSet: train, problems } = await imageFiles(mortal, { ...options, maxBytes: 0 });
    const before = await read(train, { batchSize: 4, seed: 1 });
    lost.add(train.paths[2]!);
    for (let epoch = 0; epoch < 2; epoch++) {
      expect((await read(train, { batchSize: 4, seed: 1 })).ys).toEqual(before.ys);
    }
    expect(problems).toEqual([
      {
        path: train.paths[2],
        reason: `${train.paths[2]} could not be read: gone. Another image of its class replaces it.`,
      },
    ]);
    for (const path of train.paths) if (path.startsWith('cats')) lost.add(path);
    await expect(read(train, { batchSize: 4 })).rejects.toThrow(
      "no image of the class 'cats' can be read any more; restore the files.",
    );
  });

  test('leaves no tensor when it is finished, left early, aborted, or when a file fails', async () => {
    const { files } = pets();
    const { trainSet: train } = await imageFiles(files, { ...options, maxBytes: 0 });
    const before = memory().numTensors;
    await read(train, { batchSize: 4, seed: 1 });
    for await (const { xs, ys } of train.batches({ batchSize: 4 })) {
      dispose([xs, ys]);
      break;
    }
    const stop = new AbortController();
    const aborted = async () => {
      for await (const { xs, ys } of train.batches({ batchSize: 4, signal: stop.signal })) {
        dispose([xs, ys]);
        stop.abort(new Error('enough'));
      }
    };
    await expect(aborted()).rejects.toThrow('enough');
    train.batches({ batchSize: 4 });
    expect(memory().numTensors).toBe(before);
    expect(tidy(() => memory().numTensors)).toBe(before);
  });

  test('a signal stops the first pass', async () => {
    const stop = new AbortController();
    const { files, reads } = pets();
    const opening = imageFiles(files, {
      ...options,
      signal: stop.signal,
      onProgress: ({ done }) => done === 4 && stop.abort(new Error('enough')),
    });
    await expect(opening).rejects.toThrow('enough');
    expect(reads.size).toBeLessThan(12);
  });

  test.each<[string, ImageFilesOptions, RegExp]>([
    ['a fraction above 1', { validationFraction: 20 }, /validationFraction is 20; it must be from 0 to 1/],
    ['a size of 0', { size: 0 }, /size is 0; it must be a whole number/],
    ['a seed of half', { seed: 0.5 }, /seed is 0\.5; it must be a whole number/],
    ['no images at once', { parallel: 0 }, /parallel is 0/],
    ['half a byte', { maxBytes: 0.5 }, /maxBytes is 0\.5/],
    ['a flip of 3', { augment: { flip: 3 } }, /augment\.flip is 3/],
  ])('refuses %s', async (_, wrong, message) => {
    await expect(imageFiles(pets().files, wrong)).rejects.toThrow(message);
  });

  test('refuses empty batches at once', async () => {
    const { trainSet: train } = await imageFiles(pets().files, options);
    expect(() => train.batches({ batchSize: 0 })).toThrow(/batchSize is 0/);
    expect(() => train.batches({ batchSize: 1, seed: -1 })).toThrow(/seed is -1/);
  });
});
