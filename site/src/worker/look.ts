import type { Tensor4D } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import type { ImageSet } from 'vgg-blocks/data';
import { NotFiniteError } from './errors.js';
import { shown, toInput } from './image.js';
import { type ClassMap, classify, classMap } from './inside.js';
import type { HeatRequest, Look, LookRequest } from './messages.js';
import { hasTop } from './models.js';
import { trace } from './trace.js';

/** What a network makes of an image. */
export function look(
  model: LayersModel,
  { stage, ...given }: LookRequest,
  test: ImageSet | undefined,
): Promise<Look> {
  return withInput(model, given, test, async (input) => {
    const { output, ...traced } = await trace(model, input, stage);
    const seen = await shown(model, input, given.preprocessing);
    const probabilities = output && hasTop(model) ? await classify(model, output) : undefined;
    if (probabilities && !probabilities.every(Number.isFinite)) throw new NotFiniteError();
    return { ...traced, shown: seen, probabilities };
  });
}

/** Where a network sees a class in an image. */
export function heat(
  model: LayersModel,
  { classIndex, method, ...given }: HeatRequest,
  test: ImageSet | undefined,
): Promise<ClassMap> {
  return withInput(model, given, test, async (input) =>
    classMap(model, input, await shown(model, input, given.preprocessing), { classIndex, method }),
  );
}

async function withInput<T>(
  model: LayersModel,
  { image, preprocessing }: LookRequest,
  test: ImageSet | undefined,
  work: (input: Tensor4D) => Promise<T>,
): Promise<T> {
  const input = await toInput(model, image, preprocessing, test);
  try {
    return await work(input);
  } finally {
    input.dispose();
  }
}
