/**
 * Compares tfjs's WebGPU backend alone with this library's kernels and PyTorch on CUDA, for VGG-11/4: examples per second of training
 * and prediction over batch sizes, and milliseconds of the dense layers' products. Prints one JSON; each row also goes to the
 * standard error as soon as it is known.
 *
 *     npm run bench:webgpu -- [--batches 128,32,512,8] [--size 224] [--ratio 4] [--seconds 1] [--budget 180] [--out results.json]
 *       [--flags backend=vulkan]
 *     npm run bench:webgpu -- --check
 *
 * The kernels are `stock` (tfjs's), `ours`, `winograd` and `float16` (with these options), and PyTorch's. `--seconds` is the time of
 * one measurement after its warm-up, and no measurement starts after `--budget` seconds, which is all in all: the parts come in the
 * order of what is missing most. `--out` is written again with each row, so that it has all of a run that is cut off. `--parts`
 * chooses among training, prediction, torch, options (the options of the kernels), stock (training with tfjs's kernels, the
 * slowest), trials (what the kernels' trials measured), products, and layers (each layer's kernels at the first batch size; not by
 * default). `--python` is one with PyTorch. `--check` compares the kernels with the backend's own and with the cpu backend instead.
 *
 * For a machine without the repository, esbuild makes one file of it, to be run beside `dist/linux-x64/dawn.node` of the package
 * webgpu, `webgpuTorch.py` and `pytorch.py`:
 *
 *     npx esbuild bench/webgpu.ts --bundle --platform=node --format=esm --main-fields=module,main --outfile=gpu/bench.mjs \
 *       --banner:js="const require = process.getBuiltinModule('module').createRequire(import.meta.url);"
 */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { scaleArch, VGG11, vgg } from 'vgg-blocks';
import { ImageSet } from 'vgg-blocks/data';
import { webgpuBackend } from 'vgg-blocks/node';
import { train } from 'vgg-blocks/train';
import { installWebgpuKernels, type WebgpuKernelOptions } from 'vgg-blocks/webgpu';
import type { WebgpuBackend } from '../src/webgpu/backend.js';
import { trialsOn } from '../src/webgpu/tuner.js';

const { values: args } = parseArgs({
  options: {
    batches: { type: 'string', default: '128,32,512,8' },
    size: { type: 'string', default: '224' },
    ratio: { type: 'string', default: '4' },
    hidden: { type: 'string', default: '4096' },
    seconds: { type: 'string', default: '1' },
    budget: { type: 'string', default: '180' },
    parts: { type: 'string', default: 'training,prediction,torch,options,stock,trials,products' },
    out: { type: 'string' },
    python: { type: 'string', default: 'python3' },
    flags: { type: 'string', default: 'disable-dawn-features=timestamp_quantization' },
    check: { type: 'boolean', default: false },
  },
});
const [size, ratio, seconds, budget] = [args.size, args.ratio, args.seconds, args.budget].map(Number) as [
  number,
  number,
  number,
  number,
];

const began = performance.now();
const elapsed = () => (performance.now() - began) / 1000;
const say = (what: object) => console.error(`${elapsed().toFixed(1)} s: ${JSON.stringify(what)}`);

const adapter = await webgpuBackend({ flags: args.flags.split(',').filter(Boolean) });
const tf = await import('@tensorflow/tfjs-core');
await import('@tensorflow/tfjs-backend-cpu');
await tf.setBackend('webgpu');
const backend = tf.backend() as unknown as {
  queue: { submit(buffers: unknown[]): void };
  bufferManager: { freeBuffers: Map<string, { size: number; destroy(): void }[]>; numBytesAllocated: number };
};
say({ adapter });

let submissions = 0;
const { queue } = backend;
const submit = queue.submit.bind(queue);
queue.submit = (buffers) => {
  submissions++;
  submit(buffers);
};

/** The library's kernels, by name: their options. */
const KERNELS = {
  ours: {},
  winograd: { winograd: true },
  float16: { precision: 'float16' },
} satisfies Record<string, WebgpuKernelOptions>;

/** Runs work with this library's kernels, or with the backend's own. */
async function withKernels<T>(kernels: keyof typeof KERNELS | 'stock', work: () => Promise<T>): Promise<T> {
  const uninstall = kernels === 'stock' ? undefined : installWebgpuKernels(KERNELS[kernels]);
  try {
    return await work();
  } finally {
    uninstall?.();
    freePool();
  }
}

/** tfjs keeps the buffers of every size that it has ever needed. */
function freePool(): void {
  for (const buffers of backend.bufferManager.freeBuffers.values()) {
    for (const buffer of buffers.splice(0)) {
      backend.bufferManager.numBytesAllocated -= buffer.size;
      buffer.destroy();
    }
  }
}

/** Noise of two classes, so that the loss soon differs from that of guessing among ten. */
function images(count: number): ImageSet {
  let state = 1;
  const bytes = new Uint8Array(count * 28 * 28).map(() => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
  const labels = new Uint8Array(count).map((_, i) => i % 2);
  const classNames = Array.from('0123456789');
  return new ImageSet({ images: bytes, labels, shape: [28, 28, 1], classNames }).resize(size);
}

interface Rate {
  examplesPerSecond: number;
  millisecondsPerStep: number;
  submissionsPerStep: number;
}

type Network = ReturnType<typeof vgg>;

/**
 * Examples per second of `train` with SGD on images that are resized on the device. Two epochs are compared, so that what `train`
 * does once an epoch, such as looking at all weights, is not counted.
 *
 * @param steps the difference of those epochs, if it is not to fill the time.
 */
async function trainingRate(
  model: Network,
  batchSize: number,
  steps?: number,
): Promise<Rate & { loss: number }> {
  const epoch = async (steps: number) => {
    const trainSet = images(steps * batchSize);
    submissions = 0;
    const options = { batchSize, epochs: 1, learningRate: 0.01, optimizer: 'sgd' } as const;
    const { seconds, loss } = (await train(model, { trainSet }, options)).epochs[0]!;
    return { seconds, loss, submissions };
  };
  const difference = async (steps: number) => {
    const [short, long] = [await epoch(1), await epoch(1 + steps)];
    const seconds = long.seconds - short.seconds;
    const submitted = long.submissions - short.submissions;
    return { ...rate((steps * batchSize) / seconds, batchSize, steps, submitted), loss: long.loss };
  };
  // The first steps compile, allocate and try variants.
  await epoch(steps ?? 3);
  if (steps) return difference(steps);
  const { millisecondsPerStep } = await difference(8);
  return difference(
    Math.max(8, Math.min(500, Math.round((1000 * seconds) / Math.max(1, millisecondsPerStep)))),
  );
}

/** Examples per second of `predict` on images that are on the device. */
async function predictionRate(model: Network, batchSize: number): Promise<Rate> {
  const x = tf.randomUniform([batchSize, size, size, 1], 0, 1, 'float32', 1);
  const run = async (times: number) => {
    submissions = 0;
    const start = performance.now();
    let last: import('@tensorflow/tfjs-core').Tensor | undefined;
    for (let i = 0; i < times; i++) {
      last?.dispose();
      last = model.predict(x, { batchSize }) as import('@tensorflow/tfjs-core').Tensor;
    }
    await last!.data();
    last!.dispose();
    return (performance.now() - start) / 1000;
  };
  try {
    await run(3);
    const times = Math.max(2, Math.min(500, Math.round((seconds * 4) / (await run(4)))));
    return rate((times * batchSize) / (await run(times)), batchSize, times);
  } finally {
    x.dispose();
  }
}

function rate(examplesPerSecond: number, batchSize: number, steps: number, submitted = submissions): Rate {
  return {
    examplesPerSecond: Number(examplesPerSecond.toPrecision(4)),
    millisecondsPerStep: Number(((1000 * batchSize) / examplesPerSecond).toPrecision(4)),
    submissionsPerStep: Number((submitted / steps).toPrecision(3)),
  };
}

/** Keeps the device busy for half a second, so that its clock is up; a processor's is. */
async function warmUp(): Promise<void> {
  if (adapter.software) return;
  const a = tf.ones([1024, 1024]);
  for (const start = performance.now(); performance.now() - start < 500; ) {
    const product = tf.matMul(a, a);
    await product.data();
    product.dispose();
  }
  a.dispose();
}

const failure = (error: unknown) => ({ error: error instanceof Error ? error.message : String(error) });

if (args.check) {
  const { check } = await import('./webgpuCheck.js');
  const failures = await check(say);
  console.log(JSON.stringify({ adapter, failures }));
  process.exit(failures.length > 0 ? 1 : 0);
}

const batches = args.batches.split(',').map(Number);
const arch = scaleArch(VGG11, ratio);
const hidden = Number(args.hidden);
const model = vgg(arch, { inputShape: [size, size, 1], hiddenUnits: hidden });
say({ built: model.countParams() });
const rows: object[] = [];
const report = () =>
  JSON.stringify({ adapter, node: process.version, network: `VGG-11/${ratio}, ${size}x${size}x1`, rows });

function addRow(row: object): void {
  say(row);
  rows.push(row);
  if (args.out) writeFileSync(args.out, report());
}

/** Adds one measurement, unless the time is up; one that fails is a result, too. */
async function add(what: object, work: () => Promise<object>): Promise<void> {
  const over = elapsed() > budget;
  if (!over) await warmUp();
  addRow({
    ...what,
    ...(over ? { error: `not measured: ${budget} s are over` } : await work().catch(failure)),
  });
}

const training = (batch: number, kernels: keyof typeof KERNELS | 'stock', steps?: number) =>
  add({ part: 'training', batch, kernels }, () =>
    withKernels(kernels, () => trainingRate(model, batch, steps)),
  );

const prediction = (batch: number, kernels: keyof typeof KERNELS | 'stock') =>
  add({ part: 'prediction', batch, kernels }, () => withKernels(kernels, () => predictionRate(model, batch)));

const PARTS: Record<string, () => Promise<void>> = {
  async training() {
    for (const batch of batches) await training(batch, 'ours');
  },
  async prediction() {
    for (const batch of [1, ...batches]) {
      for (const kernels of ['ours', 'stock'] as const) await prediction(batch, kernels);
    }
  },
  async torch() {
    const given = [arch, size, hidden, batches, seconds].map((argument) => JSON.stringify(argument));
    const script = fileURLToPath(new URL('webgpuTorch.py', import.meta.url));
    freePool();
    const child = spawn(args.python, [script, ...given], {
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: Math.max(1, Math.round(1000 * (budget - elapsed()))),
    });
    child.once('error', (error) => say(failure(error)));
    for await (const line of createInterface({ input: child.stdout })) addRow(JSON.parse(line) as object);
  },
  async options() {
    for (const batch of batches) await training(batch, 'winograd');
    for (const batch of [1, ...batches]) {
      await prediction(batch, 'winograd');
      // Only few rows read weights in half precision.
      if (batch <= 32) await prediction(batch, 'float16');
    }
  },
  async stock() {
    // A step of 128 images takes seconds, even on a large GPU.
    for (const batch of batches.toSorted((a, b) => a - b)) await training(batch, 'stock', 2);
  },
  async trials() {
    for (const [key, { variants, chosen, milliseconds }] of trialsOn(backend as unknown as WebgpuBackend)) {
      const names = variants.map(variantName);
      addRow({
        ...{ part: 'trial', key, table: names[0], chosen: names[chosen] },
        milliseconds: Object.fromEntries(names.map((name, i) => [name, short(milliseconds?.[i])])),
      });
    }
  },
  async products() {
    const { productTimes } = await import('./webgpuProducts.js');
    const inputs = (arch.at(-1)![1] * Math.floor(size / 2 ** arch.length) ** 2) as number;
    const layers = { fc1: [inputs, hidden], fc2: [hidden, hidden], predictions: [hidden, 10] } as const;
    for (const batch of [64, ...batches].filter((rows) => rows >= 32)) {
      for (const [layer, [inputs, outputs]] of Object.entries(layers)) {
        await add({ part: 'products', batch, layer }, () => productTimes(batch, inputs, outputs));
      }
    }
    freePool();
  },
  async layers() {
    const { layerTimes } = await import('./webgpuLayers.js');
    const batch = batches[0]!;
    await add({ part: 'layers', batch }, async () => ({
      milliseconds: await layerTimes(ratio, size, batch),
    }));
    freePool();
  },
};
// In the order of the option.
for (const part of args.parts.split(',')) await PARTS[part]!();
console.log(report());
process.exit(0);

/** A variant of a trial, such as `128x64` for tiles of a product, or `F(4) 128x64` for those of Winograd's algorithm. */
function variantName(variant: unknown): string {
  const { outputs, tile, ...own } = variant as {
    outputs?: number;
    tile?: { rows: number; columns: number };
    m?: number;
    n?: number;
    rows?: number;
    columns?: number;
  };
  const { rows, columns } = tile ?? { rows: own.m ?? own.rows, columns: own.n ?? own.columns };
  return `${outputs ? `F(${outputs}) ` : ''}${rows}x${columns}`;
}

function short(milliseconds: number | undefined): number | undefined {
  return milliseconds && Number(milliseconds.toPrecision(3));
}
