import { engine, type Tensor } from '@tensorflow/tfjs-core';
import type { LayerVariable } from '@tensorflow/tfjs-layers';
import { MODEL } from '../base/arguments.js';
import { attempted, fail } from '../base/check.js';

/** What is in use, by the names that messages have for it: models, tensors, and what cannot be disposed. */
export type Used = Readonly<Record<string, unknown>>;

/** Whether a value is a model, also one that was disposed. */
export const isModel = (one: unknown) => attempted(() => 'layers' in (one as object)) ?? false;

const isGone = (one: unknown) =>
  attempted(() => (one as { isDisposed?: boolean }).isDisposed) ??
  (isModel(one) && !(MODEL.holds(one) && hasWeights(one as { weights: LayerVariable[] })));

/** Whether the numbers of all weights are there: `tf.disposeVariables` takes them and marks none as disposed. */
function hasWeights({ weights }: { weights: LayerVariable[] }): boolean {
  const { tensorInfo } = engine().state;
  return weights.every((weight) => tensorInfo.has((weight.read() as Tensor).dataId));
}

/** Throws if a model or a tensor was disposed since it was checked. */
export function checkInUse(where: string, used: Used): void {
  for (const [name, one] of Object.entries(used)) {
    if (isGone(one)) fail(where, `the ${name} was disposed while it was in use; dispose it afterwards.`);
  }
}
