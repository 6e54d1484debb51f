import {
  image,
  type Tensor1D,
  type Tensor2D,
  type Tensor4D,
  tensor1d,
  tensor2d,
  tensor4d,
  tidy,
} from '@tensorflow/tfjs-core';
import {
  BYTES,
  checkArguments,
  either,
  NUMBER,
  NUMBERS,
  optional,
  optionsOf,
  plainObject,
  TEXTS,
} from '../base/arguments.js';
import { checkSeed, fail, numberThat, shown, wholeNumber } from '../base/check.js';
import { crc32 } from '../base/crc32.js';
import { ownSequence } from '../base/ofCaller.js';
import { mix } from '../base/random.js';
import { size } from '../base/shapes.js';
import { type BatchAugmentation, changed, checkBatchAugmentation, type PixelBatch } from './augmentBatch.js';
import { type BatchOrder, batchIndices } from './batches.js';
import { imagesOf, takesBytes, wholeWords } from './pixelBytes.js';
import { splitByClass } from './split.js';

/** Contents of an {@link ImageSet}. */
export interface ImageSetOptions {
  /** `count * height * width * channels` bytes, 0 (black) to 255, channels fastest (NHWC). Not copied. */
  images: Uint8Array;
  /** The class of each image, an index into `classNames`. Not copied. */
  labels: Uint8Array;
  /** Height, width and channels of the stored images. */
  shape: readonly [height: number, width: number, channels: number];
  /** Names of the classes, 1 to 256. */
  classNames: readonly string[];
  /** Height and width of images in batches; default as stored. */
  size?: number | readonly [height: number, width: number];
  /** Random changes to the images of batches that have a seed; default none. */
  augment?: BatchAugmentation;
}

/** Options of {@link ImageSet.batches}. The same seed gives the same order everywhere. */
export interface BatchOptions extends BatchOrder {
  /** Drops a last batch of fewer than `batchSize` images; default false. */
  dropRemainder?: boolean;
}

/** Images and their classes as tensors; the caller disposes both. */
export interface ImageBatch {
  /** float32 pixels from 0 to 1, shape `[images, height, width, channels]`. */
  xs: Tensor4D;
  /** int32 class indices, shape `[images]`; with mixup, the probability of each class, float32 `[images, classes]`. */
  ys: Tensor1D | Tensor2D;
}

/**
 * Labeled images of one size, stored as bytes and returned as batches of tensors. Images are enlarged one batch at a
 * time: 60000 images of 28x28 take 47 MB, instead of 12 GB at 224x224.
 *
 * @example
 * const { trainSet } = garments();
 * for (const { xs, ys } of trainSet.resize(64).batches({ batchSize: 32, seed: 1 })) {
 *   // xs [32, 64, 64, 1], ys [32]
 *   dispose([xs, ys]);
 * }
 */
export class ImageSet {
  /** Bytes, 0 to 255, `length * height * width * channels` of the stored shape (NHWC). */
  readonly images: Uint8Array;
  /** The class of each image. */
  readonly labels: Uint8Array;
  /** Height, width and channels of the images in `images`. */
  readonly storedShape: readonly [height: number, width: number, channels: number];
  /** Height, width and channels of the images in batches. */
  readonly shape: readonly [height: number, width: number, channels: number];
  /** Names of the classes. */
  readonly classNames: readonly string[];
  /** The number of images. */
  readonly length: number;
  /** Random changes to the images of batches that have a seed. */
  readonly augmentation: Readonly<BatchAugmentation> | undefined;

  /**
   * @throws RangeError when a size is not a positive whole number, the bytes are not a whole number of images, there is not
   *   one label for each image, or a label has no class name.
   */
  constructor(options: ImageSetOptions) {
    const names = { images: 1, labels: 1, shape: 1, classNames: 1, size: 1, augment: 1 } as const;
    const { images, labels, shape, classNames, size, augment } = optionsOf('ImageSet', options, names);
    const kinds = { images: BYTES, labels: BYTES, shape: NUMBERS, classNames: TEXTS };
    checkArguments('ImageSet', { images, labels, shape, classNames }, kinds);
    checkArguments('ImageSet', { size }, { size: optional(either(NUMBER, NUMBERS)) });
    if (shape.length !== 3) {
      fail('ImageSet', `the shape of its images is ${shown(shape)}; it must be [height, width, channels].`);
    }
    if (typeof size === 'object' && size.length !== 2) {
      fail('ImageSet', `size is ${shown(size)}; it must be one number, or [height, width].`);
    }
    const [height, width, channels] = shape;
    wholeNumber('ImageSet', 'height', height, 1);
    wholeNumber('ImageSet', 'width', width, 1);
    wholeNumber('ImageSet', 'channels', channels, 1);
    const pixels = height * width * channels;
    if (images.length % pixels !== 0) {
      fail(
        'ImageSet',
        `images has ${images.length} bytes, not a multiple of the ${pixels} of a ${shape.join('x')} image; pass whole images.`,
      );
    }
    const length = images.length / pixels;
    if (labels.length !== length) {
      fail(
        'ImageSet',
        `labels has ${labels.length} entries for ${length} images; pass one label for each image.`,
      );
    }
    if (classNames.length < 1 || classNames.length > 256) {
      fail('ImageSet', `classNames has ${classNames.length} entries; pass 1 to 256 names.`);
    }
    const stray = labels.findIndex((label) => label >= classNames.length);
    if (stray >= 0) {
      fail(
        'ImageSet',
        `label ${labels[stray]} of image ${stray} has no class name; with ${classNames.length} names, labels must be from 0 to ${classNames.length - 1}.`,
      );
    }
    const [outHeight, outWidth] = typeof size === 'number' ? [size, size] : (size ?? [height, width]);
    this.images = images;
    this.labels = labels;
    this.storedShape = [height, width, channels];
    this.shape = [
      wholeNumber('ImageSet', 'size', outHeight, 1),
      wholeNumber('ImageSet', 'size', outWidth, 1),
      channels,
    ];
    this.classNames = classNames;
    this.length = length;
    if (augment !== undefined) checkBatchAugmentation('ImageSet', augment, [height, width]);
    this.augmentation = augment;
  }

  /**
   * The same images with batches of another size: a view that shares the bytes. Images are always resized from the stored
   * bytes, whatever the size was before.
   *
   * Resizing is bilinear with half-pixel centers, like Pillow, torchvision and OpenCV when they enlarge. Shrinking reads at
   * most 2x2 pixels for each new one, so fine detail may alias.
   *
   * @param size one number for square images, or height and width.
   */
  resize(size: number | readonly [height: number, width: number]): ImageSet {
    checkArguments('ImageSet', { size }, { size: either(NUMBER, NUMBERS) });
    return new ImageSet({ ...this.#parts(), size });
  }

  /**
   * The images from `start` up to but not including `end`: a view that shares the bytes.
   *
   * @param end default: all the rest.
   * @throws RangeError unless 0 <= start <= end <= length.
   */
  take(start: number, end: number = this.length): ImageSet {
    wholeNumber('ImageSet', 'end', end, 0);
    wholeNumber('ImageSet', 'start', start, 0);
    if (start > end || end > this.length) {
      fail(
        'ImageSet',
        `${start} to ${end} is not a range within the ${this.length} images; use 0 to ${this.length}.`,
      );
    }
    this.#checkBytes();
    const pixels = this.#pixels();
    return new ImageSet({
      ...this.#parts(),
      images: this.images.subarray(start * pixels, end * pixels),
      labels: this.labels.subarray(start, end),
    });
  }

  /**
   * The same images, changed at random in batches that have a seed, as those of training do: a view that shares the bytes. The
   * changes are made at the stored size.
   *
   * @example const augmented = trainSet.augment({ shift: 2, flip: 0.5 });
   */
  augment(augmentation: BatchAugmentation): ImageSet {
    checkArguments(
      'ImageSet',
      { augmentation },
      { augmentation: plainObject('options such as { shift: 2 }') },
    );
    return new ImageSet({ ...this.#parts(), augment: augmentation });
  }

  /**
   * The images as two sets, which have copies of the bytes: `fraction` of each class, drawn by the seed, and the others.
   *
   * @param fraction 0 to 1.
   */
  split(fraction: number, seed = 0): { trainSet: ImageSet; validationSet: ImageSet } {
    const isFraction = (n: number) => n >= 0 && n <= 1;
    numberThat('ImageSet', 'the fraction', fraction, isFraction, 'from 0 to 1, such as 0.1');
    this.#checkBytes();
    const { training, validation } = splitByClass(this.labels, fraction, checkSeed('ImageSet', seed));
    return { trainSet: this.#select(training), validationSet: this.#select(validation) };
  }

  /**
   * The images as tensors, batch by batch. The caller disposes the two tensors of each batch; a loop may stop at any batch
   * without leaking.
   *
   * @throws RangeError, at once, when an option is out of range.
   */
  batches(options: BatchOptions): IterableIterator<ImageBatch> {
    const batches = batchIndices('ImageSet', this.length, options);
    const whole = ({ length }: readonly number[]) => length === options.batchSize;
    return ownSequence(this.#run(options.dropRemainder ? batches.filter(whole) : batches, options.seed));
  }

  /** Names the content for checkpoints of training: a checksum of images and labels, the size, the augmentation. */
  fingerprint(): string {
    this.#checkBytes();
    const { images, labels, storedShape, shape, augmentation } = this;
    const sums = [images, labels].map((bytes) => crc32(bytes).toString(16));
    return JSON.stringify([sums, storedShape, shape, augmentation]);
  }

  *#run(batches: readonly (readonly number[])[], seed?: number): Generator<ImageBatch, void, undefined> {
    for (const [number, indices] of batches.entries()) {
      yield this.#batch(indices, seed === undefined ? undefined : mix(seed + mix(number + 1)));
    }
  }

  #batch(indices: readonly number[], seed: number | undefined): ImageBatch {
    const [height, width, channels] = this.storedShape;
    const shape = [indices.length, height, width, channels] as const;
    const size = this.#pixels();
    this.#checkBytes();
    const bytes = wholeWords(indices.length * size);
    indices.forEach((index, row) => {
      bytes.set(this.images.subarray(index * size, (index + 1) * size), row * size);
    });
    const labels = Int32Array.from(indices, (index) => this.labels[index]!);
    if (!this.augmentation || seed === undefined) {
      return { xs: this.#sized(bytes, shape), ys: tensor1d(labels, 'int32') };
    }
    const pixels = floatsOf(bytes, indices.length * size);
    const classes = this.classNames.length;
    const targets = new Float32Array(labels.length * classes);
    labels.forEach((label, row) => {
      targets[row * classes + label] = 1;
    });
    const mixed = changed({ pixels, shape, targets }, this.augmentation, seed);
    const ys = this.augmentation.mixup
      ? tensor2d(mixed.targets, [labels.length, classes])
      : tensor1d(labels, 'int32');
    // Mixed pixels lie between bytes.
    const isBytes = !this.augmentation.mixup && takesBytes();
    return { xs: this.#sized(isBytes ? bytesOf(mixed.pixels) : mixed.pixels, shape), ys };
  }

  /** Pixels as a tensor of the size of batches: bytes, some more than there are pixels, or numbers from 0 to 1. */
  #sized(pixels: Uint8Array | Float32Array, shape: PixelBatch['shape']): Tensor4D {
    const [height, width] = this.shape;
    return tidy(() => {
      if (pixels instanceof Uint8Array && takesBytes()) {
        return imagesOf(pixels, { shape, size: [height, width] });
      }
      const numbers = pixels instanceof Uint8Array ? floatsOf(pixels, size(shape)) : pixels;
      const stored = tensor4d(numbers, [...shape]);
      if (height === shape[1] && width === shape[2]) return stored;
      return image.resizeBilinear(stored, [height, width], false, true);
    });
  }

  /** Copies of some of the images. */
  #select(indices: readonly number[]): ImageSet {
    const size = this.#pixels();
    const images = new Uint8Array(indices.length * size);
    indices.forEach((index, row) => {
      images.set(this.images.subarray(index * size, (index + 1) * size), row * size);
    });
    const labels = Uint8Array.from(indices, (index) => this.labels[index]!);
    return new ImageSet({ ...this.#parts(), images, labels });
  }

  /** Throws if the bytes, which are the caller's, went to another thread since the set was made. */
  #checkBytes(): void {
    const { images, labels } = this;
    checkArguments('ImageSet', { images, labels }, { images: BYTES, labels: BYTES });
  }

  #pixels(): number {
    const [height, width, channels] = this.storedShape;
    return height * width * channels;
  }

  #parts(): ImageSetOptions {
    const [height, width] = this.shape;
    const { images, labels, storedShape, classNames, augmentation: augment } = this;
    return { images, labels, shape: storedShape, classNames, size: [height, width], augment };
  }
}

/** Numbers from 0 to 1 of the first bytes. */
function floatsOf(bytes: Uint8Array, count: number): Float32Array {
  const numbers = new Float32Array(count);
  for (let i = 0; i < count; i++) numbers[i] = bytes[i]! / 255;
  return numbers;
}

/** The bytes that {@link floatsOf} made numbers of. */
function bytesOf(numbers: Float32Array): Uint8Array {
  const bytes = wholeWords(numbers.length);
  for (let i = 0; i < numbers.length; i++) bytes[i] = Math.round(255 * numbers[i]!);
  return bytes;
}
