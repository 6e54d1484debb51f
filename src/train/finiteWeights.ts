import type { Tensor } from '@tensorflow/tfjs-core';

/** Whether no number is NaN or infinite. */
export async function areFinite(tensors: readonly Tensor[]): Promise<boolean> {
  for (const tensor of tensors) {
    const values = await tensor.data();
    let sum = 0;
    // 0 for numbers; NaN for infinities. By index, which takes a quarter of the time that an iterator does.
    for (let i = 0; i < values.length; i++) sum += values[i]! - values[i]!;
    if (sum !== 0) return false;
  }
  return true;
}
