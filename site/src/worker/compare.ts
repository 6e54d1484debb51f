import { type Tensor, tensor, tidy, transpose } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { openFile } from '../../../src/weights/file.js';
import { readSafetensors } from '../../../src/weights/safetensors.js';
import { elements, type StoredTensor } from '../../../src/weights/tensor.js';

/** How a model's outputs differ from those that another framework gave. */
export interface Comparison {
  images: number;
  classes: number;
  /** The greatest difference, as a share of the greatest number expected. */
  relativeError: number;
  logits: number[];
  expected: number[];
}

/** Whether a file is one to compare with: safetensors that hold `input` and `logits`. */
export async function isReference(file: File): Promise<boolean> {
  if (!/\.safetensors$/i.test(file.name)) return false;
  const { tensors } = await readSafetensors(await openFile(file));
  return ['input', 'logits'].every((wanted) => tensors.some(({ name }) => name === wanted));
}

/**
 * Compares a model with what PyTorch computed.
 *
 * @param file safetensors, float32: `input` `[images, channels, height, width]`, `logits` `[images, classes]`.
 */
export async function compare(model: LayersModel, file: File): Promise<Comparison> {
  const { tensors } = await readSafetensors(await openFile(file));
  const read = async (wanted: string) => numbersOf(tensors.find(({ name }) => name === wanted)!);
  const [input, expected] = [await read('input'), await read('logits')];
  const output = tidy(() => {
    const x = transpose(tensor(input.data, [...input.shape]), [0, 2, 3, 1]);
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

async function numbersOf(stored: StoredTensor): Promise<{ shape: readonly number[]; data: Float32Array }> {
  if (stored.dtype !== 'F32') {
    throw new RangeError(`${stored.name} is ${stored.dtype}; a reference has float32 (F32) tensors.`);
  }
  const bytes = new Uint8Array(4 * elements(stored.shape));
  const stream = stored.open();
  await stream.readInto(bytes);
  await stream.close();
  return { shape: stored.shape, data: new Float32Array(bytes.buffer) };
}
