import type { TensorInfo } from '@tensorflow/tfjs-core';
import { size } from '../base/shapes.js';
import type { WebgpuBackend } from './backend.js';
import { runEach } from './run.js';

/** Multiplications of a convolution with a rotated filter that take longer than another program. */
const MANY = 2 ** 32;

/**
 * Whether to store the rotated filter first. Tiles that read it rotated transpose its numbers in registers, which costs a GPU up to
 * half of the time; but another program costs the host, which small convolutions wait for. Both give the same bits.
 */
export function rotatesFirst(product: { rows: number; columns: number; terms: number }): boolean {
  return product.rows * product.columns * product.terms >= MANY;
}

/** A filter that is rotated by 180 degrees, with its channels the other way round: that of the gradient of images. */
export function rotateFilter(backend: WebgpuBackend, filter: TensorInfo): TensorInfo {
  const [height, width, inputs, outputs] = filter.shape as [number, number, number, number];
  return runEach(backend, {
    name: 'rotate filter',
    inputs: { weights: filter },
    output: [height, width, outputs, inputs],
    count: size(filter.shape),
    ints: { taps: height * width, inputs, outputs },
    code: `
  let tap = uniforms.taps - 1 - i / uniforms.inputs / uniforms.outputs;
  let output = i / uniforms.inputs % uniforms.outputs;
  result[i] = weights[(tap * uniforms.inputs + i % uniforms.inputs) * uniforms.outputs + output];`,
  });
}
