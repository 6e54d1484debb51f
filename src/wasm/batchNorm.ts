import { type TensorInfo, util } from '@tensorflow/tfjs-core';
import { addressOf, inPlaceOf, withMemory } from './backend.js';
import { eachImages, poolingOf } from './pool.js';
import type { OwnCall } from './run.js';

/** Batch normalization in training, and the ReLU and pooling behind it. */
export function batchNorm(call: OwnCall<'BatchNorm'>): TensorInfo[] {
  const { backend, kernels, inputs, attrs } = call;
  const { x, scale, offset, runningMean, runningVariance } = inputs;
  const { epsilon, relu, momentum } = attrs;
  const channels = x.shape.at(-1)!;
  const pool = attrs.pool && poolingOf(x.shape, attrs.pool);
  const outputs = [pool?.outShape ?? x.shape, ...Array<number[]>(4).fill([channels])].map((shape) =>
    backend.makeOutput(shape, 'float32'),
  );
  if (pool) outputs.push(backend.makeOutput(pool.outShape, 'bool'));
  const at = (tensor: TensorInfo) => addressOf(backend, tensor);
  const [y, mean, variance, nextMean, nextVariance, choices] = outputs.map(at);
  const normalize = (to: number) =>
    withMemory(backend, kernels.normBytes(channels), (work) => {
      kernels.norm(
        ...[at(x), util.sizeFromShape(x.shape) / channels, channels],
        ...[at(scale), at(offset), epsilon, Number(relu)],
        ...[to, mean!, variance!],
        ...[at(runningMean), at(runningVariance), 1 - momentum, nextMean!, nextVariance!],
        work,
      );
    });
  if (pool) {
    // The map before the pooling is freed as the last that was allocated, so that it leaves no hole.
    withMemory(backend, 4 * util.sizeFromShape(x.shape), (map) => {
      normalize(map);
      eachImages(call, pool, 'maxPoolChoices', (ins, outs) => [
        ...[map + 4 * ins, Number(relu), y! + 4 * outs, choices! + outs],
      ]);
    });
  } else normalize(y!);
  return outputs;
}

/**
 * The gradients of scale, offset and, if wanted, x, which takes dy's memory, or x's if there is a pooling, unless another tensor
 * shares it.
 */
export function batchNormGrad(call: OwnCall<'BatchNormGrad'>): TensorInfo[] {
  const { backend, kernels, inputs, attrs } = call;
  const { dy, x, mean, variance, scale, offset, choices } = inputs;
  const { epsilon, relu, wantsX } = attrs;
  const channels = x.shape.at(-1)!;
  const at = (tensor: TensorInfo | undefined) => addressOf(backend, tensor);
  const from = at(x);
  const outputs = [scale, offset].map(({ shape }) => backend.makeOutput(shape, 'float32'));
  if (wantsX) outputs.push(inPlaceOf(backend, attrs.pool ? x : dy));
  const [dScale, dOffset, dx] = outputs;
  const gradients = (dy: number) =>
    withMemory(backend, kernels.normBytes(channels), (work) => {
      kernels.normGradient(
        ...[dy, from, util.sizeFromShape(x.shape) / channels, channels, at(mean), at(variance)],
        ...[at(scale), at(offset), epsilon, Number(relu)],
        ...[at(dx), at(dScale), at(dOffset)],
        work,
      );
    });
  if (attrs.pool) {
    const pool = poolingOf(x.shape, attrs.pool);
    withMemory(backend, 4 * util.sizeFromShape(x.shape), (map) => {
      const [values, bytes] = [at(dy), at(choices)];
      eachImages(call, pool, 'spreadChoices', (ins, outs) => [
        ...[values + 4 * outs, bytes + outs, map + 4 * ins],
      ]);
      gradients(map);
    });
  } else gradients(at(dy));
  return outputs;
}
