import '@tensorflow/tfjs-backend-cpu';
import { setBackend } from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import { toInput } from '../../site/src/worker/image.js';
import { seededRandom } from '../../src/base/random.js';
import { sizedFor } from '../../src/cli/preprocessings.js';
import { imageFiles } from '../../src/data/index.js';
import {
  PLAIN_PREPROCESSING,
  type Preprocessing,
  preprocess,
  preprocessingAt,
} from '../../src/images/index.js';
import { vgg } from '../../src/index.js';
import { PUBLISHED, setMetadata } from '../../src/weights/index.js';

const SIZE = 96;
const random = seededRandom(3);
const image = {
  data: Uint8Array.from({ length: 3 * 150 * 120 }, () => random.below(256)),
  width: 150,
  height: 120,
};
const torchvision = PUBLISHED['torchvision/vgg16'].preprocessing;
const stretched: Preprocessing = { ...torchvision, resize: { height: 256, width: 280 } };

beforeAll(() => setBackend('cpu'));

async function trained(preprocessing: Preprocessing) {
  const { trainSet } = await imageFiles([{ path: 'one/1.png', read: async () => image }], {
    preprocessing,
    size: SIZE,
    validationFraction: 0,
  });
  for await (const { xs } of trainSet.batches({ batchSize: 1 })) return xs.data();
  return undefined;
}

async function commandLine(preprocessing: Preprocessing) {
  return (await preprocess(image, sizedFor(preprocessing, SIZE))).data();
}

test.each([
  ['plain', PLAIN_PREPROCESSING],
  ['torchvision', torchvision],
  ['keras', PUBLISHED['keras/vgg16'].preprocessing],
] as const)(
  'training, the command line and the site prepare an image alike at another size: %s',
  async (name, preprocessing) => {
    const model = vgg([[1, 2]], { inputShape: [SIZE, SIZE, 3], includeTop: false });
    const site = await toInput(model, { pixels: image, invert: false }, name, undefined);
    expect(site.shape).toEqual([1, SIZE, SIZE, 3]);
    const expected = await site.data();
    expect(await trained(preprocessing)).toEqual(expected);
    expect(await commandLine(preprocessing)).toEqual(expected);
  },
);

test('a file that says its preprocessing is followed', async () => {
  const model = vgg([[1, 2]], { inputShape: [SIZE, SIZE, 3], includeTop: false });
  setMetadata(model, { preprocessing: stretched });
  const site = await toInput(model, { pixels: image, invert: false }, 'file', undefined);
  expect(await site.data()).toEqual(await commandLine(stretched));
});

test('an image that is stretched first keeps the proportion of what is cut out', async () => {
  expect(preprocessingAt(stretched, SIZE)).toEqual({
    ...stretched,
    resize: { height: 110, width: 120 },
    crop: SIZE,
  });
  expect(await trained(stretched)).toEqual(await commandLine(stretched));
});
