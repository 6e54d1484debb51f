import { dispose, type Tensor } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { FUNCTION, optional, recordOf, SEQUENCE, TENSOR } from '../base/arguments.js';
import { fail, shown } from '../base/check.js';
import { fits, shapeText } from '../base/shapes.js';
import { classifierOutputs } from '../tfjs/classifier.js';
import { graphOf } from '../tfjs/graph.js';
import { checkImageSize } from '../tfjs/imageSize.js';
import { inputShapeOf } from '../tfjs/models.js';
import { type Batch, disposeBatch, type Examples } from './batch.js';
import { contentProblem, sizeProblem, strayLabel } from './batchProblems.js';

/** Throws unless the examples fit the model's input and its number of classes. */
export function checkExamples(where: string, model: LayersModel, examples: Examples, which: string): void {
  const input = inputShapeOf(model);
  if (!fits(examples.shape, input)) {
    fail(
      where,
      `the ${which} images are ${shapeText(examples.shape)}, but the model takes ${shapeText(input)}; resize the images or build the model with inputShape [${shapeText(examples.shape, ', ')}].`,
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

/**
 * The batches that a set returns, of which the labels are not checked.
 *
 * @param batchSize the size that each batch but the last must have; any by default.
 * @throws RangeError when it returns something else, more examples than it says, or images of another size.
 */
export async function* givenBatches(
  where: string,
  which: string,
  examples: Examples,
  options: { batchSize: number; seed?: number },
  batchSize?: number,
): AsyncGenerator<Batch, void, undefined> {
  const batches = examples.batches(options);
  if (!SEQUENCE.holds(batches)) {
    // Nobody else would see a promise reject.
    Promise.resolve(batches).catch(() => undefined);
    fail(
      where,
      `batches() of the ${which} set returned ${shown(batches)}; return one batch after another, as an async generator does.`,
    );
  }
  let done = 0;
  for await (const batch of stepsOf(where, which, batches)) {
    checkBatch(where, batch, which);
    const problem = sizeProblem(batch, examples, done, batchSize);
    if (problem) {
      disposeBatch(batch);
      fail(where, `the ${which} set ${problem}`);
    }
    done += batch.xs.shape[0]!;
    yield batch;
  }
}

/** What iterates, as `for await` takes it, which says of nothing whose it is. */
async function* stepsOf(
  where: string,
  which: string,
  batches: Iterable<Batch> | AsyncIterable<Batch>,
): AsyncGenerator<Batch, void, undefined> {
  const { [Symbol.asyncIterator]: later, [Symbol.iterator]: now } = batches as AsyncIterable<Batch> &
    Iterable<Batch>;
  const steps = (later ?? now).call(batches);
  const odd = (what: string, value: unknown) =>
    fail(where, `${what} of the ${which} set is ${shown(value)}; return batches as an async generator does.`);
  if (!ITERATOR.holds(steps)) odd('the iterator', steps);
  let isOpen = false;
  try {
    for (;;) {
      const step = await steps.next();
      if (typeof step !== 'object' || step === null) odd('what next() returned', step);
      if (step.done) return;
      isOpen = true;
      yield await step.value;
      isOpen = false;
    }
  } finally {
    if (isOpen) await steps.return?.();
  }
}

const ITERATOR = recordOf('an iterator', { next: FUNCTION });

/** Throws, and disposes what it holds, unless a batch is of tensors. */
function checkBatch(where: string, batch: Batch, which: string): void {
  const { xs, ys, weights, teacherLogits } = (batch ?? {}) as Partial<Batch>;
  const isPair = TENSOR.holds(xs) && TENSOR.holds(ys);
  const wrong = Object.entries({ weights, teacherLogits }).find(
    ([, value]) => !optional(TENSOR).holds(value),
  );
  if (isPair && !wrong) return;
  dispose([xs, ys, weights, teacherLogits].filter(TENSOR.holds) as Tensor[]);
  const given = isPair && wrong ? `a batch whose ${wrong[0]} are ${shown(wrong[1])}` : shown(batch);
  fail(where, `the ${which} set returned ${given}; return batches { xs, ys } of tensors.`);
}

/**
 * The batches of a set, checked, which the caller disposes.
 *
 * @throws RangeError as `givenBatches`, and when there are fewer examples than the set says, or a label is not the
 *   index of a class.
 */
export async function* batchesOf(
  where: string,
  examples: Examples,
  which: string,
  classes: number,
  options: { batchSize: number; seed?: number },
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
