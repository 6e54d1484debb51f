import type { Tensor } from '@tensorflow/tfjs-core';
import type { LayersModel, layers } from '@tensorflow/tfjs-layers';
import { fail } from '../../base/check.js';
import { applyActivation, sharedLayer } from '../../tfjs/sharedLayer.js';
import type { Tap } from './taps.js';

/** Throws unless the input of each layer is the output of the one before. */
export function checkChain(where: string, chain: readonly layers.Layer[]): void {
  for (const [i, layer] of chain.entries()) {
    if (i > 0 && layer.input !== chain[i - 1]!.output) {
      fail(where, `${layer.name} does not follow ${chain[i - 1]!.name}; the model's layers must be a chain.`);
    }
  }
}

/**
 * The part of a classifier from a tap, or from its input, to its logits: those before a softmax, if it ends with one. The
 * function is differentiable, runs as in inference (no dropout, moving statistics), and does not change the layers.
 *
 * @returns a function from the tensor at the tap to `[batch, classes]`.
 * @throws RangeError when the model is not a chain, or its output is not `[batch, classes]`.
 */
export function logitsFrom(where: string, model: LayersModel, tap?: Tap): (x: Tensor) => Tensor {
  const { shape } = model.outputs[0]!;
  if (model.outputs.length !== 1 || shape.length !== 2) {
    fail(
      where,
      `the model's output is [${shape.map((side) => side ?? 'any')}], not [batch, classes]; build it with its top.`,
    );
  }
  checkChain(where, model.layers);
  const first = tap ? model.layers.findIndex(({ name }) => name === tap.layer) : 0;
  const after = model.layers.slice(first + 1);
  const last = after.pop()!;
  return (x) => {
    let y = tap?.side === 'before' ? applyActivation(x, model.layers[first]!) : x;
    for (const layer of after) y = layer.apply(y) as Tensor;
    return /^(Activation|Softmax)$/.test(last.getClassName())
      ? y
      : (sharedLayer(last, 'none').apply(y) as Tensor);
  };
}
