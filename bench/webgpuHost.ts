/**
 * What the host does for a training step and a prediction on WebGPU, on Dawn's null device, which computes nothing: programs,
 * submissions, buffers and bind groups that it creates, and milliseconds of processor time of the main thread (Node 24; elsewhere, of the process), with tfjs's kernels and
 * with this library's in turns. Prints a row of JSON for each.
 *
 *     npx tsx bench/webgpuHost.ts [--rounds 5] [--steps 50]
 */
import { parseArgs } from 'node:util';
import type { Tensor } from '@tensorflow/tfjs-core';
import { scaleArch, VGG11, VGG16, vgg } from 'vgg-blocks';
import { ImageSet } from 'vgg-blocks/data';
import { webgpuBackend } from 'vgg-blocks/node';
import { train } from 'vgg-blocks/train';
import { installWebgpuKernels } from 'vgg-blocks/webgpu';
import { median } from '../src/base/numbers.js';

/** Networks that the null device has room for: it has 256 MiB. The widest one only predicts. */
export const NETWORKS = {
  'VGG-11/16, 32x32, 256 hidden units': {
    build: () => vgg(scaleArch(VGG11, 16), { inputShape: [32, 32, 1], hiddenUnits: 256 }),
    optimizer: 'sgd',
  },
  'VGG-16/16, 32x32x3, batch normalization, 64 hidden units': {
    build: () => vgg(scaleArch(VGG16, 16), { inputShape: [32, 32, 3], hiddenUnits: 64, batchNorm: true }),
    optimizer: 'adam',
  },
  'VGG-11/4, 224x224, 1024 hidden units': {
    build: () => vgg(scaleArch(VGG11, 4), { inputShape: [224, 224, 1], hiddenUnits: 1024 }),
    optimizer: 'sgd',
  },
  'VGG-11/4, 224x224, 4096 hidden units': {
    build: () => vgg(scaleArch(VGG11, 4), { inputShape: [224, 224, 1], hiddenUnits: 4096 }),
    optimizer: undefined,
  },
} as const;

/** What is counted, of one step. */
export interface Host {
  programs: number;
  submissions: number;
  buffers: number;
  groups: number;
  milliseconds: number;
}

const { device } = await start();
const NOTHING = { programs: 0, submissions: 0, buffers: 0, groups: 0 };
const counted = { ...NOTHING };
watch();

async function start(): Promise<{ device: { queue: { submit(buffers: unknown[]): void } } }> {
  await webgpuBackend({ flags: ['backend=null'] });
  const { backend, setBackend } = await import('@tensorflow/tfjs-core');
  await setBackend('webgpu');
  return backend() as unknown as Awaited<ReturnType<typeof start>>;
}

/** Counts what is recorded, submitted and created from now on. */
function watch(): void {
  const creating = GPUDevice.prototype;
  const { createBuffer, createBindGroup } = creating;
  creating.createBuffer = function (descriptor) {
    counted.buffers++;
    return createBuffer.call(this, descriptor);
  };
  creating.createBindGroup = function (descriptor) {
    counted.groups++;
    return createBindGroup.call(this, descriptor);
  };
  const pass = GPUComputePassEncoder.prototype;
  const dispatch = pass.dispatchWorkgroups;
  pass.dispatchWorkgroups = function (...sides) {
    counted.programs++;
    return dispatch.apply(this, sides);
  };
  const submit = device.queue.submit.bind(device.queue);
  device.queue.submit = (buffers) => {
    counted.submissions++;
    submit(buffers);
  };
}

/** Processor time so far. */
function milliseconds(): number {
  // The types are those of Node 20.
  const { threadCpuUsage = process.cpuUsage } = process as { threadCpuUsage?: typeof process.cpuUsage };
  const { user, system } = threadCpuUsage.call(process);
  return (user + system) / 1000;
}

async function measured(work: () => Promise<unknown>): Promise<Host> {
  Object.assign(counted, NOTHING);
  const before = milliseconds();
  await work();
  return { ...counted, milliseconds: milliseconds() - before };
}

/** A step of `train`: the difference of two epochs, so that what it does once an epoch is not counted. */
export async function trainingStep(
  model: ReturnType<typeof vgg>,
  batchSize: number,
  steps: number,
  optimizer: 'sgd' | 'adam' = 'sgd',
) {
  const [, size, , channels] = model.inputs[0]!.shape as [null, number, number, number];
  const epoch = (steps: number) =>
    measured(() => {
      const count = steps * batchSize;
      const trainSet = new ImageSet({
        images: new Uint8Array(count * 784 * channels).map((_, i) => (31 * i) % 251),
        labels: new Uint8Array(count).map((_, i) => i % 10),
        ...{ shape: [28, 28, channels], classNames: [...'0123456789'] },
      });
      const resized = trainSet.resize(size);
      const options = { batchSize, epochs: 1, learningRate: 0.01, optimizer } as const;
      return train(model, { trainSet: resized }, options);
    });
  const [short, long] = [await epoch(4), await epoch(4 + steps)];
  return per(steps, (key) => long[key] - short[key]);
}

/** A prediction of images that are on the device. */
export async function prediction(model: ReturnType<typeof vgg>, x: Tensor, steps: number): Promise<Host> {
  const [batchSize] = x.shape as [number];
  const all = await measured(async () => {
    for (let i = 0; i < steps; i++) {
      const y = model.predict(x, { batchSize }) as Tensor;
      await y.data();
      y.dispose();
    }
  });
  return per(steps, (key) => all[key]);
}

function per(steps: number, of: (key: keyof Host) => number): Host {
  const one = (key: keyof Host) => Number((of(key) / steps).toPrecision(3));
  return {
    ...{ programs: one('programs'), submissions: one('submissions') },
    ...{ buffers: one('buffers'), groups: one('groups'), milliseconds: one('milliseconds') },
  };
}

/** Runs work with this library's kernels, or with the backend's own. */
export async function withKernels<T>(kernels: 'stock' | 'ours', work: () => Promise<T>): Promise<T> {
  const uninstall = kernels === 'ours' ? installWebgpuKernels({ tune: false }) : undefined;
  try {
    return await work();
  } finally {
    uninstall?.();
  }
}

if (process.argv[1]?.endsWith('webgpuHost.ts')) {
  const { values } = parseArgs({
    options: { rounds: { type: 'string', default: '5' }, steps: { type: 'string', default: '50' } },
  });
  const [rounds, steps] = [Number(values.rounds), Number(values.steps)];
  const { randomUniform } = await import('@tensorflow/tfjs-core');
  for (const [network, { build, optimizer }] of Object.entries(NETWORKS)) {
    const model = build();
    const image = model.inputs[0]!.shape.slice(1) as number[];
    const cases = {
      ...(optimizer && {
        [`training step, ${optimizer}, batch 4`]: () => trainingStep(model, 4, steps, optimizer),
      }),
      ...Object.fromEntries(
        [1, 8].map((batch) => {
          const x = randomUniform([batch, ...image]);
          return [`prediction, batch ${batch}`, () => prediction(model, x, steps)] as const;
        }),
      ),
    };
    for (const [what, work] of Object.entries(cases)) {
      const found = { stock: [] as Host[], ours: [] as Host[] };
      // The first round compiles.
      for (let round = 0; round <= rounds; round++) {
        for (const kernels of ['stock', 'ours'] as const) {
          const host = await withKernels(kernels, work);
          if (round > 0) found[kernels].push(host);
        }
      }
      for (const kernels of ['stock', 'ours'] as const) {
        const [{ programs, submissions }] = found[kernels] as [Host];
        const { buffers, groups } = found[kernels].at(-1)!;
        const times = found[kernels].map(({ milliseconds }) => milliseconds);
        console.log(
          JSON.stringify({
            network,
            what,
            kernels,
            ...{ programs, submissions, buffers, groups },
            milliseconds: Number(median(times).toPrecision(3)),
          }),
        );
      }
    }
    model.dispose();
  }
  process.exit(0);
}
