/**
 * A round trip through PyTorch: a narrow VGG-11 is trained on tfjs, saved with torchvision's names, trained further by
 * `examples/pytorch/train_ddp.py` on two processes, loaded again and tested.
 *
 *     npm run example -- examples/pytorch-round-trip.ts [python] [processes]
 *
 * Python needs torch, numpy and safetensors. docs/weights.md shows how to run the same on many GPUs.
 */
import '@tensorflow/tfjs-backend-wasm';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setBackend, slice, type Tensor, tidy, transpose } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { scaleArch, VGG11, vgg } from 'vgg-blocks';
import { garments } from 'vgg-blocks/data';
import { evaluate, train } from 'vgg-blocks/train';
import { installWasmKernels } from 'vgg-blocks/wasm';
import { encodeWeights, fromWeights } from 'vgg-blocks/weights';

const [python = 'python3', processes = '2'] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'round-trip-'));

installWasmKernels();
await setBackend('wasm');
const sets = garments({ trainImages: 2048, testImages: 500 });
const [images, test] = [sets.trainSet.resize(32), sets.testSet.resize(32)];
const arch = scaleArch(VGG11, 8);
const [hiddenUnits, classes] = [64, images.classNames.length];

// torchvision's classifier expects 7x7 features whatever the size of the images, hence adaptivePool.
const model = vgg(arch, {
  inputShape: images.shape,
  classes,
  hiddenUnits,
  adaptivePool: true,
  initializer: 'heUniform',
});
await train(model, { trainSet: images }, { epochs: 3, batchSize: 32, optimizer: 'adam' });
console.log(`tfjs: test accuracy ${percent((await evaluate(model, test)).accuracy)}`);

// To PyTorch: the weights, and the images with their channels first.
writeFileSync(join(folder, 'before.safetensors'), await encodeWeights(model));
const [height, width, channels] = images.shape;
writeFileSync(
  join(folder, 'network.json'),
  JSON.stringify({ blocks: arch, image: [channels, height, width], classes, hiddenUnits }),
);
const [all] = [...images.batches({ batchSize: images.length })];
const channelsFirst = tidy(() => transpose(all!.xs, [0, 3, 1, 2]).dataSync() as Float32Array);
writeFileSync(join(folder, 'images.f32'), channelsFirst);
writeFileSync(join(folder, 'labels.i64'), BigInt64Array.from(images.labels, BigInt));

const script = fileURLToPath(new URL('pytorch/train_ddp.py', import.meta.url));
const launch = ['-m', 'torch.distributed.run', '--standalone', '--nproc-per-node', processes, script, folder];
const { status, error } = spawnSync(python, [...launch, '--epochs', '4', '--lr', '0.02'], {
  stdio: 'inherit',
  env: { ...process.env, OMP_NUM_THREADS: '1' },
});
if (status !== 0)
  throw new Error(
    `${python} failed${error ? `: ${error.message}` : ''}; it needs torch, numpy and safetensors.`,
  );

// Back: the format, the blocks and the number of classes are inferred from the file.
const { model: trained, network } = await fromWeights(join(folder, 'after.safetensors'), {
  inputShape: images.shape,
});
console.log(`back as ${network?.title}: test accuracy ${percent((await evaluate(trained, test)).accuracy)}`);

// Compare PyTorch's logits for the first 16 images, before and after its training, with tfjs's.
const logits = JSON.parse(readFileSync(join(folder, 'logits.json'), 'utf8')) as Record<
  'before' | 'after',
  number[][]
>;
for (const [when, net] of [
  ['before', model],
  ['after', trained],
] as const) {
  const error = difference(net, logits[when].flat());
  console.log(
    `${when} PyTorch's training, logits differ by at most ${error.toExponential(1)} of the largest`,
  );
  if (!(error < 1e-4)) throw new Error(`the networks differ ${when} PyTorch's training`);
}
all!.xs.dispose();
all!.ys.dispose();

/** The largest difference between a model's logits for the first images and the expected ones, relative to the largest logit. */
function difference(net: LayersModel, expected: number[]): number {
  const count = expected.length / classes;
  const actual = tidy(() => (net.predict(slice(all!.xs, 0, count)) as Tensor).dataSync());
  const largest = Math.max(...expected.map(Math.abs));
  return Math.max(...expected.map((value, i) => Math.abs(value - actual[i]!))) / largest;
}

function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(1)} %`;
}
