import { engine, type NamedTensorMap, randomUniform, type Tensor, tidy, time } from '@tensorflow/tfjs-core';
import { plan, scaleArch, VGG11 } from 'vgg-blocks';

/** Runs of each kernel; the fastest counts. */
const RUNS = 4;

const uniform = (shape: readonly number[]) => randomUniform([...shape], -1, 1, 'float32', 1);

/**
 * Milliseconds on the GPU of the kernels of a training step that compute the convolutions and dense layers of VGG-11, by layer; wall
 * time where the device has no timestamps.
 */
export async function layerTimes(ratio: number, size: number, batch: number): Promise<object> {
  const times: Record<string, Record<string, number>> = {};
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

async function timeOf(kernel: string, inputs: NamedTensorMap, attrs: object): Promise<number> {
  const once = async () => {
    const start = performance.now();
    let output: Tensor[] = [];
    const { kernelMs } = await time(() => {
      output = [tidy(() => engine().runKernel(kernel, inputs, attrs as never) as Tensor)].flat();
    });
    if (typeof kernelMs === 'number' && kernelMs > 0) {
      for (const tensor of output) tensor.dispose();
      return kernelMs;
    }
    await output[0]!.data();
    for (const tensor of output) tensor.dispose();
    return performance.now() - start;
  };
  // The first compiles, and with this library's kernels tries their variants.
  let best = await once();
  for (let i = 0; i < RUNS; i++) best = Math.min(best, await once());
  return Number(best.toPrecision(4));
}
