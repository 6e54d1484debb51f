import { engine, type Tensor } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { MODEL } from '../base/arguments.js';
import { attempted, fail } from '../base/check.js';

/** What is in use, by the names that messages have for it: models, tensors, and what cannot be disposed. */
export type Used = Readonly<Record<string, unknown>>;

/** Whether a value is a model, also one that was disposed. */
export const isModel = (one: unknown) => attempted(() => 'layers' in (one as object)) ?? false;

const isGone = (one: unknown) =>
  attempted(() => (one as { isDisposed?: boolean }).isDisposed) ??
  (isModel(one) && !(MODEL.holds(one) && hasWeights(one as LayersModel)));

/** Throws if the numbers of a model's weights are gone, of which `MODEL` does not know. */
export function checkNumbers(where: string, model: LayersModel): void {
  if (MODEL.holds(model) && !hasWeights(model))
    fail(
      where,
      'the weights of the model are disposed, as by tf.disposeVariables(); build or load it again.',
    );
}

/** Whether the numbers of all weights are there: `tf.disposeVariables` takes them and marks none as disposed. */
function hasWeights({ weights }: Pick<LayersModel, 'weights'>): boolean {
  const { tensorInfo } = engine().state;
  return weights.every((weight) => tensorInfo.has((weight.read() as Tensor).dataId));
}

/** Throws if a model or a tensor was disposed since it was checked. */
export function checkInUse(where: string, used: Used): void {
  for (const [name, one] of Object.entries(used)) {
    if (isGone(one)) fail(where, `the ${name} was disposed while it was in use; dispose it afterwards.`);
  }
}
