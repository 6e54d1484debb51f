import { type Tensor, type Tensor2D, tidy } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { checkArguments, MODEL, optionsOf, plainObject } from '../base/arguments.js';
import { fail, numberThat } from '../base/check.js';
import { areOtherClasses } from '../base/classNames.js';
import { crc32 } from '../base/crc32.js';
import { fits, shapeText } from '../base/shapes.js';
import { graphOf } from '../tfjs/graph.js';
import { checkImageSize } from '../tfjs/imageSize.js';
import { inputShapeOf, isFrozen, layersWithin } from '../tfjs/models.js';
import { METADATA_KEY } from '../weights/formats/metadata.js';
import type { Batch, Examples } from './batch.js';
import { describeLayer } from './checkpoint/facts.js';
import { logitsOf } from './logits.js';
import { type DistillOptions, withDefaults } from './objective.js';

/** A network that another learns from. */
export interface Teacher {
  model: LayersModel;
  classes: number;
  /** The logits `[batch, classes]` for images `[batch, height, width, channels]`. */
  logits(xs: Tensor): Tensor2D;
}

/** Of a teacher's probabilities, lower ones are taken for this: no gradient goes through their logarithms. */
const LOWEST = 1e-30;

/**
 * A classifier of examples as a teacher.
 *
 * @throws RangeError when it is none, or takes other images, or its classes are known to be others.
 */
export function teacherOf(where: string, model: LayersModel, { shape, classNames }: Examples): Teacher {
  checkArguments(where, { teacher: model }, { teacher: MODEL });
  const of = `${where}: teacher`;
  const graph = graphOf(of, model);
  const { classes, logits } = logitsOf(of, model, LOWEST);
  const input = inputShapeOf(model);
  if (!fits(shape, input)) {
    fail(
      where,
      `the images are ${shapeText(shape)}, but the teacher takes ${shapeText(input)}; pass a teacher for the same images.`,
    );
  }
  checkImageSize(of, graph, shape);
  const names = namesIn(model);
  if (names && classNames && areOtherClasses(names, classNames)) {
    fail(
      where,
      `the teacher's classes are ${names.join(', ')}, but those of the images are ${classNames.join(', ')}; pass a teacher for the same classes in the same order.`,
    );
  }
  return { model, classes, logits: (xs) => tidy(() => logits(model.apply(xs) as Tensor)) };
}

/** The names of a model's classes, if it carries them. */
function namesIn(model: LayersModel): readonly string[] | undefined {
  const entry = Object(model.getUserDefinedMetadata())[METADATA_KEY];
  const names: unknown = Object(entry).classNames;
  return Array.isArray(names) ? names : undefined;
}

/**
 * Checks whom a model learns from; undefined if the training set has the teacher's logits, or there is no teacher.
 *
 * @param classes of the model.
 */
export function checkTeacher(
  where: string,
  model: LayersModel,
  trainSet: Examples,
  distill: DistillOptions | undefined,
  classes: number,
): Teacher | undefined {
  if (distill === undefined) return undefined;
  const kind = plainObject('options such as { teacher, temperature: 4, weight: 0.9 }');
  checkArguments(where, { distill }, { distill: kind });
  const { teacher: given } = optionsOf(where, distill, { teacher: 1, temperature: 1, weight: 1 });
  const { temperature, weight } = withDefaults(distill);
  // Beyond, float32 holds too little of the divergence, which is multiplied by its square.
  const isTemperature = (n: number) => n >= 0.001 && n <= 1000;
  numberThat(where, 'distill.temperature', temperature, isTemperature, 'from 0.001 to 1000, such as 4');
  numberThat(where, 'distill.weight', weight, (n) => n > 0 && n <= 1, 'above 0 and at most 1, such as 0.9');
  if ((given === undefined) === (trainSet.teacher === undefined)) {
    fail(
      where,
      given === undefined
        ? 'distill has no teacher; pass a trained classifier, or a training set with its logits.'
        : 'the training set has the logits of its teacher, and distill has another; leave out one of the two.',
    );
  }
  if (given === undefined) return undefined;
  const teacher = teacherOf(where, given, trainSet);
  if (teacher.classes !== classes) {
    fail(
      where,
      `the teacher has ${teacher.classes} classes, but the model has ${classes}; pass a teacher for the same classes.`,
    );
  }
  const trained = new Set(weightsThatChange(model));
  const shared = layersWithin(given).find(({ weights }) => weights.some((one) => trained.has(one.read())));
  if (shared) {
    fail(
      where,
      `the teacher shares the layer ${shared.name} with the model, which would change it; pass a copy, or freeze the layer.`,
    );
  }
  return teacher;
}

function weightsThatChange(model: LayersModel): Tensor[] {
  const layers = layersWithin(model).filter((layer) => !isFrozen(layer));
  return layers.flatMap(({ weights }) => weights.map((weight) => weight.read()));
}

/** A batch with the logits of a teacher, which the batch then owns; the same one if it has them. */
export function taught<B extends Batch>(batch: B, teacher: Teacher | undefined): B {
  return teacher ? { ...batch, teacherLogits: teacher.logits(batch.xs) } : batch;
}

/** What a teacher and its options are, for the checkpoints of a run. */
export async function teacherFacts(distill: DistillOptions | undefined, trainSet: Examples) {
  if (!distill) return {};
  const { temperature, weight } = withDefaults(distill);
  const teacher = distill.teacher ? await teacherName(distill.teacher) : trainSet.teacher;
  return { 'distill.teacher': teacher, 'distill.temperature': temperature, 'distill.weight': weight };
}

/** Names a teacher by its layers and weights. */
export async function teacherName(model: LayersModel): Promise<string> {
  const layers = layersWithin(model).map((layer) => ({ ...describeLayer(layer), trainable: undefined }));
  let checksum = crc32(new TextEncoder().encode(JSON.stringify(layers)));
  for (const weight of model.getWeights()) {
    const { buffer, byteOffset, byteLength } = await weight.data();
    checksum = crc32(new Uint8Array(buffer, byteOffset, byteLength), checksum);
  }
  return `${layers.length} layers, ${checksum.toString(16).padStart(8, '0')}`;
}
