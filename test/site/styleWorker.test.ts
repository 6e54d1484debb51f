import '@tensorflow/tfjs-backend-wasm';
import { memory, setBackend } from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import { brushwork, landscape, stainedGlass } from '../../examples/style/paintings.js';
import { changed, pixelDifference } from '../../site/src/worker/changes.js';
import { drop, put } from '../../site/src/worker/models.js';
import { differences, type PaintProgress, paint } from '../../site/src/worker/style.js';
import { imageDistance } from '../../src/features/index.js';
import { encodePng, type RawImage, type RgbImage, resizeBilinear, toRgb } from '../../src/images/index.js';
import { VGG16, VGG19, vgg } from '../../src/index.js';
import { readImage } from '../../src/node/index.js';
import { installWasmKernels } from '../../src/wasm/index.js';
import { PUBLISHED, setMetadata } from '../../src/weights/index.js';

beforeAll(async () => {
  installWasmKernels();
  await setBackend('wasm');
});

const file = async (image: RawImage) => new Blob([(await encodePng(image)) as BlobPart]);
// As low as five blocks allow once it is 192 pixels wide.
const house = landscape(48, 4);
const glass = stainedGlass(48, 4);

test("the page's samples are the paintings of the example", async () => {
  for (const [path, drawn] of [
    ['docs/figures/lpips/before.png', landscape()],
    ['site/public/style/glass.jpg', stainedGlass()],
    ['site/public/style/strokes.jpg', brushwork()],
  ] as const) {
    expect(pixelDifference(await toRgb(await readImage(path)), drawn as RgbImage), path).toBeLessThan(14);
  }
});

test('the changed copies of an image differ from it equally in their pixels', () => {
  // Without black or white, at which changes end.
  const gray = {
    ...landscape(64, 48),
    data: landscape(64, 48).data.map((byte) => 64 + byte / 2),
  } as RgbImage;
  const copies = changed(gray);
  const by = pixelDifference(gray, copies.blurred);
  expect(by).toBeGreaterThan(3);
  for (const copy of [copies.darker, copies.noisy]) {
    expect(Math.abs(pixelDifference(gray, copy) / by - 1)).toBeLessThan(0.05);
  }
});

test('a painting comes nearer to the style step by step, its last step is shown when it is stopped, and no tensor is left', async () => {
  const request = {
    network: 'small',
    content: await file(house),
    style: await file(glass),
    every: 2,
  } as const;
  const seen: PaintProgress[] = [];
  const stopping = new AbortController();
  const watching = {
    signal: stopping.signal,
    onProgress(now: PaintProgress) {
      seen.push(now);
      if (now.done === 4) stopping.abort();
    },
  };
  await paint(request, watching);
  expect(seen.map(({ done }) => done)).toEqual([2, 4]);
  const level = memory().numTensors;
  seen.length = 0;
  const stopped = new AbortController();
  const odd = (now: PaintProgress) => {
    seen.push(now);
    // After the timer by which the next step begins, and before the one that it sets.
    setTimeout(() => setTimeout(() => stopped.abort()));
  };
  await paint(request, { signal: stopped.signal, onProgress: odd });
  expect(seen.map(({ done }) => done)).toEqual([2, 3]);
  expect(memory().numTensors).toBe(level);
  const { width, height } = seen.at(-1)!.image;
  expect([width, height]).toEqual([192, 16]);
  const target = resizeBilinear(await toRgb(glass), width, height);
  const from = resizeBilinear(await toRgb(house), width, height);
  const colors = ({ data }: RawImage) =>
    [0, 1, 2].map(
      (c) =>
        Array.from(data).reduce((sum, byte, i) => (i % 3 === c ? sum + byte : sum), 0) / (data.length / 3),
    );
  const far = (one: RawImage) => Math.hypot(...colors(one).map((value, c) => value - colors(target)[c]!));
  expect(far(seen.at(-1)!.image)).toBeLessThan(far(from));
});

test('distances are LPIPS of an opened VGG-16 with torchvision weights alone, are sorted, and leave no tensor', async () => {
  const image = await file(house);
  const others = { other: await file(glass) };
  const torchvision = { preprocessing: 'torchvision' } as const;
  const small = await differences({ network: 'small', image, others });
  expect(small.isLpips).toBe(false);
  expect(small.rows.map(({ name }) => name).sort()).toEqual(['blurred', 'darker', 'noisy', 'other']);
  expect(small.rows.at(-1)!.name).toBe('other');
  const level = memory().numTensors;
  const sixteen = () => vgg(VGG16, { inputShape: [null, null, 3], includeTop: false, seed: 1 });
  put('opened', sixteen());
  const found = await differences({ network: torchvision, image, others });
  expect(found.isLpips).toBe(true);
  const distances = found.rows.map(({ distance }) => distance);
  expect(distances).toEqual([...distances].sort((a, b) => a - b));
  const row = found.rows.find(({ name }) => name === 'other')!;
  const model = sixteen();
  const { distance } = await imageDistance(model, [found.image, row.image]);
  expect(row.distance).toBeCloseTo(distance, 6);
  model.dispose();
  // Keras' weights, others that say they are, and another VGG are measured by the small network.
  expect((await differences({ network: { preprocessing: 'keras' }, image, others: {} })).isLpips).toBe(false);
  const keras = sixteen();
  setMetadata(keras, { preprocessing: PUBLISHED['keras/vgg16'].preprocessing });
  put('opened', keras);
  const again = await differences({ network: { preprocessing: 'file' }, image, others });
  expect(again.isLpips).toBe(false);
  expect(again.rows.map((one) => one.distance)).toEqual(small.rows.map((one) => one.distance));
  put('opened', vgg(VGG19, { inputShape: [null, null, 3], includeTop: false }));
  expect((await differences({ network: torchvision, image, others: {} })).isLpips).toBe(false);
  drop('opened');
  expect(memory().numTensors).toBe(level);
});
