import type { ImageSet } from 'vgg-blocks/data';
import type { Preprocessing } from 'vgg-blocks/images';
import type { Examples } from 'vgg-blocks/train';
import { areOtherClasses, isNumbered } from '../base/classNames.js';
import { checkArrays, checkPresent, loadData, type Sets } from './data.js';
import { someOf } from './labels.js';
import type { OpenNetwork } from './network.js';
import { complain } from './wording.js';

/** Whether a preprocessing leaves pixels from 0 to 1 as they are. */
export function isPlain({ white, mean, std }: Preprocessing): boolean {
  return white === 1 && mean.every((value) => value === 0) && std.every((value) => value === 1);
}

/**
 * The test images of a published set or of a folder of arrays, at the size of the network's input.
 *
 * @param names of the classes, for a set that numbers its own.
 */
export async function arraysOf(
  data: string,
  network: OpenNetwork,
  names: readonly string[] | undefined,
): Promise<Examples> {
  const { testSet } = await arraySetsOf('evaluate', data, network);
  const { length, shape, classNames } = testSet;
  const known = isNumbered(classNames) && names ? names : classNames;
  return { length, shape, classNames: known, batches: (options) => testSet.batches(options) };
}

/** The images of a published set or of a folder of arrays, at the size of the network's input. */
export async function arraySetsOf(
  command: string,
  data: string,
  { model, source, preprocessing, classNames }: OpenNetwork,
): Promise<Sets> {
  checkPresent(data);
  checkArrays(command, data, 'pass a folder of images as --images');
  if (preprocessing && !isPlain(preprocessing)) {
    const by = command === 'compress' ? ' as --images' : '';
    throw new Error(
      `${command}: ${source} normalizes its images, but those of ${data} are only scaled from 0 to 1; pass a folder of images${by}.`,
    );
  }
  const sets = await loadData(data, 0, complain);
  const own = sets.testSet.classNames;
  if (classNames && areOtherClasses(classNames, own)) {
    throw new Error(
      `${command}: the network's classes are ${someOf(classNames)}, but those of ${data} are ${someOf(own)}; use the data that it was trained for.`,
    );
  }
  const [, height, width] = model.inputs[0]!.shape;
  const resized = (set: ImageSet) => (height && width ? set.resize([height, width]) : set);
  return { trainSet: resized(sets.trainSet), testSet: resized(sets.testSet) };
}
