import { join } from 'node:path';
import { type Tensor1D, tensor1d } from '@tensorflow/tfjs-core';
import type { ImageFileSet, ImageProblem } from 'vgg-blocks/data';
import type { Preprocessing } from 'vgg-blocks/images';
import { countBar, imageFolder } from 'vgg-blocks/node';
import type { Batch, Examples, LabeledOriginals } from 'vgg-blocks/train';
import { areParts, partOf, type SetPart } from '../base/setLayout.js';
import { foldersIn } from './disk.js';
import { someOf } from './labels.js';
import { complain } from './wording.js';

/**
 * The images of a folder with one folder per class, or of its folder of held-out images, with the network's classes as labels.
 *
 * @param maxBytes memory for images; beyond it, they are read twice.
 */
export async function imagesOf(
  folder: string,
  {
    preprocessing,
    classes,
    names,
  }: { preprocessing: Preprocessing; classes: number; names?: readonly string[] },
  maxBytes: number,
): Promise<{ examples: Examples & LabeledOriginals; problems: readonly ImageProblem[] }> {
  const bar = countBar({ label: 'reading' });
  const { validationSet, problems } = await imageFolder(heldOut(folder), {
    preprocessing,
    validationFraction: 1,
    maxBytes,
    onProgress: bar.update,
    onProblem({ reason }) {
      bar.stop();
      complain(reason);
    },
  }).finally(bar.stop);
  const indices = indicesOf(folder, validationSet.classNames, classes, names);
  const known = names ?? (isIdentity(indices) ? validationSet.classNames : undefined);
  return { examples: relabeled(validationSet, indices, known), problems };
}

/** The folder of held-out images, where a data set is already split: the test images, or else those for validation. */
function heldOut(folder: string): string {
  const folders = foldersIn(folder);
  const withClasses = (part: SetPart) =>
    folders.find((name) => partOf(name) === part && foldersIn(join(folder, name)).length > 0);
  const found = withClasses('test') ?? withClasses('validation');
  if (found !== undefined) return join(folder, found);
  if (!areParts(folders)) return folder;
  // Its training images would be measured.
  throw new Error(
    `evaluate: no test or validation folder in ${folder} has a folder for each class; pass the folder to measure, e.g. ${join(folder, folders[0]!)}.`,
  );
}

/** The network's class for each folder: by name, by number, or in order. */
function indicesOf(
  data: string,
  folders: readonly string[],
  classes: number,
  names: readonly string[] | undefined,
): number[] {
  if (names && folders.every((folder) => names.includes(folder))) {
    const twice = folders.find((folder) => names.indexOf(folder) !== names.lastIndexOf(folder));
    if (twice !== undefined) {
      throw new Error(
        `evaluate: the classes ${names.indexOf(twice)} and ${names.lastIndexOf(twice)} are both called '${twice}', so the images of its folder may be of either; give each class its own name with --labels.`,
      );
    }
    return folders.map((folder) => names.indexOf(folder));
  }
  const numbers = folders.map(Number);
  const isNumber = (number: number) => Number.isInteger(number) && number >= 0 && number < classes;
  const inOrder = folders.map((_, i) => i);
  if (names === undefined) {
    if (numbers.every(isNumber)) return numbers;
    if (folders.length === classes) {
      complain('the weights do not name their classes; the folders are taken in alphabetical order.');
      return inOrder;
    }
  } else if (folders.length === classes && folders.every((folder) => /^n\d{8}$/.test(folder))) {
    // ImageNet's own names of its classes, whose order is that of the weights.
    return inOrder;
  }
  const unknown = folders.find((folder) => !names?.includes(folder))!;
  const has = names ? `${classes} classes are ${someOf(names)}` : `${classes} classes have no names`;
  throw new Error(
    `evaluate: ${data} has ${folders.length} classes with '${unknown}' among them, but the network's ${has}; rename the folders, or name the classes with --labels.`,
  );
}

function isIdentity(indices: readonly number[]): boolean {
  return indices.every((index, i) => index === i);
}

/** A set with other numbers for its classes. */
function relabeled(
  set: ImageFileSet,
  indices: readonly number[],
  classNames: readonly string[] | undefined,
): Examples & LabeledOriginals {
  return {
    length: set.length,
    shape: set.shape,
    preprocessing: set.preprocessing,
    ...(classNames && { classNames }),
    async *batches(options): AsyncGenerator<Batch> {
      for await (const { xs, ys } of set.batches(options)) {
        const labels = await ys.data<'int32'>();
        ys.dispose();
        yield {
          xs,
          ys: tensor1d(
            labels.map((label) => indices[label]!),
            'int32',
          ) as Tensor1D,
        };
      }
    },
    async *originals() {
      for await (const { label, ...one } of set.originals()) yield { ...one, label: indices[label]! };
    },
  };
}
