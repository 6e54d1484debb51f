import {
  backend,
  conv2d,
  dispose,
  engine,
  setBackend,
  type Tensor,
  type Tensor4D,
  tensor4d,
} from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { size } from '../../src/base/shapes.js';
import { ImageSet } from '../../src/data/index.js';
import { vgg } from '../../src/index.js';
import { train } from '../../src/train/index.js';
import type { WebgpuBackend } from '../../src/webgpu/backend.js';
import type { Convolution } from '../../src/webgpu/convolution.js';
import { installWebgpuKernels } from '../../src/webgpu/index.js';
import { KeptForms } from '../../src/webgpu/keptForms.js';
import { winograd, winogradVariants } from '../../src/webgpu/winograd.js';
import { available, error, numbers, random } from './compare.js';

/** What WebGPU promises of every device. */
const LOWEST = {
  maxComputeWorkgroupStorageSize: 16384,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupSizeX: 256,
  maxComputeWorkgroupsPerDimension: 65535,
  maxStorageBuffersPerShaderStage: 8,
  maxStorageBufferBindingSize: 2 ** 27,
  maxBufferSize: 2 ** 28,
};

/** Starts the backend on a device of the lowest limits, where tfjs would request the adapter's own. */
async function start(): Promise<GPUDevice> {
  const adapter = GPUAdapter.prototype;
  const { requestDevice } = adapter;
  adapter.requestDevice = function (descriptor) {
    return requestDevice.call(this, { ...descriptor, requiredLimits: LOWEST });
  };
  try {
    await setBackend('webgpu');
  } finally {
    adapter.requestDevice = requestDevice;
  }
  return (backend() as unknown as { device: GPUDevice }).device;
}

/** What the device says of a program that reads so many buffers, with so many bytes of workgroup memory. */
async function refusal(device: GPUDevice, buffers: number, bytes: number): Promise<string | undefined> {
  const all = Array.from({ length: buffers }, (_, i) => i);
  const code = `
    ${all.map((i) => `@group(0) @binding(${i}) var<storage, read_write> b${i}: array<f32>;`).join('\n')}
    var<workgroup> held: array<f32, ${bytes / 4}>;
    @compute @workgroup_size(64) fn start(@builtin(local_invocation_index) i: u32) {
      ${all.map((at) => `held[i] += b${at}[i];`).join('\n')}
      b0[i] = held[i];
    }`;
  device.pushErrorScope('validation');
  device.createComputePipeline({
    layout: 'auto',
    compute: { module: device.createShaderModule({ code }), entryPoint: 'start' },
  });
  return (await device.popErrorScope())?.message;
}

interface Case {
  batchNorm: boolean;
  optimizer: 'sgd' | 'adam';
  /** Of the changes of weights, as a fraction of the largest: Adam divides a gradient, and its rounding with it, by itself. */
  tolerance: number;
}

const CASES: Case[] = [
  { batchNorm: false, optimizer: 'sgd', tolerance: 1e-3 },
  { batchNorm: true, optimizer: 'adam', tolerance: 2e-2 },
];

const IMAGES = [4, 16, 16, 1] as const;

function network(batchNorm: boolean) {
  const blocks = [
    [2, 16],
    [1, 12],
  ] as const;
  // A bias before batch normalization has no gradient but that of rounding.
  return vgg(blocks, {
    inputShape: [16, 16, 1],
    hiddenUnits: 16,
    dropout: 0,
    batchNorm,
    convBias: !batchNorm,
  });
}

async function predict(model: ReturnType<typeof vgg>): Promise<Float32Array> {
  const input = tensor4d(numbers(size(IMAGES), 1), [...IMAGES]);
  const output = model.predict(input) as Tensor;
  const values = await output.data();
  dispose([input, output]);
  return values as Float32Array;
}

/** What a network predicts before and after a step of training, and how its weights change. */
async function results(name: 'cpu' | 'webgpu', { batchNorm, optimizer }: Case): Promise<Float32Array[]> {
  await setBackend(name);
  const uninstall = name === 'webgpu' ? installWebgpuKernels({ tune: false }) : () => {};
  const model = network(batchNorm);
  const weights = async () =>
    (await Promise.all(model.getWeights().map((weight) => weight.data()))) as Float32Array[];
  try {
    const [before, first] = [await weights(), await predict(model)];
    const images = Uint8Array.from({ length: size(IMAGES) }, (_, i) => (31 * i) % 251);
    const labels = Uint8Array.of(0, 3, 5, 9);
    const trainSet = new ImageSet({ images, labels, shape: [16, 16, 1], classNames: [...'abcdefghij'] });
    await train(model, { trainSet }, { epochs: 1, batchSize: 4, optimizer, learningRate: 0.01 });
    const changes = (await weights()).map((values, i) => values.map((value, j) => value - before[i]![j]!));
    return [first, await predict(model), ...changes];
  } finally {
    model.dispose();
    uninstall();
  }
}

/** What the network without batch normalization predicts with weights in half precision. */
async function inHalfPrecision(): Promise<Float32Array> {
  await setBackend('webgpu');
  const uninstall = installWebgpuKernels({ tune: false, precision: 'float16' });
  const model = network(false);
  try {
    return await predict(model);
  } finally {
    model.dispose();
    uninstall();
  }
}

/** A convolution by itself, then in tiles of 4x4 and of 2x2 outputs. */
async function convolutions(): Promise<Float32Array[]> {
  await setBackend('webgpu');
  const gpu = backend() as unknown as WebgpuBackend;
  const [x, filter] = [random([2, 9, 8, 32], 2) as Tensor4D, random([3, 3, 32, 8], 3) as Tensor4D];
  const one = { x, filter, pad: [1, 1], outShape: [2, 9, 8, 8] } satisfies Convolution;
  const forms = new KeptForms(gpu);
  const variants = winogradVariants(gpu, one);
  const tiles = ([4, 2] as const).map((outputs) => variants.find((one) => one.outputs === outputs)!);
  const all = [
    conv2d(x, filter, 1, 'same'),
    ...tiles.map((variant) => engine().makeTensorFromTensorInfo(winograd(gpu, forms, one, variant))),
  ];
  const values = await Promise.all(all.map((y) => y.data() as Promise<Float32Array>));
  dispose([x, filter, ...all]);
  forms.close();
  return values;
}

test.skipIf(!available)(
  'a device of the lowest limits, which refuses programs above them, trains and predicts as the cpu does',
  async () => {
    const device = await start();
    for (const [name, limit] of Object.entries(LOWEST)) {
      expect(device.limits[name as keyof typeof LOWEST], name).toBe(limit);
    }
    expect(await refusal(device, 8, 16384)).toBeUndefined();
    expect(await refusal(device, 9, 16384)).toMatch(/storage buffers/i);
    expect(await refusal(device, 8, 16388)).toMatch(/workgroup/i);

    const errors: string[] = [];
    device.addEventListener('uncapturederror', ({ error }) => errors.push(error.message));
    const programs = new Set<string>();
    const create = device.createComputePipeline.bind(device);
    device.createComputePipeline = (descriptor) => {
      programs.add(descriptor.label ?? '');
      return create(descriptor);
    };

    let plain: Float32Array | undefined;
    for (const one of CASES) {
      const [expected, actual] = [await results('cpu', one), await results('webgpu', one)];
      for (const [i, values] of expected.entries()) {
        expect(error(actual[i]!, values), `${one.optimizer}, ${i}`).toBeLessThan(one.tolerance);
      }
      plain ??= expected[0];
    }
    const half = error(await inHalfPrecision(), plain!);
    expect(half).toBeLessThan(2e-3);
    expect(half).toBeGreaterThan(1e-6);
    const [y, ...inTiles] = await convolutions();
    for (const values of inTiles) expect(error(values, y!)).toBeLessThan(1e-5);

    const expectedPrograms = [
      ...['convolution', 'product', 'max pool and bias gradient', 'filter gradient in tiles', 'sum rows'],
      ...['filter gradient of few channels', 'add parts', 'SGD', 'Adam', 'weights in half precision'],
      ...['batch normalization statistics of all rows', 'batch normalization gradients of all rows'],
      ...['Winograd F(4x4) products', 'Winograd F(2x2) products'],
    ];
    expect([...programs]).toEqual(expect.arrayContaining(expectedPrograms));
    expect(errors).toEqual([]);
  },
  600_000,
);
