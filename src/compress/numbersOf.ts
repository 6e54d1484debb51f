import { reshape, slice, type Tensor, tidy } from '@tensorflow/tfjs-core';

/** Numbers that are read at once, 8 MB. */
const BLOCK = 2 ** 21;

/** The numbers of a tensor, from the backend, some after another: a large kernel is never on the host as a whole. */
export async function* numbersOf(tensor: Tensor): AsyncGenerator<{ first: number; numbers: Float32Array }> {
  for (let first = 0; first < tensor.size; first += BLOCK) {
    const count = Math.min(BLOCK, tensor.size - first);
    const some = tidy(() =>
      count === tensor.size ? tensor.clone() : slice(reshape(tensor, [-1]), first, count),
    );
    yield { first, numbers: await some.data<'float32'>().finally(() => some.dispose()) };
  }
}
