import { memory } from '@tensorflow/tfjs-core';
import { encode } from 'fast-png';
import { beforeAll, describe, expect, test } from 'vitest';
import { classify } from '../../src/imagenet/index.js';
import { type ImageInput, preprocess } from '../../src/images/index.js';
import { type RgbImage, toRgb } from '../../src/images/pixels.js';
import { vgg } from '../../src/index.js';
import { concat } from '../../src/io/bytes.js';
import { PUBLISHED } from '../../src/weights/index.js';
import { useAnyBackend } from '../support/backends.js';
import { noise } from '../support/bytes.js';
import { keep } from '../support/kept.js';

beforeAll(() => useAnyBackend());

const { preprocessing } = PUBLISHED['torchvision/vgg16'];
const [width, height] = [37, 23];
const RAW = { data: noise(3 * width * height, 5), width, height };
const PNG = new Blob([encode({ ...RAW, channels: 3 }) as BlobPart], { type: 'image/png' });

const read = (image: ImageInput): Promise<RgbImage> => toRgb(image, 'test');

/** The raw image as a browser has it, with alpha. */
function imageData(): ImageData {
  const image = new ImageData(width, height);
  for (let pixel = 0; pixel < width * height; pixel++) {
    image.data.set([...RAW.data.subarray(3 * pixel, 3 * pixel + 3), 255], 4 * pixel);
  }
  return image;
}

function painted<T extends HTMLCanvasElement | OffscreenCanvas>(canvas: T): T {
  Object.assign(canvas, { width, height });
  (canvas.getContext('2d') as CanvasRenderingContext2D).putImageData(imageData(), 0, 0);
  return canvas;
}

/** An img element that has loaded an image. */
async function img(source: Blob | string, crossOrigin: string | null = null): Promise<HTMLImageElement> {
  const image = new Image();
  image.crossOrigin = crossOrigin;
  image.src = typeof source === 'string' ? source : URL.createObjectURL(source);
  await image.decode();
  return image;
}

describe('the pixels are those of the same image as bytes, from', () => {
  test.each<[string, () => ImageInput | Promise<ImageInput>]>([
    ['ImageData', imageData],
    ['a canvas', () => painted(document.createElement('canvas'))],
    ['an OffscreenCanvas', () => painted(new OffscreenCanvas(1, 1))],
    ['an img element', () => img(PNG)],
    ['an ImageBitmap', () => createImageBitmap(PNG)],
    [
      'a VideoFrame',
      () => new VideoFrame(painted(new OffscreenCanvas(1, 1)), { timestamp: 0, alpha: 'discard' }),
    ],
    [
      'an img element that is shown at another size',
      async () => {
        const image = await img(PNG);
        Object.assign(image, { width: 5, height: 90 });
        image.style.cssText = 'width: 50px; height: 10px; transform: scale(2)';
        document.body.append(image);
        return image;
      },
    ],
  ])('%s', async (_, image) => {
    expect(await read(await image())).toEqual(RAW);
  });

  test('a WebGL canvas', async () => {
    const canvas = new OffscreenCanvas(3, 2);
    const gl = canvas.getContext('webgl', { preserveDrawingBuffer: true })!;
    gl.clearColor(1, 0.4, 0, 1);
    gl.clear(gl.COLOR_BUFFER_BIT);
    const { data } = await read(canvas);
    expect([...data]).toEqual(Array.from({ length: 6 }, () => [255, 102, 0]).flat());
  });
});

test('the network gets the same numbers from every kind of image', async () => {
  const before = memory().numTensors;
  const images = [RAW, imageData(), painted(document.createElement('canvas')), await img(PNG)];
  const x = await preprocess(images, preprocessing);
  expect(x.shape).toEqual([4, 224, 224, 3]);
  const values = await x.data();
  x.dispose();
  const size = values.length / 4;
  for (let i = 1; i < 4; i++) {
    expect(values.subarray(i * size, (i + 1) * size)).toEqual(values.subarray(0, size));
  }
  expect(memory().numTensors).toBe(before);
});

test('classify accepts each of them, and leaves no tensor', async () => {
  const recipe = { ...preprocessing, resize: { shorterSide: 9 }, crop: 8 };
  const labels = ['cat', 'dog', 'bird'];
  const model = vgg([[1, 2]], { inputShape: [8, 8, 3], classes: 3, hiddenUnits: 4, dropout: 0 });
  const before = memory().numTensors;
  const expected = await classify(model, RAW, { preprocessing: recipe, labels });
  for (const image of [imageData(), await img(PNG), await createImageBitmap(PNG)]) {
    expect(await classify(model, image, { preprocessing: recipe, labels })).toEqual(expected);
  }
  expect(memory().numTensors).toBe(before);
  model.dispose();
});

test('a file, its bytes and its URL may come from an iframe', async () => {
  const frame = document.body.appendChild(document.createElement('iframe'));
  try {
    const other = frame.contentWindow as Window & typeof globalThis;
    const bytes = new Uint8Array(await PNG.arrayBuffer());
    const copy = new other.Uint8Array(bytes);
    const url = URL.createObjectURL(PNG);
    const sources = [
      new other.Blob([copy]),
      new other.File([copy], 'image.png'),
      copy,
      copy.buffer,
      new other.URL(url),
      new other.ImageData(imageData().data, width),
      other.document.body.appendChild(other.document.importNode(await img(PNG))),
    ];
    expect(sources[0]).not.toBeInstanceOf(Blob);
    for (const source of sources) {
      if ('decode' in source) await (source as HTMLImageElement).decode();
      expect((await read(source as ImageInput)).data).toEqual(RAW.data);
    }
    URL.revokeObjectURL(url);
  } finally {
    frame.remove();
  }
});

test('HEIC is decoded by browsers that can, and named by those that cannot', async () => {
  const file = Uint8Array.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic', (one) => one.charCodeAt(0));
  await expect(read(file)).rejects.toThrow(
    /^test: the image could not be read: it is HEIC, which most browsers do not decode; convert it to JPEG or PNG\.$/,
  );
  const { createImageBitmap: own } = globalThis;
  globalThis.createImageBitmap = (() => own(PNG)) as typeof own;
  try {
    expect((await read(new File([file], 'photo.heic'))).data).toEqual(RAW.data);
  } finally {
    globalThis.createImageBitmap = own;
  }
});

test('a video gives the current frame', async () => {
  const canvas = document.createElement('canvas');
  Object.assign(canvas, { width: 64, height: 32 });
  const context = canvas.getContext('2d')!;
  const paint = () => {
    context.fillStyle = '#c83214';
    context.fillRect(0, 0, 32, 32);
    context.fillStyle = '#1450c8';
    context.fillRect(32, 0, 32, 32);
  };
  const video = document.createElement('video');
  video.muted = true;
  video.srcObject = canvas.captureStream();
  const repaint = setInterval(paint, 20);
  await Promise.all([new Promise((resolve) => (video.onloadeddata = resolve)), video.play()]);
  clearInterval(repaint);
  const { data, ...size } = await read(video);
  expect(size).toEqual({ width: 64, height: 32 });
  const at = (x: number, y: number) => [...data.subarray(3 * (64 * y + x), 3 * (64 * y + x) + 3)];
  // A stream's frames may be kept as YUV in 8 bits, which moves a color by a few steps.
  for (const [pixel, color] of [
    [at(10, 16), [200, 50, 20]],
    [at(54, 16), [20, 80, 200]],
  ] as const) {
    for (const [i, value] of color.entries()) expect(Math.abs(pixel[i]! - value)).toBeLessThanOrEqual(4);
  }
  for (const track of (video.srcObject as MediaStream).getTracks()) track.stop();
});

describe('a photograph', () => {
  /** A JPEG file, with EXIF's orientation if one is given. */
  async function jpeg(orientation?: number): Promise<Blob> {
    const blob = await painted(new OffscreenCanvas(1, 1)).convertToBlob({ type: 'image/jpeg', quality: 0.9 });
    const bytes = new Uint8Array(await blob.arrayBuffer());
    if (!orientation) return blob;
    // TIFF, big-endian, of one entry: tag 0x112 (orientation), type 3 (short), one of them.
    const tiff = [
      0x4d,
      0x4d,
      0,
      42,
      0,
      0,
      0,
      8,
      0,
      1,
      0x01,
      0x12,
      0,
      3,
      0,
      0,
      0,
      1,
      0,
      orientation,
      0,
      0,
      0,
      0,
      0,
      0,
    ];
    const exif = [0x45, 0x78, 0x69, 0x66, 0, 0, ...tiff];
    const segment = Uint8Array.of(0xff, 0xe1, 0, exif.length + 2, ...exif);
    return new Blob([concat([bytes.subarray(0, 2), segment, bytes.subarray(2)]) as BlobPart], {
      type: 'image/jpeg',
    });
  }

  test.each([
    ['img element', img],
    ['ImageBitmap', createImageBitmap],
  ] as const)('is turned as its EXIF says, as an %s', async (_, open) => {
    const plain = await read(await open(await jpeg()));
    // Orientation 6: the file's rows are the image's columns, from the right.
    const turned = await read(await open(await jpeg(6)));
    expect([turned.width, turned.height]).toEqual([height, width]);
    const expected = new Uint8Array(3 * width * height);
    for (let y = 0; y < width; y++) {
      for (let x = 0; x < height; x++) {
        const from = 3 * ((height - 1 - x) * width + y);
        expected.set(plain.data.subarray(from, from + 3), 3 * (y * height + x));
      }
    }
    expect(turned.data).toEqual(expected);
  });
});

describe('reports that', () => {
  const refuses = (image: ImageInput, message: string) =>
    expect(preprocess(image, preprocessing)).rejects.toThrow(
      expect.objectContaining({ name: 'RangeError', message: expect.stringContaining(message) }),
    );

  test('an img element is not loaded, or failed to load', async () => {
    const message = 'preprocess: the img element has no image: it is not loaded yet, or failed to load';
    await refuses(new Image(), message);
    const broken = new Image();
    broken.src = URL.createObjectURL(new Blob(['no image'], { type: 'image/png' }));
    await broken.decode().catch(() => {});
    await refuses(broken, message);
  });

  test('a video has no frame yet', async () => {
    await refuses(document.createElement('video'), 'preprocess: the video element has no frame yet');
  });

  test('a canvas, a closed bitmap or a closed frame has no size', async () => {
    const canvas = document.createElement('canvas');
    canvas.height = 0;
    await refuses(canvas, "the image's height is 0; it must be a whole number of at least 1.");
    const bitmap = await createImageBitmap(PNG);
    bitmap.close();
    await refuses(bitmap, "the image's width is 0");
    const frame = new VideoFrame(painted(new OffscreenCanvas(1, 1)), { timestamp: 0 });
    frame.close();
    await refuses(frame, "the image's width is 0");
  });

  test('an image of another site may not be read, unless its server and the page allow it', async () => {
    const file = await keep('noise.png', new Uint8Array(await PNG.arrayBuffer()));
    const tainted = await img(file.url('?cors=no'));
    await refuses(
      tainted,
      'preprocess: the image comes from another site, which does not let this page read it',
    );
    const canvas = document.createElement('canvas');
    Object.assign(canvas, { width, height });
    canvas.getContext('2d')!.drawImage(tainted, 0, 0);
    await refuses(canvas, 'the image comes from another site');
    expect(await read(await img(file.url(), 'anonymous'))).toEqual(RAW);
    await file.remove();
  });

  test('something else is not an image', async () => {
    const svg = document.createElementNS('http://www.w3.org/2000/svg', 'image');
    for (const other of [svg, document.createElement('div'), {}] as never[]) {
      await refuses(
        other,
        'preprocess: this is not an image; pass bytes, a tensor, or anything a canvas can draw',
      );
    }
    await refuses({ width: 3, height: 2 } as never, 'preprocess: the browser cannot draw the image: ');
  });
});
