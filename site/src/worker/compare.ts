import { type Tensor, tensor, tidy, transpose } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { inspectWeights, readTensors } from 'vgg-blocks/weights';

/** How far a model's outputs are from another framework's. */
export interface Comparison {
  images: number;
  classes: number;
  /** The largest difference, relative to the largest expected magnitude. */
  relativeError: number;
  logits: number[];
  expected: number[];
}

/** Whether a file is safetensors with `input` and `logits`. */
export async function isReference(file: File): Promise<boolean> {
  if (!/\.safetensors$/i.test(file.name)) return false;
  const { tensors } = await inspectWeights(file);
  return ['input', 'logits'].every((needed) => tensors.some(({ name }) => name === needed));
}

/**
 * Compares a model's logits with PyTorch's.
 *
 * @param file safetensors: `input` `[images, channels, height, width]`, `logits` `[images, classes]`.
 */
export async function compare(model: LayersModel, file: File): Promise<Comparison> {
  const tensors = await readTensors(file);
  const [input, expected] = [tensors.get('input')!, tensors.get('logits')!];
  const output = tidy(() => {
    const x = transpose(tensor(input.data, input.shape), [0, 2, 3, 1]);
    return model.predict(x) as Tensor;
  });
  const logits = Array.from(await output.data());
  output.dispose();
  const largest = Math.max(...expected.data.map(Math.abs));
  const difference = Math.max(...logits.map((value, i) => Math.abs(value - expected.data[i]!)));
  return {
    images: input.shape[0]!,
    classes: expected.shape.at(-1)!,
    relativeError: difference / largest,
    logits,
    expected: Array.from(expected.data),
  };
}
