import { ones, type Tensor, zeros } from '@tensorflow/tfjs-core';
import type { layers } from '@tensorflow/tfjs-layers';
import { type Replacement, replaceCalls } from './replaceCalls.js';

/** What is used of a normalization, which has no scale or no offset where `scale` or `center` is false. */
interface Norm {
  axis: number | number[];
  scale: boolean;
  center: boolean;
  gamma?: { read(): Tensor } | null;
  beta?: { read(): Tensor } | null;
}

/** Whether a layer normalizes without a scale or without an offset, whose gradient tfjs fails to compute. */
export function lacksConstants(layer: layers.Layer): boolean {
  const { scale, center } = layer as unknown as Norm;
  return /^(Batch|Layer)Normalization$/.test(layer.getClassName()) && !(scale && center);
}

/** A layer, and the models and wrappers that it is in. */
interface Placed {
  layer: layers.Layer;
  around: readonly layers.Layer[];
}

/** Fields in which layers keep others: models, wrappers such as `timeDistributed`, recurrent layers and stacks of their cells. */
const PARTS = ['layers', 'layer', 'forwardLayer', 'backwardLayer', 'cell', 'cells'];

/** The layers in layers: themselves, and those within models, wrappers such as `timeDistributed` and recurrent layers. */
export function unwrapped(all: readonly layers.Layer[], around: readonly layers.Layer[] = []): Placed[] {
  return all.flatMap((layer) => {
    const fields = layer as unknown as Record<string, unknown>;
    const parts = PARTS.flatMap((name) => fields[name] ?? []).filter(isLayer);
    // `bidirectional` calls two copies of its layer.
    const called = 'forwardLayer' in layer ? parts.filter((part) => part !== fields.layer) : parts;
    return [{ layer, around }, ...unwrapped(called, [...around, layer])];
  });
}

function isLayer(value: unknown): value is layers.Layer {
  return typeof value === 'object' && value !== null && 'getClassName' in value && 'call' in value;
}

/** Lets the gradients of layers be computed while it is installed, also where a normalization in them has no scale or no offset. */
export function constantsIn(all: readonly layers.Layer[]): Replacement {
  return replaceCalls(
    unwrapped(all)
      .map(({ layer }) => layer)
      .filter(lacksConstants),
    (layer, own) => (inputs, kwargs) => withConstants(layer, inputs, () => own(inputs, kwargs)),
  );
}

/** Gives a normalization of `inputs` a scale of ones and an offset of zeros, as far as it has none, while `work` runs. */
export function withConstants<T>(layer: layers.Layer, inputs: Tensor | Tensor[], work: () => T): T {
  const norm = layer as unknown as Norm;
  const { scale, center, gamma, beta } = norm;
  const [x] = [inputs].flat();
  const shape = [norm.axis].flat().map((axis) => x!.shape.at(axis)!);
  // As many as are read, in the scope that reads them.
  if (!scale) Object.assign(norm, { scale: true, gamma: { read: () => ones(shape) } });
  if (!center) Object.assign(norm, { center: true, beta: { read: () => zeros(shape) } });
  try {
    return work();
  } finally {
    Object.assign(norm, { scale, center, gamma, beta });
  }
}
