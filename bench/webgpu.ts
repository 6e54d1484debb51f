/**
 * Compares tfjs's WebGPU backend alone with this library's kernels: examples per second of training and prediction of VGG-11/4 over
 * batch sizes, and milliseconds of each layer's kernels. Prints one JSON; what is known so far goes to the standard error.
 *
 *     npm run bench:webgpu -- [--batches 8,32,128,512] [--size 224] [--ratio 4] [--seconds 2] [--budget 300] [--flags backend=vulkan]
 *     npm run bench:webgpu -- --check
 *
 * `--seconds` is the time of one measurement after its warm-up, and no measurement starts after `--budget` seconds. `--check`
 * compares the kernels with the backend's own and with the cpu backend instead. `--parts` chooses among training, prediction and
 * layers; the layers are those of the first batch size.
 *
 * For a machine without the repository, esbuild makes one file of it, to be run beside `dist/linux-x64/dawn.node` of the package webgpu:
 *
 *     npx esbuild bench/webgpu.ts --bundle --platform=node --format=esm --main-fields=module,main --outfile=gpu/bench.mjs \
 *       --banner:js="const require = process.getBuiltinModule('module').createRequire(import.meta.url);"
 */
import { parseArgs } from 'node:util';
import { scaleArch, VGG11, vgg } from 'vgg-blocks';
import { ImageSet } from 'vgg-blocks/data';
import { webgpuBackend } from 'vgg-blocks/node';
import { train } from 'vgg-blocks/train';
import { installWebgpuKernels } from 'vgg-blocks/webgpu';

const { values: args } = parseArgs({
  options: {
    batches: { type: 'string', default: '128,32,512,8' },
    size: { type: 'string', default: '224' },
    ratio: { type: 'string', default: '4' },
    hidden: { type: 'string', default: '4096' },
    seconds: { type: 'string', default: '2' },
    budget: { type: 'string', default: '300' },
    parts: { type: 'string', default: 'training,prediction,layers' },
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

/** Runs work with this library's kernels, or without. */
async function withKernels<T>(ours: boolean, work: () => Promise<T>): Promise<T> {
  const uninstall = ours ? installWebgpuKernels() : undefined;
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

/** Examples per second of `train` with SGD on images that are resized on the device. */
async function trainingRate(model: Network, batchSize: number): Promise<Rate & { loss: number }> {
  // The first steps of an epoch try tiles, compile and allocate, so epochs grow until one takes as long as it should.
  for (let steps = 2; ; ) {
    const trainSet = images(steps * batchSize);
    submissions = 0;
    const options = { batchSize, epochs: 1, learningRate: 0.01, optimizer: 'sgd' } as const;
    const row = (await train(model, { trainSet }, options)).epochs[0]!;
    if (row.seconds >= seconds) return { ...rate(row.examplesPerSecond, batchSize, steps), loss: row.loss };
    steps = Math.ceil(steps * Math.min(10, Math.max(1.5, (1.2 * seconds) / row.seconds)));
  }
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
    await run(2);
    const times = Math.max(2, Math.min(200, Math.round(seconds / (await run(1)))));
    return rate((times * batchSize) / (await run(times)), batchSize, times);
  } finally {
    x.dispose();
  }
}

function rate(examplesPerSecond: number, batchSize: number, steps: number): Rate {
  return {
    examplesPerSecond: Number(examplesPerSecond.toPrecision(4)),
    millisecondsPerStep: Number(((1000 * batchSize) / examplesPerSecond).toPrecision(4)),
    submissionsPerStep: Number((submissions / steps).toPrecision(3)),
  };
}

/** Keeps the device busy for a second, so that its clock is up. */
async function warmUp(): Promise<void> {
  const a = tf.ones([1024, 1024]);
  for (const start = performance.now(); performance.now() - start < 1000; ) {
    const product = tf.matMul(a, a);
    await product.data();
    product.dispose();
  }
  a.dispose();
}

/** Runs one measurement, unless the time is up; one that fails is a result, too. */
async function measure<T extends object>(what: object, work: () => Promise<T>): Promise<object> {
  const over = elapsed() > budget;
  if (!over) await warmUp();
  const result = over ? { error: `not measured: ${budget} s are over` } : await work().catch(failure);
  const row = { ...what, ...result };
  say(row);
  return row;
}

const failure = (error: unknown) => ({ error: error instanceof Error ? error.message : String(error) });

if (args.check) {
  const { check } = await import('./webgpuCheck.js');
  const failures = await check(say);
  console.log(JSON.stringify({ adapter, failures }));
  process.exit(failures.length > 0 ? 1 : 0);
}

const parts = args.parts.split(',');
const batches = args.batches.split(',').map(Number);
const model = vgg(scaleArch(VGG11, ratio), { inputShape: [size, size, 1], hiddenUnits: Number(args.hidden) });
say({ built: model.countParams() });
const rows: object[] = [];
for (const [place, batch] of batches.entries()) {
  for (const kernels of ['ours', 'stock'] as const) {
    const run = (part: string, work: () => Promise<object>) =>
      measure({ part, batch, kernels }, () => withKernels(kernels === 'ours', work));
    if (parts.includes('training')) rows.push(await run('training', () => trainingRate(model, batch)));
    if (parts.includes('prediction')) rows.push(await run('prediction', () => predictionRate(model, batch)));
  }
  if (place === 0 && parts.includes('layers')) {
    const { layerTimes } = await import('./webgpuLayers.js');
    rows.push(
      await measure({ part: 'layers', batch }, async () => ({
        milliseconds: await layerTimes(ratio, size, batch),
      })),
    );
    freePool();
  }
}
console.log(
  JSON.stringify({ adapter, node: process.version, network: `VGG-11/${ratio}, ${size}x${size}x1`, rows }),
);
process.exit(0);
