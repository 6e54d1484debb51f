import { fits, shapeText } from '../base/shapes.js';
import type { Batch, Examples } from './batch.js';
import { areFinite } from './finite.js';

/** What is wrong with the sizes of a batch that follows `done` examples; undefined if nothing is. Without a size, any will do. */
export function sizeProblem(
  { xs, ys }: Batch,
  { shape, length }: Examples,
  done: number,
  batchSize: number | undefined,
): string | undefined {
  if (xs.rank === 0) return 'returned a scalar as images; return [batch, height, width, channels].';
  const [count, ...own] = xs.shape as [number, ...number[]];
  const rest = length - done;
  const due = Math.min(batchSize ?? count, rest);
  if (rest <= 0 || (batchSize === undefined && count > rest))
    return `returned more examples than its length of ${length}; correct its length.`;
  if (count !== due) {
    return `returned a batch of ${count} examples after ${done} of ${length}, but ${due} are due; only the last batch may be smaller than batchSize.`;
  }
  if (!fits(own, [...shape])) {
    return `returned images of ${shapeText(own)}, but its shape is ${shapeText(shape)}; correct its shape.`;
  }
  if (ys.shape[0] !== count) {
    return `returned ${count} images with ${ys.shape[0] ?? 0} labels; return one label for each image.`;
  }
  return count === 0 ? 'returned a batch of no examples; return at least one with each.' : undefined;
}

/**
 * What is wrong with the labels, weights and logits of a batch whose sizes are right; undefined if nothing is. That labels are those of
 * classes, {@link strayLabel} checks.
 */
export async function contentProblem(
  { xs, ys, weights, teacherLogits }: Batch,
  { teacher }: Examples,
  classes: number,
): Promise<string | undefined> {
  const [count] = xs.shape as [number];
  if (weights && !fits(weights.shape, [count])) {
    return `returned ${count} images with weights of the shape ${shapeText(weights.shape)}; return one weight for each image.`;
  }
  const counts = await weights?.data();
  if (counts && !(counts.every((weight) => weight >= 0) && counts.some((weight) => weight > 0))) {
    return 'returned a batch whose weights are not all at least 0, or are all 0; return at least one above 0.';
  }
  if (counts?.some((weight) => weight === Number.POSITIVE_INFINITY)) {
    return 'returned a batch with a weight that is infinite; return finite numbers.';
  }
  if (teacher !== undefined && !teacherLogits) {
    return 'returned a batch without teacherLogits, although it names a teacher; return them with each batch.';
  }
  if (teacherLogits && !fits(teacherLogits.shape, [count, classes])) {
    return `returned teacherLogits of the shape ${shapeText(teacherLogits.shape)}, but the model has ${classes} classes; they must be ${count}x${classes}.`;
  }
  if (teacherLogits && !(await areFinite([teacherLogits]))) {
    return 'returned teacherLogits that are NaN or infinite; return those of a teacher whose training did not diverge.';
  }
  if (ys.rank !== 1) {
    if (ys.rank === 2 && ys.shape[1] === classes) return probabilityProblem(await ys.data(), classes);
    return `returned labels of the shape ${shapeText(ys.shape)}; return [batch], or the probabilities of ${classes} classes.`;
  }
  return ys.dtype === 'int32' ? undefined : `returned labels of the type ${ys.dtype}; return int32.`;
}

/** What is wrong with a label that is not the index of a class, of a batch that follows `done` examples; undefined if none is. */
export async function strayLabel({ ys }: Batch, done: number, classes: number): Promise<string | undefined> {
  if (ys.rank !== 1) return undefined;
  const labels = await ys.data<'int32'>();
  const stray = labels.findIndex((label) => label < 0 || label >= classes);
  if (stray < 0) return undefined;
  return `has the label ${labels[stray]} at example ${done + stray}, but the model has ${classes} classes; labels must be from 0 to ${classes - 1}.`;
}

function probabilityProblem(values: ArrayLike<number>, classes: number): string | undefined {
  for (let row = 0; row < values.length; row += classes) {
    let total = 0;
    let lowest = 0;
    for (let i = row; i < row + classes; i++) {
      total += values[i]!;
      lowest = Math.min(lowest, values[i]!);
    }
    if (lowest >= 0 && Math.abs(total - 1) < 1e-3) continue;
    return `has an example whose probabilities add up to ${total}, the lowest being ${lowest}; they must be at least 0 and add up to 1.`;
  }
  return undefined;
}
