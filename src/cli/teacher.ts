import type { LayersModel } from '@tensorflow/tfjs-layers';
import { type Command, Option } from 'commander';
import type { Preprocessing } from 'vgg-blocks/images';
import type { DistillOptions } from 'vgg-blocks/train';
import { areOtherClasses, isNumbered } from '../base/classNames.js';
import { someOf } from './labels.js';
import { noClassesOf, readNetwork } from './network.js';
import { belonging, numberIn } from './options.js';
import { complain } from './wording.js';

/** The options of {@link withTeacher}. */
export interface TeacherArguments {
  teacher?: string;
  temperature?: number;
  distillWeight?: number;
}

/** Adds the options of a network to learn from. */
export function withTeacher(command: Command): Command {
  return belonging(command, { temperature: 'teacher', distillWeight: 'teacher' })
    .addOption(
      new Option(
        '--teacher <file>',
        "learn from this network too, of the same classes: the folder of a 'train' or 'finetune' run, or a weight file",
      ),
    )
    .addOption(
      numberIn(
        'temperature',
        '--temperature <n>',
        'of the teacher: the higher, the more its doubts count (default: 4)',
      ),
    )
    .addOption(
      numberIn(
        'aboveZero',
        '--distill-weight <fraction>',
        'weight of the teacher; the labels have the rest (default: 0.9)',
      ),
    );
}

/** A teacher, and the options of `train` for it. */
export interface LoadedTeacher {
  model: LayersModel;
  distill: DistillOptions;
}

/**
 * Loads the teacher that the arguments name; undefined if there is none.
 *
 * @param student how its images are prepared, and what its classes are called.
 * @throws Error, one sentence, when the teacher's images or classes are others.
 */
export async function loadTeacher(
  command: string,
  { teacher: source, temperature, distillWeight: weight }: TeacherArguments,
  student: { preprocessing: ColorScale; classNames: readonly string[] },
): Promise<LoadedTeacher | undefined> {
  if (source === undefined) return undefined;
  const { model, classes, classNames, preprocessing } = await readNetwork(source);
  const refuseAs = (sentence: string): never => {
    model.dispose();
    throw new Error(`${command}: the teacher ${source} ${sentence}.`);
  };
  const refuse = (reason: string, remedy: string) => refuseAs(`${reason}; ${remedy}`);
  if (classes === undefined) refuseAs(noClassesOf(model));
  const own = student.classNames;
  if (Math.max(2, classes!) !== own.length) {
    refuse(`has ${classes} classes, but the images have ${own.length}`, 'use one of the same classes');
  }
  if (classNames && areOtherClasses(classNames, own)) {
    refuse(
      `has the classes ${someOf(classNames)}, but those of the images are ${someOf(own)}`,
      'use one of the same classes in the same order',
    );
  }
  if (preprocessing && scaleOf(preprocessing) !== scaleOf(student.preprocessing)) {
    refuse(
      'takes images of other channels, mean and deviation than the network',
      'use one whose images are prepared alike',
    );
  }
  if (!preprocessing) {
    complain(
      `note: the teacher ${source} does not say how images are prepared for it; they are prepared as for the network`,
    );
  }
  if ((!classNames || isNumbered(classNames)) && !isNumbered(own)) {
    complain(
      `note: the teacher ${source} does not say what its classes are called; they are taken for ${someOf(own)}, in this order`,
    );
  }
  return { model, distill: { temperature, weight } };
}

/** What decides the numbers of a pixel. */
type ColorScale = Pick<Preprocessing, 'channels' | 'white' | 'mean' | 'std'>;

function scaleOf({ channels, white, mean, std }: ColorScale): string {
  return JSON.stringify([channels, white, mean, std]);
}
