import type { layers } from '@tensorflow/tfjs-layers';

/** What a layer demands of an input. tfjs's type leaves out that each part may be missing. */
export interface Demand {
  ndim?: number;
  shape?: readonly (number | null)[];
  axes?: Readonly<Record<number, number | null>>;
}

/** The layers whose own demands are not those of their weights, and the axes of the input along which their weights lie. */
const BY_WEIGHTS: Readonly<Record<string, (layer: layers.Layer, shape: readonly number[]) => number[][]>> = {
  // A slope for all places along an axis fits any number of them, but tfjs holds it to the number for which the layer was built. It
  // holds slopes that differ along the axes to nothing, and its wasm backend then computes with whatever is there.
  PReLU: (_, shape) => shape.map((side, i) => [i + 1, side]).filter(([, side]) => side !== 1),
  LayerNormalization: (layer, shape) =>
    [(layer as unknown as { axis: number | number[] }).axis].flat().map((axis, i) => [axis, shape[i]!]),
};

/** What a layer demands of its inputs, in place of tfjs's `inputSpec` where that demands too much or too little. */
export function inputSpecOf(layer: layers.Layer): readonly Demand[] | null {
  const axesOf = BY_WEIGHTS[layer.getClassName()];
  if (!axesOf) return layer.inputSpec as readonly Demand[] | null;
  const [weight] = layer.weights;
  return weight ? [{ axes: Object.fromEntries(axesOf(layer, weight.shape as number[])) }] : null;
}
