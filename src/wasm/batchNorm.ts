import { type TensorInfo, util } from '@tensorflow/tfjs-core';
import { addressOf, inPlaceOf, withMemory } from './backend.js';
import type { OwnCall } from './run.js';

/** Batch normalization in training, and the ReLU behind it. */
export function batchNorm({
  backend,
  kernels,
  inputs: { x, scale, offset, runningMean, runningVariance },
  attrs: { epsilon, relu, momentum },
}: OwnCall<'BatchNorm'>): TensorInfo[] {
  const channels = x.shape.at(-1)!;
  const outputs = [x.shape, ...Array<number[]>(4).fill([channels])].map((shape) =>
    backend.makeOutput(shape, 'float32'),
  );
  withMemory(backend, kernels.normBytes(channels), (work) => {
    const at = (tensor: TensorInfo) => addressOf(backend, tensor);
    const [y, mean, variance, nextMean, nextVariance] = outputs.map(at) as [
      number,
      number,
      number,
      number,
      number,
    ];
    kernels.norm(
      ...[at(x), util.sizeFromShape(x.shape) / channels, channels],
      ...[at(scale), at(offset), epsilon, Number(relu)],
      ...[y, mean, variance],
      ...[at(runningMean), at(runningVariance), 1 - momentum, nextMean, nextVariance],
      work,
    );
  });
  return outputs;
}

/** The gradients of scale, offset and, if wanted, x, which takes dy's memory unless another tensor shares it. */
export function batchNormGrad({
  backend,
  kernels,
  inputs: { dy, x, mean, variance, scale, offset },
  attrs: { epsilon, relu, wantsX },
}: OwnCall<'BatchNormGrad'>): TensorInfo[] {
  const channels = x.shape.at(-1)!;
  const outputs = [scale, offset].map(({ shape }) => backend.makeOutput(shape, 'float32'));
  if (wantsX) outputs.push(inPlaceOf(backend, dy));
  withMemory(backend, kernels.normBytes(channels), (work) => {
    const at = (tensor: TensorInfo | undefined) => addressOf(backend, tensor);
    const [dScale, dOffset, dx] = outputs;
    kernels.normGradient(
      ...[at(dy), at(x), util.sizeFromShape(x.shape) / channels, channels, at(mean), at(variance)],
      ...[at(scale), at(offset), epsilon, Number(relu)],
      ...[at(dx), at(dScale), at(dOffset)],
      work,
    );
  });
  return outputs;
}
