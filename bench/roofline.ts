/**
 * What bounds each layer of VGG-11 on the wasm backend on one thread, and how close it comes to the machine's limit. The
 * work follows from `plan()`; the peaks and the layers' times are measured. Prints a table, and writes it and its figure to
 * docs/roofline.md if that page has a section for the machine's processor.
 *
 *     npm run bench:roofline -- --ratio 1 --batch 8 --python python3
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import '@tensorflow/tfjs-backend-wasm';
import { dispose, randomUniform, setBackend, type Tensor } from '@tensorflow/tfjs-core';
import { Command } from 'commander';
import { plan, scaleArch, VGG11, vgg } from 'vgg-blocks';
import { writeFileAtomic } from 'vgg-blocks/node';
import { installWasmKernels } from 'vgg-blocks/wasm';
import { markdownTable } from '../src/figures/table.js';
import { shown } from './figure.js';
import { measurePeaks } from './peaks.js';
import { processorName } from './processor.js';
import { type Roof, rooflineChart } from './rooflineChart.js';
import { type RooflineRow, rooflineRow, workOf } from './rooflineRows.js';
import { timesOf } from './timing.mjs';

const options = new Command('npm run bench:roofline --')
  .option('--ratio <n>', 'divide every width of VGG-11 by this', Number, 1)
  .option('--size <pixels>', 'height and width of the images', Number, 224)
  .option('--batch <n>', 'batch size', Number, 8)
  .option('--runs <n>', 'runs of each layer', Number, 5)
  .option(
    '--python <program>',
    "a Python with torch, to measure the processor's own peak by a matrix product",
  )
  .parse()
  .opts<{ ratio: number; size: number; batch: number; runs: number; python?: string }>();

/** Milliseconds of the fastest run of each layer, on the output of the layer before it. */
async function layerTimes(arch: typeof VGG11): Promise<Map<string, number>> {
  const model = vgg(arch, { inputShape: [options.size, options.size, 1] });
  let x: Tensor = randomUniform([options.batch, options.size, options.size, 1], 0, 1, 'float32', 1);
  const times = new Map<string, number>();
  for (const layer of model.layers.slice(1)) {
    let y = layer.apply(x) as Tensor;
    const run = () => {
      y = layer.apply(x) as Tensor;
    };
    const [fastest] = await timesOf(run, {
      clock: 'processor',
      runs: options.runs,
      beforeEach: () => y.dispose(),
    });
    times.set(layer.name, fastest!);
    x.dispose();
    x = y;
  }
  dispose(x);
  model.dispose();
  return times;
}

/** The processor's peak outside WebAssembly: PyTorch's product of two matrices on one thread. */
const MATRIX_PRODUCT = `
import time, torch
torch.set_num_threads(1)
a, b = torch.rand(1024, 1024), torch.rand(1024, 1024)
best = 1e9
for _ in range(40):
    start = time.process_time(); a @ b; best = min(best, time.process_time() - start)
print(2 * 1024 ** 3 / best / 1e9)
`;

function nativePeak(python: string): number {
  const { stdout, status, stderr } = spawnSync(python, ['-c', MATRIX_PRODUCT], { encoding: 'utf8' });
  if (status !== 0)
    throw new Error(`${python} could not measure a matrix product; it needs torch.\n${stderr}`);
  return Number(stdout);
}

function tableOf(rows: readonly RooflineRow[]): string {
  const line = (row: Omit<RooflineRow, 'kind' | 'outputShape' | 'bound'> & { bound?: string }) => {
    const { name, flops, bytes, bound = '', minimumMs, measuredMs } = row;
    const numbers = [minimumMs, measuredMs, flops / measuredMs / 1e6].map(shown);
    const limit = `${Math.round((100 * minimumMs) / measuredMs)} %`;
    return [name, ...[flops / 1e6, bytes / 1e6, flops / bytes].map(shown), bound, ...numbers, limit];
  };
  const sum = (of: (row: RooflineRow) => number) => rows.reduce((total, row) => total + of(row), 0);
  const measures = ['minimum ms', 'measured ms', 'GFLOP/s', 'of its limit'];
  return markdownTable([
    ['layer', 'MFLOP', 'MB', 'FLOP per byte', 'bound by', ...measures],
    ...rows.map(line),
    line({
      name: 'all',
      flops: sum(({ flops }) => flops),
      bytes: sum(({ bytes }) => bytes),
      minimumMs: sum(({ minimumMs }) => minimumMs),
      measuredMs: sum(({ measuredMs }) => measuredMs),
    }),
  ]);
}

installWasmKernels();
await setBackend('wasm');
const arch = scaleArch(VGG11, options.ratio);
const peaks = await measurePeaks();
const native = options.python && nativePeak(options.python);
const times = await layerTimes(arch);
const rows = workOf(plan(arch, { inputShape: [options.size, options.size, 1] }), options.batch).map((work) =>
  rooflineRow(work, peaks, times.get(work.name)!),
);
const roofs: Roof[] = [
  { name: peaks.fused ? 'WebAssembly, relaxed SIMD' : 'WebAssembly, 128-bit SIMD', ...peaks },
  ...(native ? [{ name: 'processor (PyTorch)', gflops: native, gigabytes: peaks.gigabytes }] : []),
];
const network = `VGG-11${options.ratio === 1 ? '' : `/${options.ratio}`}, ${options.size}x${options.size}, batch ${options.batch}`;
const processor = processorName();
const machine = `${network}; one thread of ${processor}, Node ${process.version}; ${roofs
  .map(({ name, gflops, gigabytes }) => `${name} ${shown(gflops)} GFLOP/s and ${shown(gigabytes)} GB/s`)
  .join('; ')}.`;
const file = (name: string) => fileURLToPath(new URL(`../docs/${name}`, import.meta.url));
const page = readFileSync(file('roofline.md'), 'utf8');
const [start, end] = [`<!-- roofline: ${processor} -->\n`, `<!-- /roofline: ${processor} -->`];
const [before, after] = [page.split(start)[0]!, page.split(end)[1]];
const figure = `figures/roofline-${processor.toLowerCase().replaceAll(' ', '-')}.svg`;
const section = `![Layers of VGG-11 and the roofline of ${processor}](${figure})\n\n${machine}\n\n${tableOf(rows)}`;
if (after !== undefined) {
  await writeFileAtomic(
    file(figure),
    rooflineChart(`${network}, ${processor}: each layer and the roof of one thread`, roofs, rows),
  );
  await writeFileAtomic(file('roofline.md'), `${before}${start}\n${section}\n\n${end}${after}`);
}
console.log(`${machine}\n\n${tableOf(rows)}`);
