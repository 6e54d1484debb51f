import type { Tensor } from '@tensorflow/tfjs-core';
import type { LayersModel, layers } from '@tensorflow/tfjs-layers';
import { fail } from '../../base/check.js';
import { shapeText } from '../../base/shapes.js';
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
 * The layers that compute something, from a model's input to the last of the taps.
 *
 * @throws RangeError when the layers are not a chain.
 */
export function chainTo(where: string, model: LayersModel, taps: readonly Tap[]): layers.Layer[] {
  const computing = model.layers.filter((layer) => layer.getClassName() !== 'InputLayer');
  const last = Math.max(...taps.map((tap) => computing.findIndex(({ name }) => name === tap.layer)));
  const chain = computing.slice(0, last + 1);
  if (chain.length > 0 && chain[0]!.input !== model.inputs[0]) {
    fail(where, `${chain[0]!.name} does not follow the model's input; the model's layers must be a chain.`);
  }
  checkChain(where, chain);
  return chain;
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
      `the model's output is [${shapeText(shape, ',')}], not [batch, classes]; build it with its top.`,
    );
  }
  const chain = chainTo(where, model, [{ layer: model.layers.at(-1)!.name, side: 'after' }]);
  const first = chain.findIndex(({ name }) => name === tap?.layer);
  const after = chain.slice(first + 1);
  const last = after.pop()!;
  return (x) => {
    let y = tap?.side === 'before' ? applyActivation(x, chain[first]!) : x;
    for (const layer of after) y = layer.apply(y) as Tensor;
    return /^(Activation|Softmax)$/.test(last.getClassName())
      ? y
      : (sharedLayer(last, 'none').apply(y) as Tensor);
  };
}
