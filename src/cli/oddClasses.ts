import type { ImageSet } from 'vgg-blocks/data';
import { someOf } from './labels.js';

/** A class has few images if it has less than this fraction of the median class: a damaged label may have made it. */
const FEW = 0.01;

/** What is odd about the classes of a set, one sentence each: no training images of a class, or few where others have many. */
export function oddClasses({ trainSet, testSet }: { trainSet: ImageSet; testSet: ImageSet }): string[] {
  const { classNames } = trainSet;
  const [train, test] = [trainSet, testSet].map((set) => countsOf(set)) as [number[], number[]];
  const notes: string[] = [];
  const empty = [...classNames.keys()].filter((i) => train[i] === 0);
  if (empty.length > 0) {
    const unknown = empty.reduce((sum, i) => sum + test[i]!, 0);
    const names = someOf(empty.map((i) => classNames[i]!));
    notes.push(
      `${empty.length} of ${classNames.length} classes have no training images (${names})${unknown > 0 ? `, but ${unknown} test images` : ''}; check the labels.`,
    );
  }
  const counts = train.filter((count) => count > 0).sort((a, b) => a - b);
  const [least = 0, middle = 0] = [counts[0], counts[counts.length >> 1]];
  if (least < FEW * middle) {
    notes.push(
      `class ${classNames[train.indexOf(least)]} has ${least} training image${least === 1 ? '' : 's'}, where half of the classes have ${middle} or more; check the labels.`,
    );
  }
  return notes;
}

/** The number of images of each class. */
function countsOf({ labels, classNames }: ImageSet): number[] {
  const counts = classNames.map(() => 0);
  for (const label of labels) counts[label]!++;
  return counts;
}
