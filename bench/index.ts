/**
 * This library beside tfjs, onnxruntime-web, and PyTorch, tfjs-node and onnxruntime where they are installed: building,
 * loading, the first prediction, inference, training steps, memory. Every measurement is a process of its own, and the
 * sides take turns, so that the noise of the machine falls on all alike.
 *
 *     npm run bench -- --python python3 --rounds 3
 *
 * writes bench.json and bench.svg to runs/bench; --help tells the options.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setBackend } from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { Command, Option } from 'commander';
import { paramCount, plan, scaleArch, VGG11, vgg } from 'vgg-blocks';
import { fileSystem, writeFileAtomic } from 'vgg-blocks/node';
import { encodeWeights } from 'vgg-blocks/weights';
import { benchChart } from './chart.js';
import { writeOnnx } from './onnx.js';
import { type Results, type SideResults, summarize, tableOf } from './results.js';
import { measure, SIDES } from './sides.js';
import { CLOCKS, type Clock, type Found, PARTS, type Spec } from './spec.js';

const program = new Command('npm run bench --')
  .option('--rounds <n>', 'processes of each part and side', Number, 3)
  .option('--ratio <n>', 'divide every width of VGG-11 by this', Number, 4)
  .option('--size <pixels>', 'height and width of the pictures', Number, 224)
  .option('--batch <n>', 'examples at a time', Number, 8)
  .option('--hidden <units>', 'units of the hidden fully connected layers', Number, 4096)
  .option('--seconds <n>', 'how long inference and training are each measured in a process', Number, 3)
  .addOption(
    new Option('--clock <which>', "the clock's time, or the processor's, which other programs disturb less")
      .choices(CLOCKS)
      .default('wall'),
  )
  .option('--threads <n>', 'threads of the sides that have several', Number, 1)
  .option('--python <program>', 'a Python with torch and safetensors, or onnxruntime', 'python3')
  .option('--software', 'measure WebGPU on a driver in software too')
  .addOption(new Option('--only <names>', 'sides whose name has one of these, separated by commas'))
  .option('--out <folder>', 'where bench.json and bench.svg go', 'runs/bench')
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

/** The network's files, in every format that a side takes, and the pictures. */
async function writeFiles(spec: Spec): Promise<void> {
  const { arch, inputShape, classes, hiddenUnits, folder, batchSize } = spec;
  await setBackend('cpu');
  const model = vgg(arch, { inputShape, classes, hiddenUnits, initializer: 'heUniform' });
  const safetensors = join(folder, 'network.safetensors');
  writeFileSync(safetensors, await encodeWeights(model));
  await model.save(fileSystem(join(folder, 'tfjs')));
  writeOnnx(spec, safetensors, join(folder, 'network.onnx'));
  model.dispose();
  const count = batchSize * inputShape[0] * inputShape[1] * inputShape[2];
  let word = 1;
  const numbers = Float32Array.from({ length: count }, () => {
    word = (Math.imul(word, 1664525) + 1013904223) >>> 0;
    return word / 2 ** 32;
  });
  writeFileSync(join(folder, 'pictures.bin'), new Uint8Array(numbers.buffer));
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
  const wanted = options.only?.split(',');
  const sides = SIDES.filter(({ name }) => !wanted || wanted.some((part) => name.includes(part.trim())));
  const found = new Map(sides.map(({ name }) => [name, [] as Found[]]));
  const missing = new Set<string>();
  try {
    await writeFiles(spec);
    for (let round = 1; round <= options.rounds; round++) {
      for (const side of sides) {
        for (const part of PARTS) {
          const key = `${side.name} ${part}`;
          if (missing.has(key)) continue;
          const one = measure(side, part, spec, options.python);
          found.get(side.name)!.push(one);
          // What is not here in the first round is not here in the others.
          if (one.absent) missing.add(key);
        }
        console.error(`round ${round} of ${options.rounds}: ${side.name}`);
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
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      node: process.version,
      load: loadavg()[0]!,
    },
    rounds: options.rounds,
    sides: sides.map(
      ({ name, ours }): SideResults => summarize(name, ours, found.get(name)!, spec.batchSize),
    ),
  };
  mkdirSync(options.out, { recursive: true });
  await writeFileAtomic(join(options.out, 'bench.json'), `${JSON.stringify(results, null, 2)}\n`);
  await writeFileAtomic(join(options.out, 'bench.svg'), benchChart(results));
  console.log(tableOf(results));
  console.log(`\nbench.json and bench.svg are in ${options.out}`);
}

await compare();
