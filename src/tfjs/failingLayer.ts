import { type Tensor, tidy, zeros } from '@tensorflow/tfjs-core';
import type { LayersModel, layers } from '@tensorflow/tfjs-layers';
import { TENSOR } from '../base/arguments.js';
import { attempted, shown } from '../base/check.js';
import { clauseOf, firstLineOf } from '../base/realm.js';
import { compute, graphOf } from './graph.js';
import { inputShapeOf } from './models.js';

/** A side that a model leaves open. */
const SIDE = 64;

/**
 * The layer of a model that TensorFlow.js cannot compute, such as one of the caller's that throws: the model is run layer by layer on
 * zeros. Undefined unless a layer fails with the given error, but for numbers in it.
 */
export function failingLayer(
  model: LayersModel,
  error: unknown,
): { layer: layers.Layer; cause: string } | undefined {
  let current: layers.Layer | undefined;
  let returned: string | undefined;
  const run = () => {
    const { input, outputs } = graphOf('', model);
    const shape = [1, ...inputShapeOf(model).map((side) => side ?? SIDE)];
    const x = zeros(shape, model.inputs[0]!.dtype as 'float32');
    compute<Tensor>(outputs, new Map([[input, [x]]]), (call, inputs) => {
      current = call.layer;
      // A list also of one, as a model calls its layers.
      const made = [call.layer.apply(inputs, call.options) as Tensor | Tensor[]].flat();
      const odd = made.find((one) => !TENSOR.holds(one));
      if (odd !== undefined || made.includes(undefined as never)) {
        returned = `its call() returned ${shown(odd)}, which is no tensor of numbers`;
        throw new Error(returned);
      }
      current = undefined;
      return made;
    });
  };
  const same = (other: unknown) => kindOf(other) === kindOf(error);
  try {
    tidy(run);
  } catch (thrown) {
    const isCause = returned !== undefined || attempted(() => same(thrown));
    return current && isCause
      ? { layer: current, cause: returned ?? clauseOf(firstLineOf(error)) }
      : undefined;
  }
  return undefined;
}

function kindOf(error: unknown): string {
  return firstLineOf(error).replace(/\d+/g, '');
}
