import { dispose, gather, keep, slice, Tensor, tensor1d } from '@tensorflow/tfjs-core';
import { EXAMPLES, TENSOR } from '../base/arguments.js';
import { fail, shown } from '../base/check.js';
import { fits, shapeText } from '../base/shapes.js';
import type { Graph } from '../tfjs/graph.js';
import { held } from '../tfjs/held.js';
import { checkImageSize } from '../tfjs/imageSize.js';
import { inputShapeOf } from '../tfjs/models.js';
import type { Examples } from '../train/batch.js';
import { type BatchesTaken, givenBatches } from '../train/examples.js';
import { strayNumber } from '../train/finite.js';

/** Images prepared for a model: a tensor `[images, height, width, channels]`, or examples, whose labels are not read. */
export type Images = Tensor | Pick<Examples, 'length' | 'shape' | 'batches'>;

/** Of this many images one is kept out of calibration, so that networks are compared on images to which none was fitted. */
const HELD_OUT = 5;

/** The fewest images that show how a layer's inputs vary. */
const FEWEST = 32;

/** Which images of a set. */
export type Part = 'calibration' | 'comparison' | 'all';

/** Also of one that was disposed since it was checked. */
const isTensor = (images: Images): images is Tensor => images instanceof Tensor;

/** Throws unless images fit a model. */
export function checkImages(where: string, graph: Graph, images: Images): void {
  if (!TENSOR.holds(images) && !EXAMPLES.holds(images)) {
    fail(
      where,
      `images is ${shown(images)}; it must be a tensor of images, or examples such as an ImageSet.`,
    );
  }
  const own = isTensor(images) ? images.shape.slice(1) : images.shape;
  const wanted = inputShapeOf(graph.model);
  if (!fits(own, wanted)) {
    fail(
      where,
      `the images are ${shapeText(own)}, but the model takes ${shapeText(wanted)}; prepare them at that size.`,
    );
  }
  if (countOf(images) === 0) fail(where, 'there are no images; pass at least one.');
  checkImageSize(where, graph, own);
}

/** Throws unless there are enough images to calibrate on. */
export function checkCount(where: string, images: Images): void {
  const count = countOf(images);
  if (count < FEWEST) {
    fail(
      where,
      `there are ${count} images to calibrate on, which would keep what they have in common and lose the rest; pass at least ${FEWEST}, better a few hundred, or none.`,
    );
  }
}

function countOf(images: Images): number {
  return isTensor(images) ? images.shape[0]! : images.length;
}

/**
 * A part of images as examples.
 *
 * @param signal ends the waiting for a batch of the examples: rejects with its reason.
 */
export function partOf(where: string, images: Images, part: Part, signal?: AbortSignal): Examples {
  const count = countOf(images);
  const isAll = part === 'all';
  const held = Math.floor(count / HELD_OUT);
  return {
    length: isAll ? count : part === 'comparison' ? held : count - held,
    shape: isTensor(images) ? images.shape.slice(1) : images.shape,
    async *batches({ batchSize }) {
      let first = 0;
      for await (const xs of batchesOf(where, images, { batchSize, signal })) {
        const all = Array.from({ length: xs.shape[0]! }, (_, i) => i);
        const isHeld = (i: number) => (first + i) % HELD_OUT === HELD_OUT - 1;
        const rows = isAll ? all : all.filter((i) => isHeld(i) === (part === 'comparison'));
        first += all.length;
        if (rows.length === 0) xs.dispose();
        else yield { xs: taken(xs, rows), ys: keep(tensor1d(rows, 'int32')) };
      }
      if (first !== count) {
        fail(
          where,
          `the examples returned ${first} images, but their length is ${count}; correct their length.`,
        );
      }
    },
  };
}

/** Some rows of a tensor, which is disposed. */
function taken(xs: Tensor, rows: readonly number[]): Tensor {
  if (rows.length === xs.shape[0]) return xs;
  try {
    return held(() => gather(xs, tensor1d([...rows], 'int32')));
  } finally {
    xs.dispose();
  }
}

async function* givenTensors(where: string, images: Images, taken: BatchesTaken): AsyncGenerator<Tensor> {
  if (isTensor(images)) {
    const { batchSize } = taken;
    const count = countOf(images);
    for (let at = 0; at < count; at += batchSize)
      yield keep(slice(images, at, Math.min(batchSize, count - at)));
    return;
  }
  for await (const batch of givenBatches(where, 'given', images, taken)) {
    const { xs, ys, weights, teacherLogits } = batch;
    // Of an autoencoder's examples, the images are the labels.
    dispose([ys, weights, teacherLogits].filter((one) => one !== undefined && one !== xs));
    yield xs;
  }
}

/** Batches of images, of which the numbers are checked. */
async function* batchesOf(where: string, images: Images, taken: BatchesTaken): AsyncGenerator<Tensor> {
  let first = 0;
  for await (const xs of givenTensors(where, images, taken)) {
    try {
      const stray = await strayNumber(xs);
      if (stray) {
        fail(
          where,
          `image ${first + stray.image} has the number ${stray.value}; pass images of finite numbers.`,
        );
      }
    } catch (error) {
      xs.dispose();
      throw error;
    }
    first += xs.shape[0]!;
    yield xs;
  }
}
