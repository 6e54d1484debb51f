/**
 * Style transfer: the processor time of a step with a full-size VGG-16 on wasm, and the loss that each optimizer reaches in
 * the same number of steps.
 *
 *     npx tsx bench/style.ts
 */
import '@tensorflow/tfjs-backend-wasm';
import { backend, memory, setBackend } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { scaleArch, VGG16, vgg } from 'vgg-blocks';
import { type StyleImages, type StyleTransferOptions, styleTransfer } from 'vgg-blocks/features';
import { installWasmKernels } from 'vgg-blocks/wasm';
import { PUBLISHED } from 'vgg-blocks/weights';
import { brushwork, landscape } from '../examples/style/paintings.js';
import { median } from '../src/base/numbers.js';
import { CLOCKS } from './timing.mjs';

installWasmKernels();
await setBackend('wasm');

const network = (ratio: number) =>
  vgg(scaleArch(VGG16, ratio), {
    inputShape: [224, 224, 3],
    includeTop: false,
    initializer: 'heUniform',
    seed: 1,
  });

interface Run {
  seconds: number[];
  losses: number[];
}

/** Processor time and loss of every step. */
async function measure(
  model: LayersModel,
  options: Partial<StyleTransferOptions>,
  images: StyleImages = { content: landscape(256, 192), style: brushwork(256, 192) },
): Promise<Run> {
  const run: Run = { seconds: [], losses: [] };
  let last = CLOCKS.processor();
  await styleTransfer(model, images, {
    preprocessing: PUBLISHED['torchvision/vgg16'].preprocessing,
    every: 1,
    onProgress: ({ losses }) => {
      const now = CLOCKS.processor();
      run.seconds.push((now - last) / 1000);
      last = now;
      run.losses.push(losses.total);
    },
    ...options,
  });
  return run;
}

const heap = () => (backend() as unknown as { wasm: { HEAPU8: Uint8Array } }).wasm.HEAPU8.length / 2 ** 20;

const whole = network(1);
const [tensors, before] = [memory().numTensors, heap()];
const square = { content: landscape(224, 224), style: brushwork(224, 224) };
const { seconds } = await measure(whole, { size: 224, steps: 8, optimizer: 'adam' }, square);
console.log(
  `VGG-16 at 224x224: ${median(seconds.slice(1)).toFixed(2)} processor seconds a step, memory grows by ${Math.round(heap() - before)} MiB, ${memory().numTensors - tensors} tensors left`,
);
whole.dispose();

const narrow = network(4);
for (const [optimizer, learningRate] of [
  ['lbfgs', 1],
  ['adam', 0.02],
  ['adam', 0.05],
] as const) {
  const run = await measure(narrow, {
    optimizer,
    learningRate,
    steps: 200,
    styleWeight: 1e5,
    pooling: 'avg',
  });
  const at = [25, 50, 100, 200].map((step) => (run.losses[step - 1] ?? Number.NaN).toPrecision(3));
  console.log(
    `${optimizer} ${learningRate}: loss after 25, 50, 100, 200 steps: ${at.join(', ')}; ${median(run.seconds).toFixed(2)} processor seconds a step`,
  );
}
narrow.dispose();
