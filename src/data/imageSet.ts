import { image, type Tensor1D, type Tensor4D, tensor1d, tensor4d, tidy } from '@tensorflow/tfjs-core';
import { fail, wholeNumber } from '../base/check.js';
import { type BatchOrder, batchIndices } from './batches.js';

/** What an {@link ImageSet} is made of. */
export interface ImageSetOptions {
  /** Pixels, 0 (black) to 255, `count * height * width * channels` of them, channels fastest (NHWC). Not copied. */
  images: Uint8Array;
  /** The class of each image, an index into `classNames`. Not copied. */
  labels: Uint8Array;
  /** Height, width and channels of the images as they are stored. */
  shape: readonly [height: number, width: number, channels: number];
  /** What the classes are called, 1 to 256 names. */
  classNames: readonly string[];
  /** Height and width that batches come out at; default as stored. */
  size?: number | readonly [height: number, width: number];
}

/** What {@link ImageSet.batches} is to do. */
export interface BatchOptions extends BatchOrder {
  /** Leaves out a last batch of fewer than `batchSize` images; default false. */
  dropRemainder?: boolean;
}

/** Some images and their classes as tensors, which whoever takes the batch disposes. */
export interface ImageBatch {
  /** float32 pixels from 0 to 1, shape `[images, height, width, channels]`. */
  xs: Tensor4D;
  /** int32 class indices, shape `[images]`. */
  ys: Tensor1D;
}

/**
 * Labelled images of one size, kept as bytes, that come out as batches of tensors. Images are enlarged a batch at a
 * time: 60000 images of 28x28 stay 47 MB, where at 224x224 they would be 12 GB.
 *
 * @example
 * const { train } = garments();
 * for (const { xs, ys } of train.resize(64).batches({ batchSize: 32, seed: 1 })) {
 *   // xs [32, 64, 64, 1], ys [32]
 *   dispose([xs, ys]);
 * }
 */
export class ImageSet {
  /** Pixels, 0 to 255, `length * height * width * channels` of the stored shape (NHWC). */
  readonly images: Uint8Array;
  /** The class of each image. */
  readonly labels: Uint8Array;
  /** Height, width and channels of the images in `images`. */
  readonly storedShape: readonly [height: number, width: number, channels: number];
  /** Height, width and channels of the images in batches. */
  readonly shape: readonly [height: number, width: number, channels: number];
  /** What the classes are called. */
  readonly classNames: readonly string[];
  /** The number of images. */
  readonly length: number;

  /**
   * @throws RangeError when a side is no whole number from 1 on, the pixels don't make whole images, there are more or
   *   fewer labels than images, or a label (named with its index) has no class name.
   */
  constructor({ images, labels, shape, classNames, size }: ImageSetOptions) {
    const [height, width, channels] = shape;
    wholeNumber('ImageSet', 'height', height, 1);
    wholeNumber('ImageSet', 'width', width, 1);
    wholeNumber('ImageSet', 'channels', channels, 1);
    const pixels = height * width * channels;
    if (images.length % pixels !== 0) {
      fail(
        'ImageSet',
        `images has ${images.length} bytes, and an image of ${shape.join('x')} has ${pixels}; give whole images.`,
      );
    }
    const length = images.length / pixels;
    if (labels.length !== length) {
      fail(
        'ImageSet',
        `labels has ${labels.length} entries for ${length} images; give one label for each image.`,
      );
    }
    if (classNames.length < 1 || classNames.length > 256) {
      fail('ImageSet', `classNames has ${classNames.length} entries; give 1 to 256 names.`);
    }
    const stray = labels.findIndex((label) => label >= classNames.length);
    if (stray >= 0) {
      fail(
        'ImageSet',
        `label ${labels[stray]} of image ${stray} has no class name; with ${classNames.length} names, labels go from 0 to ${classNames.length - 1}.`,
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
  }

  /**
   * The same images with batches of another size: a view that shares the pixels. Every size is made from the stored
   * pixels, whatever the size was before.
   *
   * The resizing is bilinear with half-pixel centres, as Pillow, torchvision and OpenCV enlarge. Shrinking reads at
   * most 2x2 pixels for each that it makes, without antialiasing, so fine detail may alias.
   *
   * @param size the side of square images, or height and width.
   */
  resize(size: number | readonly [height: number, width: number]): ImageSet {
    return new ImageSet({ ...this.#parts(), size });
  }

  /**
   * The images from `start` up to but not including `end`: a view that shares the pixels.
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
        `${start} to ${end} is not within 0 to ${this.length}; take a part of the ${this.length} images.`,
      );
    }
    const pixels = this.#pixels();
    return new ImageSet({
      ...this.#parts(),
      images: this.images.subarray(start * pixels, end * pixels),
      labels: this.labels.subarray(start, end),
    });
  }

  /**
   * The images as tensors, batch after batch. Each batch belongs to whoever takes it, who disposes its two tensors;
   * a loop may stop at any batch and leaves nothing behind.
   *
   * @throws RangeError, at once, when an option is out of its range.
   */
  batches(options: BatchOptions): IterableIterator<ImageBatch> {
    const batches = batchIndices('ImageSet', this.length, options);
    const { batchSize, dropRemainder = false } = options;
    return this.#run(dropRemainder ? batches.filter(({ length }) => length === batchSize) : batches);
  }

  *#run(batches: readonly (readonly number[])[]): Generator<ImageBatch, void, undefined> {
    for (const indices of batches) yield this.#batch(indices);
  }

  #batch(indices: readonly number[]): ImageBatch {
    const [height, width, channels] = this.storedShape;
    const size = this.#pixels();
    const pixels = new Float32Array(indices.length * size);
    indices.forEach((index, row) => {
      for (let i = 0; i < size; i++) pixels[row * size + i] = this.images[index * size + i]! / 255;
    });
    const labels = Int32Array.from(indices, (index) => this.labels[index]!);
    const [outHeight, outWidth] = this.shape;
    const xs = tidy(() => {
      const stored = tensor4d(pixels, [indices.length, height, width, channels]);
      if (outHeight === height && outWidth === width) return stored;
      return image.resizeBilinear(stored, [outHeight, outWidth], false, true);
    });
    return { xs, ys: tensor1d(labels, 'int32') };
  }

  #pixels(): number {
    const [height, width, channels] = this.storedShape;
    return height * width * channels;
  }

  #parts(): ImageSetOptions {
    const [height, width] = this.shape;
    const { images, labels, storedShape, classNames } = this;
    return { images, labels, shape: storedShape, classNames, size: [height, width] };
  }
}
