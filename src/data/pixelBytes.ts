import { type Tensor4D, tensor1d } from '@tensorflow/tfjs-core';
import { hasKernel, type OwnKernels, runOwnKernel } from '../tfjs/kernels.js';

/** So many bytes, and up to three more, so that they are words of four. */
export function wholeWords(bytes: number): Uint8Array {
  return new Uint8Array(4 * Math.ceil(bytes / 4));
}

/** Whether the current backend makes images of bytes, a quarter of the numbers' size on the way to a device. */
export function takesBytes(): boolean {
  return hasKernel('FromBytes');
}

/**
 * Images from bytes, on a backend that takes them.
 *
 * @param pixels from `wholeWords`.
 * @param values what each byte is in each channel; by default from 0 to 1.
 */
export function imagesOf(
  pixels: Uint8Array,
  attrs: OwnKernels['FromBytes']['attrs'],
  values?: Float32Array,
): Tensor4D {
  const bytes = tensor1d(new Int32Array(pixels.buffer), 'int32');
  const given = values && { values: tensor1d(values) };
  return runOwnKernel('FromBytes', { bytes, ...given }, attrs) as Tensor4D;
}
