import { backend as current, engine, randomUniform, type Tensor, tidy, time } from '@tensorflow/tfjs-core';
import { median } from '../src/base/numbers.js';
import type { WebgpuBackend } from '../src/webgpu/backend.js';
import { product } from '../src/webgpu/matMul.js';
import { Tuner } from '../src/webgpu/tuner.js';

/** Runs that count, in turns of ours and the backend's own. */
const RUNS = 7;

/**
 * Milliseconds of the products of a dense layer by tfjs's kernel and by this library's, whichever the library chooses. The kernels
 * must not be installed.
 */
export async function productTimes(rows: number, inputs: number, outputs: number): Promise<object> {
  const uniform = (shape: number[]) => randomUniform(shape, -1, 1, 'float32', 1);
  const [x, weights, dy] = [
    [1, rows, inputs],
    [1, inputs, outputs],
    [1, rows, outputs],
  ].map(uniform) as [Tensor, Tensor, Tensor];
  const products = {
    outputs: [x, weights, false, false],
    weights: [x, dy, true, false],
    inputs: [dy, weights, false, true],
  } as const;
  const times: Record<string, object> = {};
  for (const [name, [a, b, transposeA, transposeB]] of Object.entries(products)) {
    const attrs = { transposeA, transposeB };
    const backend = current() as unknown as WebgpuBackend;
    const tools = { backend, tuner: new Tuner(true) };
    const kernels = {
      ours: () => engine().makeTensorFromTensorInfo(product(tools, { a, b }, attrs)),
      stock: () => engine().runKernel('BatchMatMul', { a, b }, attrs) as Tensor,
    };
    const all = { ours: [] as number[], stock: [] as number[] };
    // The first runs compile, and try tiles.
    for (const kernel of [kernels.ours, kernels.stock, kernels.ours]) {
      const result = kernel();
      await result.data();
      result.dispose();
    }
    for (let i = 0; i < RUNS; i++) {
      for (const kernel of ['ours', 'stock'] as const) {
        const { kernelMs } = await time(() => tidy(() => void kernels[kernel]()));
        all[kernel].push(Number(kernelMs));
      }
    }
    times[name] = { ours: round(median(all.ours)), stock: round(median(all.stock)) };
  }
  for (const tensor of [x, weights, dy]) tensor.dispose();
  return times;
}

const round = (milliseconds: number) => Number(milliseconds.toPrecision(4));
