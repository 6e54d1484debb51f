import type { Tensor } from '@tensorflow/tfjs-core';
import type { LayersModel, layers } from '@tensorflow/tfjs-layers';
import { hasKernel, type Pooling, runOwnKernel } from './kernels.js';
import { isFrozen, layersBehindTrained, layersWithin, onlyReader, poolingOf } from './models.js';
import { passThrough, type Replacement, replaceCalls, together } from './replaceCalls.js';
import { recordAsOne } from './tape.js';

/**
 * Makes each batch normalization one operation in training, with the ReLU and max pooling behind it, if any, where the backend
 * has a kernel for it. The running statistics move as in the layer's own call. Only the input is kept, which also shows where
 * ReLU blocks the gradient, and which pixels the pooling chose.
 *
 * Frozen layers, whose statistics do not move, are left alone; `fuseLayers` makes those behind a convolution part of it.
 */
export function fuseNorms(model: LayersModel): Replacement {
  const found = new Map<layers.Layer, Behind & { needsX: boolean }>();
  const behindTrained = layersBehindTrained(model);
  for (const layer of layersWithin(model)) {
    if (isNorm(layer) && !isFrozen(layer))
      found.set(layer, { ...behind(model, layer), needsX: behindTrained.has(layer) });
  }
  const done = new WeakSet<Tensor>();
  const calls = replaceCalls([...found.keys()], (layer, own) => {
    const { relu, pool, needsX } = found.get(layer)!;
    const { epsilon, momentum, axis } = layer.getConfig() as Record<'epsilon' | 'momentum' | 'axis', number>;
    return (inputs, kwargs) => {
      const [x, ...others] = [inputs].flat() as [Tensor, ...Tensor[]];
      const fits = x.dtype === 'float32' && x.size > 0 && (axis === -1 || axis === x.rank - 1);
      if (kwargs.training !== true || !fits || others.length > 0 || !hasKernel('BatchNorm')) {
        return own(inputs, kwargs);
      }
      const attrs = { epsilon, momentum, relu: relu !== undefined, pool: pool && poolingOf(pool) };
      const y = normalize(layer, x, attrs, needsX);
      if (relu || pool) done.add(y);
      return y;
    };
  });
  const passed = [...found.values()].flatMap(({ relu, pool }) => [relu ?? [], pool ?? []].flat());
  return together([calls, passThrough(passed, done)]);
}

/** The layers behind a batch normalization that belong to its operation. */
export interface Behind {
  relu?: layers.Layer;
  pool?: layers.Layer;
}

export function behind(model: LayersModel, norm: layers.Layer): Behind {
  const next = onlyReader(model, norm);
  const relu = next && isRelu(next) ? next : undefined;
  const pool = relu ? onlyReader(model, relu) : next;
  return { relu, pool: pool && poolingOf(pool) ? pool : undefined };
}

/** Whether a layer is a batch normalization with a scale and an offset. */
export function isNorm(layer: layers.Layer): boolean {
  const { scale, center } = layer.getConfig();
  return layer.getClassName() === 'BatchNormalization' && scale === true && center === true;
}

/** Whether a layer is a plain ReLU. */
export function isRelu(layer: layers.Layer): boolean {
  const { maxValue, activation } = layer.getConfig();
  if (layer.getClassName() === 'Activation') return activation === 'relu';
  return layer.getClassName() === 'ReLU' && maxValue == null;
}

/** Runs the operation, which the tape records as one, and moves the layer's running statistics. */
function normalize(
  layer: layers.Layer,
  x: Tensor,
  { momentum, ...attrs }: { epsilon: number; momentum: number; relu: boolean; pool?: Pooling },
  wantsX: boolean,
): Tensor {
  const [scale, offset, runningMean, runningVariance] = layer.weights.map((weight) => weight.read()) as [
    Tensor,
    Tensor,
    Tensor,
    Tensor,
  ];
  return recordAsOne(
    wantsX ? [scale, offset, x] : [scale, offset],
    () => {
      const inputs = { x, scale, offset, runningMean, runningVariance };
      const [y, mean, variance, nextMean, nextVariance, ...choices] = runOwnKernel('BatchNorm', inputs, {
        ...attrs,
        momentum,
      }) as [Tensor, Tensor, Tensor, Tensor, Tensor, ...Tensor[]];
      layer.weights[2]!.write(nextMean);
      layer.weights[3]!.write(nextVariance);
      return { y, kept: [x, mean, variance, ...choices] };
    },
    (dy, kept) => {
      const [x, mean, variance, choices] = kept as [Tensor, Tensor, Tensor, Tensor?];
      const inputs = { dy, x, mean, variance, scale, offset, ...(choices && { choices }) };
      return runOwnKernel('BatchNormGrad', inputs, { ...attrs, wantsX });
    },
  );
}
