import { gunzipSync } from 'fflate';
import { H5_FILES } from '../fixtures/h5Files.js';
import { fromBase64 } from '../support/bytes.js';

/** One of the small HDF5 files. */
export function h5File(name: keyof typeof H5_FILES): Uint8Array {
  return gunzipSync(fromBase64(H5_FILES[name]));
}

/** Every weight file of PyTorch and Keras among the fixtures, each with the expected outputs beside it. */
export const TORCH_FIXTURES = ['vgg16-narrow', 'vgg11bn-narrow'].flatMap((network) =>
  ['.safetensors', '-f16.safetensors', '-bf16.safetensors', '-timm.safetensors', '.pth', '-legacy.pth'].map(
    (ending) => ({
      file: `torch/${network}${ending}`,
      expected: `torch/${network}`,
      title: network.startsWith('vgg16') ? 'VGG-16' : 'VGG-11-BN',
      // Half precision keeps 11 bits of a weight, bfloat16 8; through 16 layers that is some ten roundings.
      tolerance: ending.includes('bf16') ? 4e-2 : ending.includes('f16') ? 4e-3 : 1e-5,
    }),
  ),
);

/** One file of each of PyTorch's networks, with full precision. */
export const ONE_OF_EACH = TORCH_FIXTURES.filter(({ file }) => file.endsWith('-narrow.safetensors'));

export const KERAS_FIXTURES = [
  { file: 'keras/vgg16-narrow.published.h5', format: 'Keras .h5 (weights)', knowsSoftmax: false },
  { file: 'keras/vgg16-narrow.weights.h5', format: 'Keras .weights.h5', knowsSoftmax: false },
  { file: 'keras/vgg16-narrow.keras', format: 'Keras .keras', knowsSoftmax: true },
  { file: 'keras/vgg16-narrow.model.h5', format: 'Keras .h5 (model)', knowsSoftmax: true },
];

/** The greatest difference between two rows of numbers, as a share of the greatest number expected. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  let difference = 0;
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    difference = Math.max(difference, Math.abs(actual[i]! - expected[i]!));
    largest = Math.max(largest, Math.abs(expected[i]!));
  }
  return difference / largest;
}
