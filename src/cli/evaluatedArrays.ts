import type { Preprocessing } from 'vgg-blocks/images';
import type { Examples } from 'vgg-blocks/train';
import { areOtherClasses, isNumbered } from '../base/classNames.js';
import { loadData } from './data.js';
import { someOf } from './labels.js';
import type { OpenNetwork } from './network.js';

/** Whether a preprocessing leaves pixels from 0 to 1 as they are. */
function isPlain({ white, mean, std }: Preprocessing): boolean {
  return white === 1 && mean.every((value) => value === 0) && std.every((value) => value === 1);
}

/**
 * The test images of a published set or of a folder of arrays, at the size of the network's input.
 *
 * @param names of the classes, for a set that numbers its own.
 */
export async function arraysOf(
  data: string,
  { model, source, preprocessing, classNames }: OpenNetwork,
  names: readonly string[] | undefined,
): Promise<Examples> {
  if (preprocessing && !isPlain(preprocessing)) {
    throw new Error(
      `evaluate: ${source} normalizes its images, but those of ${data} are only scaled from 0 to 1; pass a folder of images.`,
    );
  }
  const { testSet } = await loadData(data, 0, (line) => console.error(line));
  const own = testSet.classNames;
  if (classNames && areOtherClasses(classNames, own)) {
    throw new Error(
      `evaluate: the network's classes are ${someOf(classNames)}, but those of ${data} are ${someOf(own)}; use the data that it was trained for.`,
    );
  }
  const [, height, width] = model.inputs[0]!.shape;
  const examples = height && width ? testSet.resize([height, width]) : testSet;
  const { length, shape } = examples;
  const known = names && isNumbered(own) ? names : own;
  return { length, shape, classNames: known, batches: (options) => examples.batches(options) };
}
