import type { LayersModel } from '@tensorflow/tfjs-layers';
import { optional, SEQUENCE, TENSOR } from '../base/arguments.js';
import { fail, shown } from '../base/check.js';
import { calling } from '../base/ofCaller.js';
import { oneByOne } from '../base/oneByOne.js';
import { fits, shapeText } from '../base/shapes.js';
import { classifierOutputs } from '../tfjs/classifier.js';
import { graphOf } from '../tfjs/graph.js';
import { hold } from '../tfjs/held.js';
import { checkImageSize } from '../tfjs/imageSize.js';
import { inputShapeOf } from '../tfjs/models.js';
import { type Batch, disposeBatch, disposeWithin, type Examples } from './batch.js';
import { contentProblem, sizeProblem, strayLabel } from './batchProblems.js';

/** Throws unless the examples fit the model's input and its number of classes. */
export function checkExamples(where: string, model: LayersModel, examples: Examples, which: string): void {
  const input = inputShapeOf(model);
  if (!fits(examples.shape, input)) {
    const [channels, taken] = [examples.shape.at(-1), input.at(-1)];
    const remedy =
      input.length === 3 && taken && channels !== taken
        ? `pass images with ${taken} ${taken === 1 ? 'channel' : 'channels'}, or a model for images with ${channels}`
        : `resize the images or build the model with inputShape [${shapeText(examples.shape, ', ')}]`;
    fail(
      where,
      `the ${which} images are ${shapeText(examples.shape)}, but the model takes ${shapeText(input)}; ${remedy}.`,
    );
  }
  const graph = graphOf(where, model);
  checkImageSize(where, graph, examples.shape);
  const { outputs, classes } = classifierOutputs(where, graph);
  const names = examples.classNames?.length ?? 0;
  if (names > classes) {
    fail(
      where,
      `the ${which} set has ${names} classes, but the model has ${outputs} ${outputs === 1 ? 'output' : 'outputs'}; build it with classes: ${names}.`,
    );
  }
  if (examples.length === 0) fail(where, `the ${which} set is empty; pass at least one example.`);
}

/** How the batches of a set are taken. */
export interface BatchesTaken {
  batchSize: number;
  seed?: number;
  /** Ends the waiting for a batch: rejects with the signal's reason. */
  signal?: AbortSignal;
}

/**
 * The batches that a set returns, of which the labels are not checked.
 *
 * @param batchSize the size that each batch but the last must have; any by default.
 * @throws RangeError when it returns something else, more examples than it says, or images of another size; the signal's reason.
 */
export async function* givenBatches(
  where: string,
  which: string,
  examples: Examples,
  { signal, ...order }: BatchesTaken,
  batchSize?: number,
): AsyncGenerator<Batch, void, undefined> {
  const batches = calling(() => examples.batches(order));
  if (!SEQUENCE.holds(batches)) {
    disposeWithin(batches);
    fail(
      where,
      `batches() of the ${which} set returned ${shown(batches)}; return one batch after another, as an async generator does.`,
    );
  }
  let done = 0;
  const taken = { of: `the ${which} set`, items: 'batches', signal, hold, drop: disposeWithin };
  for await (const batch of oneByOne(where, batches, taken)) {
    const problem = tensorProblem(batch) ?? sizeProblem(batch, examples, done, batchSize);
    if (problem) {
      disposeWithin(batch);
      fail(where, `the ${which} set ${problem}`);
    }
    done += batch.xs.shape[0]!;
    yield batch;
  }
}

/** What is wrong with a batch that is not of tensors; undefined if it is. */
function tensorProblem(batch: Batch): string | undefined {
  const { xs, ys, weights, teacherLogits } = (batch ?? {}) as Partial<Batch>;
  const isPair = TENSOR.holds(xs) && TENSOR.holds(ys);
  const wrong = Object.entries({ weights, teacherLogits }).find(
    ([, value]) => !optional(TENSOR).holds(value),
  );
  if (isPair && !wrong) return undefined;
  const given = isPair && wrong ? `a batch whose ${wrong[0]} are ${shown(wrong[1])}` : shown(batch);
  return `returned ${given}; return batches { xs, ys } of tensors of numbers that are not disposed.`;
}

/**
 * The batches of a set, checked, which the caller disposes.
 *
 * @throws RangeError as `givenBatches`, and when there are fewer examples than the set says, or a label is not the
 *   index of a class; the signal's reason.
 */
export async function* batchesOf(
  where: string,
  examples: Examples,
  which: string,
  classes: number,
  options: BatchesTaken,
): AsyncGenerator<Batch, void, undefined> {
  let done = 0;
  for await (const batch of givenBatches(where, which, examples, options, options.batchSize)) {
    try {
      const problem =
        (await contentProblem(batch, examples, classes)) ?? (await strayLabel(batch, done, classes));
      if (problem) fail(where, `the ${which} set ${problem}`);
    } catch (error) {
      disposeBatch(batch);
      throw error;
    }
    done += batch.xs.shape[0]!;
    yield batch;
  }
  if (done < examples.length) {
    fail(
      where,
      `the ${which} set returned ${done} examples, but its length is ${examples.length}; correct its length.`,
    );
  }
}
