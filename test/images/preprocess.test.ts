import { type Tensor4D, tensor } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Preprocessing, prepareImage, preprocess, toRgb } from '../../src/images/index.js';
import { normalizer } from '../../src/images/normalizer.js';
import { resizeBilinear, resizeNearest } from '../../src/images/resize.js';
import { PUBLISHED } from '../../src/weights/index.js';
import { useAnyBackend } from '../support/backends.js';
import { noise, sha256 } from '../support/bytes.js';

import { readExpected } from '../support/fixtures.js';

beforeAll(() => useAnyBackend());

const torch = PUBLISHED['torchvision/vgg16'].preprocessing;
const caffe = PUBLISHED['keras/vgg16'].preprocessing;

/** What Pillow 12.3 makes of noise(width * height * 3) by Image.resize, BILINEAR and NEAREST: the SHA-256 of the bytes. */
const PILLOW: [from: [number, number], to: [number, number], bilinear: string, nearest: string][] = [
  [
    [40, 30],
    [17, 11],
    'df4e30602dc02fe2b853f6c9a059a3ef15c082bae14c6d128dc06d0e29788017',
    '6c27d0de887deaaafc172674a334398187cd2c77f55c7bd31295df4419557866',
  ],
  [
    [31, 57],
    [31, 20],
    '6b5caad205551b06dc6eb6fa2affaf4b99c40b3977b6b59813e62ae21d964fe4',
    '686360a418d50b762f48ae426e5c75049dd639f21bf8d4659cb932e97a6b96a4',
  ],
  [
    [20, 20],
    [57, 43],
    '9db450820832f8a157be0e339d5ffce63b116f67522f41894946b5c90c7103b4',
    '4a84fbe48814ebd4a561a80a6d7292dc1b92c4d990abf6796fe905da88c542f3',
  ],
  [
    [300, 200],
    [384, 256],
    '0607276eca0379de7fb18c58e9ba6093d9b6c34ea0c840409d951364592065c9',
    '4e211617cc390bed6b46793cd68ad0ae45cc26eea3eb7dd52cfa7b89389d02d1',
  ],
  [
    [500, 375],
    [341, 256],
    '2669e17e6a1318fbf7803063611566786bc82fd6da7c7bf08bb8cd8310aa44d1',
    '529b25aca3228d61df19670f6c578227db63a1a8323ee40fa214e7a4f7f32c62',
  ],
  [
    [1, 1],
    [5, 7],
    '95ca2ee491ca96cd1300fdd66d1b62589630d39c88985686469ea2216f9ddcb6',
    '95ca2ee491ca96cd1300fdd66d1b62589630d39c88985686469ea2216f9ddcb6',
  ],
  [
    [7, 3],
    [1, 1],
    '7ca836018356637e305f461f0552ade8fc626eea48c6ee42b7996e7c051ab296',
    '8c1ca82701299c00a27a7f45f12ac7be6c53e9e6f3be951b8726bc61b69c2999',
  ],
];

test.each(PILLOW)(
  'resizes %j to %j to the very bytes of PIL',
  ([width, height], [w, h], bilinear, nearest) => {
    const image = { data: noise(3 * width * height), width, height };
    expect(sha256(resizeBilinear(image, w, h).data)).toBe(bilinear);
    expect(sha256(resizeNearest(image, w, h).data)).toBe(nearest);
  },
);

/** What torchvision 0.28's VGG16_Weights.IMAGENET1K_V1.transforms() makes of noise: two sums and three pixels. */
const TORCHVISION: [number, number, number, number, number[], number[], number[]][] = [
  [
    500,
    375,
    33387.83469197294,
    77946.1899106917,
    [-0.25130581855773926, -0.7577030062675476, 0.5310677289962769],
    [-0.5595513582229614, 0.4852942228317261, -0.8109803795814514],
    [-0.0629335269331932, 0.45028021931648254, 0.7053596377372742],
  ],
  [
    301,
    402,
    33863.59254468698,
    94613.44905896019,
    [1.3926706314086914, 0.8879552483558655, -0.183529332280159],
    [0.33093592524528503, -0.7752100229263306, 0.25220051407814026],
    [-0.5081771016120911, -0.5301119685173035, -0.009237395599484444],
  ],
  [
    224,
    224,
    34047.353037565015,
    109891.03909771424,
    [1.4097952842712402, -1.545518159866333, 2.1694118976593018],
    [1.9235379695892334, 1.1855742931365967, 2.1694118976593018],
    [0.8275537490844727, 1.5707283020019531, 1.5593901872634888],
  ],
  [
    61,
    40,
    36911.065146218054,
    112127.20230295975,
    [-0.6794246435165405, -0.44257697463035583, 0.3393464684486389],
    [-0.7136741280555725, 1.9908963441848755, -0.5495423674583435],
    [-0.7821731567382812, 1.168067216873169, 0.5484969019889832],
  ],
];

test.each(TORCHVISION)(
  'prepares an image of %ix%i as torchvision does',
  async (width, height, sum, absolute, first, inner, last) => {
    const x = await preprocess({ data: noise(3 * width * height, 7), width, height }, torch);
    expect(x.shape).toEqual([1, 224, 224, 3]);
    const values = await x.data();
    x.dispose();
    const pixel = (row: number, column: number) => [
      ...values.subarray(3 * (224 * row + column), 3 * (224 * row + column) + 3),
    ];
    for (const [actual, expected] of [
      [pixel(0, 0), first],
      [pixel(111, 200), inner],
      [pixel(223, 223), last],
    ] as const) {
      expected.forEach((value, i) => {
        expect(actual[i]).toBeCloseTo(value, 6);
      });
    }
    expect((values as Float32Array).reduce((a, b) => a + b, 0)).toBeCloseTo(sum, 1);
    expect((values as Float32Array).reduce((a, b) => a + Math.abs(b), 0)).toBeCloseTo(absolute, 1);
  },
);

test.each<[string, Preprocessing]>([
  ['caffe', caffe],
  ['torch', torch],
  ['tf', { ...torch, white: 255, mean: [127.5, 127.5, 127.5], std: [127.5, 127.5, 127.5] }],
])("scales as Keras' mode %s", async (mode, preprocessing) => {
  const reference = await readExpected('keras/vgg16-narrow');
  const data = Float32Array.from(noise(2 * 8 * 8 * 3, 2));
  const scaled = new Float32Array(data.length);
  normalizer(preprocessing)(Uint8Array.from(data), scaled);
  const expected = reference.get(mode)!.data;
  for (const [i, value] of scaled.entries()) expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-4);
});

describe('an image', () => {
  const [width, height] = [3, 2];
  const gray = noise(width * height);
  const repeat = (channels: (value: number) => number[]) => Uint8Array.from([...gray].flatMap(channels));
  const prepared = async (image: Parameters<typeof preprocess>[0]) => {
    const x: Tensor4D = await preprocess(image, { ...torch, resize: { height: 2, width: 3 }, crop: 2 });
    const values = [...(await x.data())];
    x.dispose();
    return values;
  };

  test('may be gray, have alpha, be clamped bytes or a tensor: the result is the same', async () => {
    const expected = await prepared({ data: repeat((v) => [v, v, v]), width, height });
    const images = {
      gray: { data: gray, width, height },
      'gray and alpha': { data: repeat((v) => [v, 9]), width, height },
      'RGBA, as ImageData is': { data: new Uint8ClampedArray(repeat((v) => [v, v, v, 0])), width, height },
      'a tensor': tensor([...repeat((v) => [v, v, v])], [height, width, 3], 'int32'),
      'a tensor of floats': tensor(
        [...gray].map((v) => v + 0.25),
        [height, width, 1],
      ),
    };
    for (const [name, image] of Object.entries(images)) expect(await prepared(image), name).toEqual(expected);
    expect(await prepared([images.gray, images['a tensor']])).toEqual([...expected, ...expected]);
  });

  test.each([
    [
      { data: gray, width: 0, height: 2 },
      "preprocess: the image's width is 0; it must be a whole number of at least 1.",
    ],
    [
      { data: gray, width: 2, height: 2 },
      'preprocess: the image has 6 bytes, but 2x2 pixels take 1, 2, 3 or 4 each; check its width and height.',
    ],
    [
      { data: new Float32Array(6), width: 3, height: 2 } as never,
      "the image's data is an object of class Float32Array; pass values from 0 to 255 in a Uint8Array",
    ],
    [
      { data: [0, 0, 0], width: 1, height: 1 } as never,
      "the image's data is [0,0,0]; pass values from 0 to 255 in a Uint8Array",
    ],
    [[[0.1, 0.2]] as never, 'the image is [0.1,0.2]; pass pixels, a tensor, a file'],
    ...[
      new Uint8ClampedArray(3),
      new DataView(new ArrayBuffer(3)),
      new Float32Array(3),
      // In a browser only pages that are isolated have it.
      ...(typeof SharedArrayBuffer === 'undefined' ? [] : [new SharedArrayBuffer(3)]),
    ].map((bytes): [never, string] => [
      bytes as never,
      `preprocess: the image is an object of class ${bytes.constructor.name}; pass a file's bytes as a Uint8Array, or pixels as { data, width, height }.`,
    ]),
    [
      { src: 'cat.png' } as never,
      typeof OffscreenCanvas === 'undefined'
        ? 'preprocess: there is no canvas here to draw the image on'
        : 'preprocess: this is not an image; pass bytes, a tensor, or anything a canvas can draw',
    ],
  ])('that is not one is refused', async (image, message) => {
    await expect(preprocess(image, torch)).rejects.toThrow(message);
  });

  test('as a tensor of bool is refused', async () => {
    const bool = tensor([true], [1, 1, 1], 'bool');
    await expect(preprocess(bool, torch)).rejects.toThrow(
      'the tensor is of type bool; pass numbers from 0 to 255',
    );
    bool.dispose();
  });

  test('as a tensor of another rank is refused', async () => {
    const four = tensor([1], [1, 1, 1, 1]);
    await expect(preprocess(four, torch)).rejects.toThrow(
      'the tensor has shape [1,1,1,1]; pass [height, width, channels]',
    );
    four.dispose();
  });
});

test('an image that another thread prepared is taken in place of the image, by the same preprocessing alone', async () => {
  const small = { ...caffe, resize: { shorterSide: 10 }, crop: 8 };
  const images = [0, 1].map((seed) => ({ data: noise(3 * 20 * 15, seed), width: 20, height: 15 }));
  const expected = await preprocess(images, small);
  const sent = structuredClone(await prepareImage(images[1]!, small));
  const x = await preprocess([images[0]!, sent], small);
  expect(await x.data()).toEqual(await expected.data());
  for (const one of [x, expected]) one.dispose();
  await expect(preprocess(sent, { ...small, mean: [0, 0, 0] })).rejects.toThrow(
    'preprocess: the image was prepared with another preprocessing; prepare it with that of the weights.',
  );
  await expect(toRgb(sent as never)).rejects.toThrow(
    'toRgb: the image is prepared for a network already; pass the image itself.',
  );
  structuredClone(sent, { transfer: [sent.values.buffer] });
  await expect(preprocess(sent, small)).rejects.toThrow(
    'preprocess: the prepared image has no 192 float32 numbers; pass what prepareImage returned, whose buffer may be sent only once.',
  );
});

test('bilinear resizing without antialiasing, which is not implemented, is refused', async () => {
  const image = { data: noise(3 * 20 * 15), width: 20, height: 15 };
  await expect(preprocess(image, { ...torch, antialias: false })).rejects.toThrow(
    "preprocess: preprocessing.antialias is false, but 'bilinear' averages over the pixels that it drops, as PIL does; pass true, or interpolation 'nearest'.",
  );
});
