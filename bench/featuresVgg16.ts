/**
 * The convolutions of VGG-16 alone, with random weights, converted by the command to quantized tfjs models: processor time, memory and
 * bytes, and how near the features come to those of float32, as plain tfjs computes them in Chromium.
 *
 *     npm run bench:features-vgg16
 */
import '@tensorflow/tfjs-backend-wasm';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants } from 'node:zlib';
import { randomUniform, setBackend, type Tensor } from '@tensorflow/tfjs-core';
import { VGG16, vgg } from 'vgg-blocks';
import { installWasmKernels } from 'vgg-blocks/wasm';
import { encodeWeights, fromWeights, QUANTIZED_DTYPES } from 'vgg-blocks/weights';
import { table } from '../src/figures/table.js';
import { inChromium } from './plainTfjs.js';
import { processorName } from './processor.js';

installWasmKernels();
await setBackend('wasm');
const folder = mkdtempSync(join(tmpdir(), 'features-'));
const file = join(folder, 'vgg16.safetensors');
const model = vgg(VGG16, { inputShape: [224, 224, 3], classes: 1000, initializer: 'heNormal', seed: 0 });
writeFileSync(file, await encodeWeights(model));
model.dispose();
console.log(
  `${processorName()}, Node ${process.version}, one thread; VGG-16 of ${(statSync(file).size / 1e6).toFixed(0)} MB`,
);

const { model: whole } = await fromWeights(file, { includeTop: false, inputShape: [224, 224, 3] });
const image = randomUniform([1, 224, 224, 3], -1, 1, 'float32', 1);
const exact = await (whole.predict(image) as Tensor).data();

const rows = [
  [
    '',
    'MB',
    'brotli',
    'processor time, s',
    'memory, GiB',
    'largest error',
    'cosine',
    'plain tfjs in Chromium: load, ms',
    'prediction, ms',
  ],
];
for (const type of QUANTIZED_DTYPES) {
  const out = join(folder, type);
  mkdirSync(out);
  const { seconds, memory } = converted(join(out, 'model'), type);
  const files = readdirSync(join(out, 'model')).map((name) => readFileSync(join(out, 'model', name)));
  const bytes = files.reduce((sum, one) => sum + one.length, 0);
  const brotli = files.reduce(
    (sum, one) => sum + brotliCompressSync(one, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } }).length,
    0,
  );
  const { outputs, loadMs, firstMs } = await inChromium(
    out,
    "tf.randomUniform([1, 224, 224, 3], -1, 1, 'float32', 1)",
  );
  const { largest, cosine } = compared(outputs, exact);
  rows.push([
    type,
    (bytes / 1e6).toFixed(1),
    (brotli / 1e6).toFixed(1),
    seconds.toFixed(1),
    memory.toFixed(2),
    largest.toExponential(1),
    `1 - ${(1 - cosine).toExponential(0)}`,
    loadMs.toFixed(0),
    firstMs.toFixed(0),
  ]);
}
console.log(table(rows));
rmSync(folder, { recursive: true });

/** Runs the command as a user would. */
function converted(out: string, type: string): { seconds: number; memory: number } {
  const main = fileURLToPath(new URL('../dist/cli.js', import.meta.url));
  const report = join(folder, 'usage.json');
  const code = `import { writeFileSync } from 'node:fs'; process.on('exit', () => writeFileSync(${JSON.stringify(report)}, JSON.stringify(process.resourceUsage())))`;
  const told = execFileSync(process.execPath, [
    ...['--import', `data:text/javascript,${encodeURIComponent(code)}`, main],
    ...['convert', file, out, '--features-only', '--quantize', type],
  ]);
  console.log(told.toString().trim().replaceAll(folder, ''));
  const usage = JSON.parse(readFileSync(report, 'utf8'));
  return {
    seconds: (usage.userCPUTime + usage.systemCPUTime) / 1e6,
    memory: usage.maxRSS / 2 ** 20,
  };
}

function compared(values: ArrayLike<number>, exact: ArrayLike<number>): { largest: number; cosine: number } {
  let [worst, largest, dot, a, b] = [0, 0, 0, 0, 0];
  for (let i = 0; i < exact.length; i++) {
    const [one, other] = [values[i]!, exact[i]!];
    worst = Math.max(worst, Math.abs(one - other));
    largest = Math.max(largest, Math.abs(other));
    [dot, a, b] = [dot + one * other, a + one * one, b + other * other];
  }
  return { largest: worst / largest, cosine: dot / Math.sqrt(a * b) };
}
