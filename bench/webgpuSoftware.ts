/**
 * Seconds of processor time where WebGPU is computed on the processor, as by SwiftShader, with tfjs's kernels and with this library's in
 * turns: of a training step of VGG-11/8 at 64x64 (batch 4, SGD, 256 hidden units), with and without batch normalization, and of a
 * convolution that is large enough for Winograd's algorithm, which no layer of that network is. Medians, with the fastest and the
 * slowest. Prints a row of JSON for each.
 *
 *     VK_DRIVER_FILES=/usr/lib/chromium/vk_swiftshader_icd.json npx tsx bench/webgpuSoftware.ts [--rounds 3]
 */
import { parseArgs } from 'node:util';
import type { Rank } from '@tensorflow/tfjs-core';
import { scaleArch, VGG11, vgg } from 'vgg-blocks';
import { ImageSet } from 'vgg-blocks/data';
import { webgpuBackend } from 'vgg-blocks/node';
import { train } from 'vgg-blocks/train';
import { installWebgpuKernels, type WebgpuKernelOptions } from 'vgg-blocks/webgpu';
import { median } from '../src/base/numbers.js';
import { processorName } from './processor.js';

const KERNELS: Record<string, WebgpuKernelOptions | undefined> = {
  tfjs: undefined,
  ours: {},
  winograd: { winograd: true },
};

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '3' } } });
const adapter = await webgpuBackend();
const { conv2d, randomUniform, setBackend } = await import('@tensorflow/tfjs-core');
await setBackend('webgpu');

/** Processor time so far. */
function seconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Medians of work that returns its seconds, by the kernels that it computes with. */
async function compare(what: string, names: (keyof typeof KERNELS)[], work: () => Promise<number>) {
  const found = new Map(names.map((name) => [name, [] as number[]]));
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [name, times] of found) {
      const options = KERNELS[name];
      const uninstall = options && installWebgpuKernels(options);
      try {
        times.push(await work());
      } finally {
        uninstall?.();
      }
    }
  }
  const short = (time: number) => Number(time.toPrecision(3));
  for (const [kernels, times] of found) {
    const range = [Math.min(...times), Math.max(...times)].map(short);
    console.log(JSON.stringify({ what, kernels, seconds: short(median(times)), range }));
  }
}

console.log(JSON.stringify({ adapter, processor: processorName(), node: process.version }));
const trainSet = new ImageSet({
  images: Uint8Array.from({ length: 2 * 4 * 4096 }, (_, i) => (31 * i) % 251),
  labels: Uint8Array.from({ length: 2 * 4 }, (_, i) => i % 10),
  ...{ shape: [64, 64, 1], classNames: [...'0123456789'] },
});
for (const batchNorm of [false, true]) {
  const model = vgg(scaleArch(VGG11, 8), { inputShape: [64, 64, 1], hiddenUnits: 256, batchNorm });
  const what = `training step${batchNorm ? ' with batch normalization' : ''}`;
  await compare(what, ['tfjs', 'ours'], async () => {
    const times: number[] = [];
    const onStep = () => void times.push(seconds());
    const options = { batchSize: 4, epochs: 1, optimizer: 'sgd', learningRate: 0.01, onStep } as const;
    await train(model, { trainSet }, options);
    // Of two steps; the first compiles.
    return times[1]! - times[0]!;
  });
  model.dispose();
}
const x = randomUniform<Rank.R4>([4, 32, 32, 64]);
const filter = randomUniform<Rank.R4>([3, 3, 64, 64]);
await compare('convolution of 64 channels, 32x32, batch 4', ['tfjs', 'ours', 'winograd'], async () => {
  const once = async () => {
    const y = conv2d(x, filter, 1, 'same');
    await y.data();
    y.dispose();
  };
  await once();
  const before = seconds();
  await once();
  return seconds() - before;
});
process.exit(0);
