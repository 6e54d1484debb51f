import {
  concat,
  log,
  maximum,
  mean,
  reshape,
  sub,
  type Tensor,
  tidy,
  zerosLike,
} from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { checkArguments, MODEL, optionsOf } from '../base/arguments.js';
import { breathing } from '../base/breathing.js';
import { fail, wholeNumber } from '../base/check.js';
import { shapeText } from '../base/shapes.js';
import { outputActivations } from '../tfjs/classifier.js';
import { type Graph, graphOf } from '../tfjs/graph.js';
import { inUse } from '../tfjs/inUse.js';
import { disposeBatch, type Examples } from '../train/batch.js';
import { checkWeights, overflow } from '../train/finite.js';
import { checkImages, type Images, partOf } from './images.js';

/** How far two networks agree on images. */
export interface Agreement {
  /** The images compared. */
  images: number;
  /** The fraction of the images for which both have the same most probable class; null for outputs that are not classes. */
  top1: number | null;
  /** The fraction for which the class of the first is among the five most probable of the second; null up to five classes. */
  top5: number | null;
  /** The mean over the images of the cosine of both outputs: of classes, of the logits without their mean. */
  cosine: number;
}

/** Options of {@link agreement}. */
export interface AgreementOptions {
  /** Images per forward pass; the result does not depend on it. Default 8. */
  batchSize?: number;
  /** Stops after the current batch: rejects with the signal's reason. */
  signal?: AbortSignal;
}

/**
 * How far two networks for the same images agree, such as a network and the one that `compress` has made of it. No labels are needed.
 *
 * @param images prepared for the networks: a tensor `[images, height, width, channels]`, or examples such as an `ImageSet`.
 * @throws RangeError when the networks have different inputs or outputs, one returns NaN or infinity, or the images do not fit; the
 *   signal's reason.
 * @example
 * const { top1 } = await agreement(vgg16, compressed, testSet); // 0.998: the same class for 998 of 1000 images
 */
export async function agreement(
  model: LayersModel,
  other: LayersModel,
  images: Images,
  options: AgreementOptions = {},
): Promise<Agreement> {
  checkArguments('agreement', { model, other }, { model: MODEL, other: MODEL });
  const { batchSize = 8, signal } = optionsOf('agreement', options, { batchSize: 1, signal: 1 });
  wholeNumber('agreement', 'batchSize', batchSize);
  const [own, others] = [model, other].map(({ outputs }) =>
    outputs.map(({ shape }) => shapeText(shape.slice(1), ', ')).join('; '),
  );
  if (own !== others) {
    fail('agreement', `the outputs are [${own}] and [${others}]; pass two networks with the same outputs.`);
  }
  const graphs = [graphOf('agreement', model), graphOf('agreement', other)] as const;
  for (const graph of graphs) checkImages('agreement', graph, images);
  const [first, second] = [readerOf('agreement', graphs[0]), graphs[1]];
  const all = partOf('agreement', images, 'all', signal);
  return inUse('agreement', { model, 'other model': other, 'tensor of images': images }, async () => {
    for (const one of [model, other]) await checkWeights('agreement', one);
    return compared('agreement', first, second, all, batchSize, async () => signal?.throwIfAborted());
  });
}

/**
 * How far two networks agree on images that fit both.
 *
 * @param first the outputs of the first network for each batch, in order.
 * @param second the other network.
 * @param step called before each batch, with the number of images that are done; what it throws ends the work.
 */
export async function compared(
  where: string,
  first: (xs: Tensor) => Promise<Float32Array[]>,
  second: Graph,
  images: Examples,
  batchSize: number,
  step: (done: number) => Promise<void>,
): Promise<Agreement> {
  const comparison = new Comparison(second);
  const other = readerOf(where, second);
  await eachBatch(images, batchSize, step, async (xs) => {
    comparison.add(await first(xs), await other(xs), xs.shape[0]!);
  });
  return comparison.result();
}

/** What {@link compared} takes of a network, computed before the other one is there; `step` as there. */
export async function outputsFor(
  where: string,
  graph: Graph,
  images: Examples,
  batchSize: number,
  step: (done: number) => Promise<void>,
): Promise<() => Promise<Float32Array[]>> {
  const outputs: Float32Array[][] = [];
  const read = readerOf(where, graph);
  await eachBatch(images, batchSize, step, async (xs) => void outputs.push(await read(xs)));
  let at = 0;
  return async () => outputs[at++]!;
}

async function eachBatch(
  images: Examples,
  batchSize: number,
  step: (done: number) => Promise<void>,
  use: (xs: Tensor) => Promise<void>,
): Promise<void> {
  const breathe = breathing();
  let done = 0;
  for await (const batch of images.batches({ batchSize })) {
    try {
      await step(done);
      await use(batch.xs);
      done += batch.xs.shape[0]!;
    } finally {
      disposeBatch(batch);
    }
    await breathe();
  }
}

/** The outputs of a network for images, one array per output, image after image. */
type Reader = (xs: Tensor) => Promise<Float32Array[]>;

/** Reads a network's outputs as numbers that can be compared: logits of classes. */
function readerOf(where: string, graph: Graph): Reader {
  const { model } = graph;
  const comparable = comparableOf(graph);
  return async (xs) => {
    const tensors = tidy(() => [model.apply(xs) as Tensor | Tensor[]].flat().map(comparable));
    try {
      const outputs = (await Promise.all(tensors.map((one) => one.data()))) as Float32Array[];
      if (outputs.every((numbers) => numbers.every(Number.isFinite))) return outputs;
    } finally {
      for (const one of tensors) one.dispose();
    }
    return fail(where, overflow(model));
  };
}

/** The smallest probability whose logarithm counts; float32 knows 1e-38. */
const LEAST = 1e-30;

/** Logits without their mean, which softmax does not see; other outputs as they are. */
function comparableOf(graph: Graph): (output: Tensor) => Tensor {
  const classes = classesOf(graph);
  if (classes === 0) return (output) => reshape(output, [output.shape[0]!, -1]);
  const [activation] = outputActivations(graph);
  const logOf = (probabilities: Tensor) => log(maximum(probabilities, LEAST));
  return (output) => {
    // One output tells two classes apart.
    const isPair = output.shape[1] === 1;
    let logits = output;
    if (activation === 'sigmoid' && isPair) logits = sub(logOf(output), logOf(sub(1, output)));
    else if (activation === 'softmax') logits = logOf(output);
    const all = isPair ? concat([zerosLike(logits), logits], -1) : logits;
    return sub(all, mean(all, -1, true));
  };
}

/** The number of classes of a network whose only output is a vector; 0 for others. */
function classesOf({ model }: Graph): number {
  const [, length, ...rest] = model.outputs[0]!.shape;
  return model.outputs.length === 1 && rest.length === 0 && length ? Math.max(2, length) : 0;
}

/** Compares the outputs of two networks, batch by batch. */
class Comparison {
  private images = 0;
  private same = 0;
  private amongFive = 0;
  private cosines = 0;
  private readonly classes: number;

  constructor(graph: Graph) {
    this.classes = classesOf(graph);
  }

  /** Takes in the outputs of a batch, as readers return them. */
  add(one: readonly Float32Array[], other: readonly Float32Array[], count: number): void {
    for (let i = 0; i < count; i++) {
      const rows = [one, other].map((outputs) =>
        outputs.map((numbers) =>
          numbers.subarray((i * numbers.length) / count, ((i + 1) * numbers.length) / count),
        ),
      );
      const [a, b] = rows as [Float32Array[], Float32Array[]];
      this.cosines += a.reduce((sum, row, k) => sum + cosine(row, b[k]!), 0) / a.length;
      this.images++;
      if (this.classes === 0) continue;
      const place = placeOf(largest(a[0]!), b[0]!);
      if (place === 0) this.same++;
      if (place < 5) this.amongFive++;
    }
  }

  result(): Agreement {
    const { images, classes } = this;
    return {
      images,
      top1: classes === 0 ? null : this.same / images,
      top5: classes <= 5 ? null : this.amongFive / images,
      cosine: this.cosines / images,
    };
  }
}

function largest(row: Float32Array): number {
  return row.reduce((best, value, i) => (value > row[best]! ? i : best), 0);
}

/** How many classes come before one. */
function placeOf(index: number, row: Float32Array): number {
  return row.reduce(
    (count, value, i) => count + (value > row[index]! || (value === row[index] && i < index) ? 1 : 0),
    0,
  );
}

function cosine(a: Float32Array, b: Float32Array): number {
  let [product, x, y] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    product += a[i]! * b[i]!;
    x += a[i]! ** 2;
    y += b[i]! ** 2;
  }
  if (x === 0 && y === 0) return 1;
  return x === 0 || y === 0 ? 0 : product / Math.sqrt(x * y);
}
