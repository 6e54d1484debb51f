/**
 * Compares this library with stock tfjs, onnxruntime-web, onnxruntime-node and, where installed, PyTorch, Keras, tfjs-node and onnxruntime: building,
 * loading, the first prediction, inference, training steps, memory. Every measurement runs in a process of its own, and
 * the implementations take turns, so that noise on the machine affects all of them alike.
 *
 *     npm run bench -- --python python3 --rounds 3
 *
 * writes bench.json and bench.svg to runs/bench; --help lists the options.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setBackend } from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { Command, Option } from 'commander';
import { paramCount, plan, scaleArch, VGG11, vgg } from 'vgg-blocks';
import { fileSystem, writeFileAtomic } from 'vgg-blocks/node';
import { encodeWeights, toOnnx } from 'vgg-blocks/weights';
import { seededRandom } from '../src/base/random.js';
import { benchChart } from './chart.js';
import { IMPLEMENTATIONS, measure } from './implementations.js';
import { processorName } from './processor.js';
import { type Results, summarize, tableOf } from './results.js';
import { type Measurement, PARTS, type Spec } from './spec.js';
import { CLOCKS, type Clock } from './timing.mjs';

const program = new Command('npm run bench --')
  .option('--rounds <n>', 'processes per measurement', Number, 3)
  .option('--ratio <n>', 'divide every width of VGG-11 by this', Number, 4)
  .option('--size <pixels>', 'height and width of the images', Number, 224)
  .option('--batch <n>', 'batch size', Number, 8)
  .option('--hidden <units>', 'units of each hidden fully connected layer', Number, 4096)
  .option('--seconds <n>', 'how long to measure inference and training in each process', Number, 3)
  .addOption(
    new Option('--clock <name>', 'wall time, or processor time, which other programs affect less')
      .choices(Object.keys(CLOCKS))
      .default('wall'),
  )
  .option('--threads <n>', 'threads of the implementations that have several', Number, 1)
  .option(
    '--python <program>',
    'a Python with torch and safetensors, Keras on TensorFlow, or onnxruntime',
    'python3',
  )
  .option('--software', 'measure WebGPU on a software driver too')
  .addOption(
    new Option('--only <names>', 'implementations whose names contain one of these, separated by commas'),
  )
  .option('--out <folder>', 'folder for bench.json and bench.svg', 'runs/bench')
  .parse();

const options = program.opts<{
  rounds: number;
  ratio: number;
  size: number;
  batch: number;
  hidden: number;
  seconds: number;
  clock: Clock;
  threads: number;
  python: string;
  software?: true;
  only?: string;
  out: string;
}>();

/** Writes the network in the format of each implementation, and the images. */
async function writeFiles(spec: Spec): Promise<void> {
  const { arch, inputShape, classes, hiddenUnits, folder, batchSize } = spec;
  await setBackend('cpu');
  const model = vgg(arch, { inputShape, classes, hiddenUnits, initializer: 'heUniform' });
  writeFileSync(join(folder, 'network.safetensors'), await encodeWeights(model));
  await model.save(fileSystem(join(folder, 'tfjs')));
  writeFileSync(join(folder, 'network.onnx'), await toOnnx(model));
  writeFileSync(join(folder, 'network.keras'), await encodeWeights(model, { container: 'keras' }));
  model.dispose();
  const count = batchSize * inputShape[0] * inputShape[1] * inputShape[2];
  const random = seededRandom(1);
  const numbers = Float32Array.from({ length: count }, () => random.next());
  writeFileSync(join(folder, 'images.bin'), new Uint8Array(numbers.buffer));
}

async function compare(): Promise<void> {
  const spec: Spec = {
    arch: scaleArch(VGG11, options.ratio),
    inputShape: [options.size, options.size, 1],
    classes: 10,
    hiddenUnits: options.hidden,
    batchSize: options.batch,
    seconds: options.seconds,
    threads: options.threads,
    clock: options.clock,
    folder: mkdtempSync(join(tmpdir(), 'vgg-bench-')),
    software: options.software ?? false,
  };
  const { arch, inputShape, classes, hiddenUnits } = spec;
  const { total } = paramCount(plan(arch, { inputShape, classes, hiddenUnits }));
  const wanted = options.only?.split(/,(?! )/);
  const implementations = IMPLEMENTATIONS.filter(
    ({ name }) => !wanted || wanted.some((part) => name.includes(part.trim())),
  );
  const measurements = new Map(implementations.map(({ name }) => [name, [] as Measurement[]]));
  const missing = new Set<string>();
  try {
    await writeFiles(spec);
    for (let round = 1; round <= options.rounds; round++) {
      for (const one of implementations) {
        for (const part of PARTS) {
          const key = `${one.name} ${part}`;
          if (missing.has(key)) continue;
          const measurement = measure(one, part, spec, options.python);
          measurements.get(one.name)!.push(measurement);
          if (measurement.absent) missing.add(key);
        }
        console.error(`round ${round} of ${options.rounds}: ${one.name}`);
      }
    }
  } finally {
    rmSync(spec.folder, { recursive: true, force: true });
  }
  const { folder, software, ...network } = spec;
  const results: Results = {
    title: `VGG-11${options.ratio === 1 ? '' : `/${options.ratio}`}, ${(total / 1e6).toFixed(1)} M weights, ${options.size}x${options.size}, batch ${options.batch}`,
    network,
    machine: {
      cpu: processorName(),
      cores: cpus().length,
      node: process.version,
      load: loadavg()[0]!,
    },
    rounds: options.rounds,
    implementations: implementations.map(({ name, ours }) =>
      summarize(name, ours, measurements.get(name)!, spec.batchSize),
    ),
  };
  mkdirSync(options.out, { recursive: true });
  await writeFileAtomic(join(options.out, 'bench.json'), `${JSON.stringify(results, null, 2)}\n`);
  await writeFileAtomic(join(options.out, 'bench.svg'), benchChart(results));
  console.log(tableOf(results));
  console.log(`\nbench.json and bench.svg are in ${options.out}`);
}

await compare();
