import { type TensorInfo, util } from '@tensorflow/tfjs-core';
import { addressOf, type Call } from './run.js';

/** The gradient before ReLU, from that behind it and ReLU's output. */
export function reluGrad({
  backend,
  kernels,
  inputs: { dy, y },
}: Call<{ dy: TensorInfo; y: TensorInfo }, object>) {
  const dx = backend.makeOutput(y.shape, 'float32');
  kernels.reluGradient(
    util.sizeFromShape(y.shape),
    ...([addressOf(backend, dy), addressOf(backend, y), addressOf(backend, dx)] as const),
  );
  return dx;
}
