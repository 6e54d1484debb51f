import { backend, conv2d, dispose, setBackend, type Tensor4D, tensor4d } from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { ImageSet } from '../../src/data/index.js';
import { vgg } from '../../src/index.js';
import { train } from '../../src/train/index.js';
import { installWebgpuKernels } from '../../src/webgpu/index.js';
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

    const images = Uint8Array.from({ length: 4 * 16 * 16 }, (_, i) => (31 * i) % 251);
    const x = numbers(4 * 16 * 16, 1);
    const results = async (name: 'cpu' | 'webgpu') => {
      await setBackend(name);
      const uninstall = name === 'webgpu' ? installWebgpuKernels({ tune: false }) : () => {};
      const model = vgg(
        [
          [2, 16],
          [1, 12],
        ],
        { inputShape: [16, 16, 1], hiddenUnits: 16, dropout: 0 },
      );
      const predict = async () => {
        const input = tensor4d(x, [4, 16, 16, 1]);
        const output = model.predict(input) as typeof input;
        const values = await output.data();
        input.dispose();
        output.dispose();
        return values;
      };
      const weights = () => Promise.all(model.getWeights().map((weight) => weight.data()));
      try {
        const [before, first] = [await weights(), await predict()];
        const labels = Uint8Array.of(0, 3, 5, 9);
        const trainSet = new ImageSet({ images, labels, shape: [16, 16, 1], classNames: [...'abcdefghij'] });
        const options = { epochs: 1, batchSize: 4, optimizer: 'sgd', learningRate: 0.05 } as const;
        await train(model, { trainSet }, options);
        const changes = (await weights()).map((values, i) =>
          values.map((value, j) => value - before[i]![j]!),
        );
        return [first, await predict(), ...changes];
      } finally {
        model.dispose();
        uninstall();
      }
    };
    const [expected, actual] = [await results('cpu'), await results('webgpu')];
    for (const [i, values] of expected.entries()) {
      expect(error(actual[i]!, values), `${i}`).toBeLessThan(1e-3);
    }

    // From 64 channels on both sides, and 4096 pixels.
    const uninstall = installWebgpuKernels({ tune: false, winograd: true });
    const [image, filter] = [random([1, 64, 64, 64], 2) as Tensor4D, random([3, 3, 64, 64], 3) as Tensor4D];
    const y = conv2d(image, filter, 1, 'same');
    expect((await y.data()).some((value) => value !== 0)).toBe(true);
    dispose([image, filter, y]);
    uninstall();
    const expectedPrograms = [
      ...['convolution', 'product', 'max pool and bias gradient', 'filter gradient in tiles', 'sum rows'],
      ...['filter gradient of few channels', 'add parts', 'SGD', 'Winograd F(4x4) products'],
    ];
    expect([...programs]).toEqual(expect.arrayContaining(expectedPrograms));
    expect(errors).toEqual([]);
  },
  600_000,
);
