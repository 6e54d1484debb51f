import { engine, type NamedTensorMap, randomUniform, setBackend, type Tensor } from '@tensorflow/tfjs-core';
import { installWebgpuKernels } from 'vgg-blocks/webgpu';

/** The largest difference that rounding explains, relative to the largest number. */
const TOLERANCE = 2e-5;

interface Case {
  kernel: string;
  inputs: Record<string, number[]>;
  attrs: object;
}

/** Compares kernels with those of the webgpu backend, and of the cpu backend where that takes little time. Returns what differs. */
export async function check(say: (what: object) => void): Promise<object[]> {
  const failures: object[] = [];
  for (const one of cases()) {
    const ours = await results(one, 'webgpu', true);
    const again = await results(one, 'webgpu', true);
    const work = Object.values(one.inputs).reduce((sum, shape) => sum + count(shape), 0);
    const others = [{ backend: 'webgpu', values: await results(one, 'webgpu', false) }];
    if (work < 20_000) others.push({ backend: 'cpu', values: await results(one, 'cpu', false) });
    const repeats = ours.every((number, i) => Object.is(number, again[i]));
    const row = {
      ...one,
      differs: Object.fromEntries(others.map(({ backend, values }) => [backend, difference(ours, values)])),
      repeats,
    };
    const wrong = !repeats || Object.values(row.differs).some((error) => !(error < TOLERANCE));
    say({ ok: !wrong, ...row });
    if (wrong) failures.push(row);
  }
  return failures;
}

const count = (shape: readonly number[]) => shape.reduce((product, length) => product * length, 1);

async function results(
  { kernel, inputs, attrs }: Case,
  backend: string,
  ours: boolean,
): Promise<Float32Array> {
  await setBackend(backend);
  const uninstall = ours ? installWebgpuKernels() : undefined;
  // Seeded numbers, which do not depend on the backend.
  const tensors: NamedTensorMap = Object.fromEntries(
    Object.entries(inputs).map(([name, shape], i) => [name, randomUniform(shape, -1, 1, 'float32', i + 1)]),
  );
  if (kernel === 'MaxPoolGrad')
    tensors.output = engine().runKernel('MaxPool', { x: tensors.input! }, attrs as never) as Tensor;
  const output = engine().runKernel(kernel, tensors, attrs as never) as Tensor;
  const data = (await output.data()) as Float32Array;
  for (const t of [...Object.values(tensors), output]) t.dispose();
  uninstall?.();
  return data;
}

function difference(a: Float32Array, b: Float32Array): number {
  let [error, largest] = [0, 0];
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const distance = Math.abs(a[i]! - b[i]!);
    // A NaN stays.
    error = distance > error || Number.isNaN(distance) ? distance : error;
    largest = Math.max(largest, Math.abs(b[i]!));
  }
  return error / (largest || 1);
}

/** Odd and even sizes, few and many channels, and layers of VGG-11/4 at 112 and 28. */
function cases(): Case[] {
  const shapes: [batch: number, side: number, inChannels: number, outChannels: number, window: number][] = [
    [1, 5, 1, 4, 3],
    [2, 9, 3, 5, 3],
    [2, 12, 4, 8, 3],
    [3, 7, 5, 12, 1],
    [2, 8, 20, 36, 3],
    [8, 112, 1, 16, 3],
    [8, 112, 16, 32, 3],
    [8, 28, 64, 128, 3],
    [8, 14, 128, 128, 3],
  ];
  const convolutions = shapes.flatMap(([batch, side, inChannels, outChannels, window]) =>
    (['same', 'valid'] as const).flatMap((pad): Case[] => {
      const out = pad === 'same' ? side : side - window + 1;
      const x = [batch, side, side, inChannels];
      const dy = [batch, out, out, outChannels];
      const filter = [window, window, inChannels, outChannels];
      const conv = { strides: [1, 1], pad, dataFormat: 'NHWC', dilations: [1, 1] };
      return [
        { kernel: 'Conv2D', inputs: { x, filter }, attrs: conv },
        {
          kernel: 'FusedConv2D',
          inputs: { x, filter, bias: [outChannels] },
          attrs: { ...conv, activation: 'relu' },
        },
        { kernel: 'Conv2DBackpropFilter', inputs: { x, dy }, attrs: { ...conv, filterShape: filter } },
        { kernel: 'Conv2DBackpropInput', inputs: { dy, filter }, attrs: { ...conv, inputShape: x } },
      ];
    }),
  );
  const pools = [6, 14, 56].map((side): Case => {
    const input = [3, side, side, 8];
    return {
      kernel: 'MaxPoolGrad',
      inputs: { dy: [3, side / 2, side / 2, 8], input },
      attrs: { filterSize: [2, 2], strides: [2, 2], pad: 'valid' },
    };
  });
  const products = [1, 7, 128].flatMap((rows): Case[] => [
    {
      kernel: 'BatchMatMul',
      inputs: { a: [1, rows, 96], b: [1, 96, 130] },
      attrs: { transposeA: false, transposeB: false },
    },
    {
      kernel: 'BatchMatMul',
      inputs: { a: [1, rows, 96], b: [1, rows, 130] },
      attrs: { transposeA: true, transposeB: false },
    },
    {
      kernel: 'BatchMatMul',
      inputs: { a: [1, rows, 130], b: [1, 96, 130] },
      attrs: { transposeA: false, transposeB: true },
    },
  ]);
  return [...convolutions, ...pools, ...products];
}
