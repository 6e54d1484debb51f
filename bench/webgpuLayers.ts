import { engine, type NamedTensorMap, randomUniform, type Tensor, tidy, time } from '@tensorflow/tfjs-core';
import { plan, scaleArch, VGG11 } from 'vgg-blocks';
import { installWebgpuKernels } from 'vgg-blocks/webgpu';
import { median } from '../src/base/numbers.js';

/** Runs of each kernel that count, in turns of ours and the backend's own. */
const RUNS = 5;

interface Times {
  ours: number;
  stock: number;
}

const uniform = (shape: readonly number[]) => randomUniform([...shape], -1, 1, 'float32', 1);

/**
 * Milliseconds on the GPU of the kernels that compute the convolutions, poolings and dense layers of VGG-11 in a training step, by
 * layer, with this library's kernels and without, in turns; wall time where the device has no timestamps.
 */
export async function layerTimes(ratio: number, size: number, batch: number): Promise<object> {
  const times: Record<string, Record<string, Times>> = {};
  const rows = plan(scaleArch(VGG11, ratio), { inputShape: [size, size, 1] });
  const conv = { strides: [1, 1], pad: 'same', dataFormat: 'NHWC', dilations: [1, 1] };
  for (const { name, kind, inputShape, outputShape, window } of rows) {
    if (kind === 'conv') {
      const filterShape = [...window, inputShape.at(-1)!, outputShape.at(-1)!];
      const x = uniform([batch, ...inputShape]);
      const dy = uniform([batch, ...outputShape]);
      const filter = uniform(filterShape);
      const bias = uniform([outputShape.at(-1)!]);
      times[name] = {
        FusedConv2D: await timeOf('FusedConv2D', { x, filter, bias }, { ...conv, activation: 'relu' }),
        Conv2DBackpropFilter: await timeOf('Conv2DBackpropFilter', { x, dy }, { ...conv, filterShape }),
        ...(name !== rows.find((row) => row.kind === 'conv')?.name && {
          Conv2DBackpropInput: await timeOf(
            'Conv2DBackpropInput',
            { dy, filter },
            { ...conv, inputShape: x.shape },
          ),
        }),
      };
      for (const tensor of [x, dy, filter, bias]) tensor.dispose();
    } else if (kind === 'maxPool') {
      const input = uniform([batch, ...inputShape]);
      const dy = uniform([batch, ...outputShape]);
      const pool = { filterSize: [2, 2], strides: [2, 2], pad: 'valid' };
      const output = engine().runKernel('MaxPool', { x: input }, pool) as Tensor;
      times[name] = {
        MaxPool: await timeOf('MaxPool', { x: input }, pool),
        MaxPoolGrad: await timeOf('MaxPoolGrad', { dy, input, output }, pool),
      };
      for (const tensor of [input, dy, output]) tensor.dispose();
    } else if (kind === 'dense') {
      const a = uniform([1, batch, inputShape[0]!]);
      const b = uniform([1, inputShape[0]!, outputShape[0]!]);
      const dy = uniform([1, batch, outputShape[0]!]);
      const product = (inputs: NamedTensorMap, transposeA: boolean, transposeB: boolean) =>
        timeOf('BatchMatMul', inputs, { transposeA, transposeB });
      times[name] = {
        forward: await product({ a, b }, false, false),
        weights: await product({ a, b: dy }, true, false),
        input: await product({ a: dy, b }, false, true),
      };
      for (const tensor of [a, b, dy]) tensor.dispose();
    }
  }
  return times;
}

async function timeOf(kernel: string, inputs: NamedTensorMap, attrs: object): Promise<Times> {
  const times = { ours: [] as number[], stock: [] as number[] };
  const uninstall = installWebgpuKernels();
  // The first call compiles, and tries variants.
  await once(kernel, inputs, attrs);
  await once(kernel, inputs, attrs);
  uninstall();
  await once(kernel, inputs, attrs);
  for (let i = 0; i < RUNS; i++) {
    times.stock.push(await once(kernel, inputs, attrs));
    const uninstall = installWebgpuKernels();
    times.ours.push(await once(kernel, inputs, attrs));
    uninstall();
  }
  const shown = (values: number[]) => Number(median(values).toPrecision(4));
  return { ours: shown(times.ours), stock: shown(times.stock) };
}

async function once(kernel: string, inputs: NamedTensorMap, attrs: object): Promise<number> {
  const start = performance.now();
  let output: Tensor[] = [];
  const { kernelMs } = await time(() => {
    output = [tidy(() => engine().runKernel(kernel, inputs, attrs as never) as Tensor)].flat();
  });
  if (!(typeof kernelMs === 'number' && kernelMs > 0)) await output[0]!.data();
  for (const tensor of output) tensor.dispose();
  return typeof kernelMs === 'number' && kernelMs > 0 ? kernelMs : performance.now() - start;
}
