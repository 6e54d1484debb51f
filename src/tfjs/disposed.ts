import { engine, type Tensor, type Variable } from '@tensorflow/tfjs-core';
import type { LayersModel, LayerVariable } from '@tensorflow/tfjs-layers';
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
  return weights.every((weight) => hasNumbers(weight.read() as Tensor));
}

/** Whether the numbers of a tensor are there. */
export const hasNumbers = ({ dataId }: Tensor): boolean => engine().state.tensorInfo.has(dataId);

/** Writes a variable. One whose numbers `tf.disposeVariables` took is known to TensorFlow.js again, which otherwise cannot train it. */
export function writeNumbers(variable: LayerVariable, numbers: Tensor): void {
  variable.write(numbers);
  const written = variable.read() as Variable;
  engine().registeredVariables[written.name] ??= written;
}

/** The numbers of a variable, of which a clone or another variable would count as a tensor even where they are gone. */
export function numbersIn(variable: LayerVariable): Tensor {
  const numbers = variable.read() as Tensor;
  if (!hasNumbers(numbers)) throw new Error(`${variable.originalName} is disposed.`);
  return numbers;
}

/** Throws if what a function has made is, or has, a model without its numbers, of which the rest is disposed. */
export function checkMade(where: string, made: unknown): void {
  const models = [made, attempted(() => (made as { model?: unknown }).model)].filter(
    MODEL.holds,
  ) as LayersModel[];
  for (const model of models) {
    if (hasWeights(model)) continue;
    model.dispose();
    fail(
      where,
      'the weights of the new model were disposed while it was made, as by tf.disposeVariables(); call that before or afterwards.',
    );
  }
}

/** Throws if a model or a tensor was disposed since it was checked. */
export function checkInUse(where: string, used: Used): void {
  for (const [name, one] of Object.entries(used)) {
    if (isGone(one)) fail(where, `the ${name} was disposed while it was in use; dispose it afterwards.`);
  }
}
