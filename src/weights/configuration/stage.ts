import { type initializers, layers, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import type { Fields } from './fields.js';

type Layer = layers.Layer;
export type Initializer = ReturnType<typeof initializers.zeros>;

/** Where a layer of the file is built: each call of it applies the same tfjs layers. */
export interface Site {
  /**
   * Applies a tfjs layer, which is created at the first call.
   *
   * @param suffix of its name; the layer that has the weights has ''.
   */
  apply(
    suffix: string,
    create: (common: Common) => Layer,
    x: SymbolicTensor | SymbolicTensor[],
  ): SymbolicTensor;
  /** The initializer of weights that are loaded later. */
  unfilled(): Initializer;
  /** States that the file has other weights than the tfjs layer, which are computed of them. Only the first call counts. */
  derive(derived: Derived): void;
}

/** The arguments that all layers take. */
export interface Common {
  name: string;
  trainable: boolean;
}

/** Weights in the file that are not weights of a tfjs layer. */
export interface Derived {
  /** Names and shapes, in Keras' order; without a shape a weight has no effect, and may be missing. */
  weights: { name: string; shape?: readonly number[] }[];
  /** The weights of the tfjs layer, of the numbers of those weights that have a shape. */
  compute(values: Float32Array[]): Float32Array[];
}

/** What a layer computes of its inputs. */
export type Stage = (inputs: SymbolicTensor[], site: Site) => SymbolicTensor;

/** A stage of one input. */
export function unary(compute: (x: SymbolicTensor, site: Site) => SymbolicTensor): Stage {
  return ([x], site) => compute(x!, site);
}

/** Computes with channels last: TensorFlow.js' backends do, and transposing is exact. */
export function channelsLast(
  first: boolean,
  x: SymbolicTensor,
  site: Site,
  compute: (x: SymbolicTensor) => SymbolicTensor,
): SymbolicTensor {
  if (!first) return compute(x);
  const last = compute(permuted(x, [2, 3, 1], '_channels_last', site));
  // Global pooling leaves no axes to put back.
  return last.shape.length === 4 ? permuted(last, [3, 1, 2], '_channels_first', site) : last;
}

/** Computes with an axis moved to the end, and moves it back. */
export function onLastAxis(
  axis: number,
  x: SymbolicTensor,
  site: Site,
  compute: (x: SymbolicTensor) => SymbolicTensor,
): SymbolicTensor {
  const rank = x.shape.length;
  const at = axis < 0 ? axis + rank : axis;
  if (at === rank - 1) return compute(x);
  const others = Array.from({ length: rank - 1 }, (_, i) => i + 1).filter((one) => one !== at);
  const there = [...others, at];
  const back = there.map((_, i) => there.indexOf(i + 1) + 1);
  return permuted(compute(permuted(x, there, '_axis_last', site)), back, '_axis_back', site);
}

function permuted(x: SymbolicTensor, dims: number[], suffix: string, site: Site): SymbolicTensor {
  return site.apply(suffix, (common) => layers.permute({ ...common, dims }), x);
}

/** The layers of an activation after a layer. */
export function within(site: Site, suffix: string): Site {
  return { ...site, apply: (inner, create, x) => site.apply(`${suffix}${inner}`, create, x) };
}

/** A stage of a map whose `data_format` says where its channels are. */
export function spatial(fields: Fields, compute: (x: SymbolicTensor, site: Site) => SymbolicTensor): Stage {
  const first = fields.channelsFirst();
  return unary((x, site) => channelsLast(first, x, site, (last) => compute(last, site)));
}
