import type { Tensor } from '@tensorflow/tfjs-core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import { applied, type Call, compute, type Graph } from '../../tfjs/graph.js';
import { layerShapes } from '../../tfjs/imageSize.js';
import { inputShapeOf } from '../../tfjs/models.js';
import { applyActivation, sharedLayer } from '../../tfjs/sharedLayer.js';
import type { Tap } from './taps.js';

/** Calls a layer, without the activation that is part of it if that is `'none'`. */
export type Apply<T> = (call: Call, inputs: T[], activation: 'own' | 'none') => T[];

/**
 * The tensors at taps, in order. tfjs's own layers run as in inference: no dropout, moving statistics.
 *
 * @param images `[batch, height, width, channels]`, or a symbolic tensor.
 */
export function activationsAt<T extends Tensor | SymbolicTensor>(
  graph: Graph,
  taps: readonly Tap[],
  images: T,
  apply: Apply<T> = (call, inputs, activation) => applied(call, inputs, sharedLayer(call.layer, activation)),
): T[] {
  const split = new Set(taps.filter(({ side }) => side === 'before').map(({ call }) => call));
  const before = new Map<Call, T>();
  const after = compute<T>(outputsAt(taps), new Map([[graph.input, [images]]]), (call, inputs) => {
    if (!split.has(call)) return apply(call, inputs, 'own');
    const [x, ...others] = apply(call, inputs, 'none');
    before.set(call, x!);
    return [applyActivation(x!, call.layer), ...others];
  });
  return taps.map(({ call, side }, i) => (side === 'before' && before.get(call)) || after[i]!);
}

/** The outputs of the layers of taps. */
export function outputsAt(taps: readonly Tap[]) {
  return taps.map(({ call }) => ({ call, index: 0 }));
}

/** The shapes of the tensors at taps, null for the batch and for any size. */
export function shapesAt(graph: Graph, taps: readonly Tap[]): (number | null)[][] {
  const shapes = new Map(
    [...layerShapes(graph, outputsAt(taps))].map(({ call, shapes }) => [call, shapes[0]!]),
  );
  return taps.map(({ call }) => shapes.get(call) ?? [null, ...inputShapeOf(graph.model)]);
}
