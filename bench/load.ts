/**
 * How long a full-size VGG-16 takes from a file on disk to the first prediction, and how much memory: this library on
 * the wasm backend and PyTorch, each in a fresh process, in turns. Then the same network as ONNX, by this library alone, and as tfjs
 * models over loopback, of eight shards and quantized: this library and plain tfjs, with the requests and bytes of each. PyTorch writes
 * the first files with random weights, once, into the given folder or a temporary one (4 GB); the others are converted from them.
 *
 *     npm run bench:load -- [rounds] [python] [folder]
 *
 * Warm: the file is in the system's cache. Cold: it was dropped from there.
 */
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { VGG16 } from 'vgg-blocks';
import { table } from '../src/figures/table.js';
import { figureOf, withSpread } from './figure.js';
import { serveFolder } from './loadServer.js';
import { processorName } from './processor.js';

const FILES = ['vgg16.safetensors', 'vgg16-f16.safetensors', 'vgg16.pth', 'vgg16-legacy.pth'];
const script = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** Times in milliseconds. */
interface Sample {
  load: number;
  predict: number;
  /** PyTorch builds the model before it loads; this library builds it while loading. */
  build?: number;
  /** How much the peak of the process's memory grew while loading, in MiB; in JavaScript alone. */
  peak?: number;
}

const javascript = (command: string, ...paths: string[]) =>
  run(process.execPath, [script('loadChild.mjs'), command, ...paths]);

async function compare(rounds: number, python: string, folder: string): Promise<void> {
  const pytorch = (command: string, path: string) =>
    run(python, [script('loadChild.py'), command, JSON.stringify(VGG16), path]);
  const implementations = {
    'vgg-blocks': (path: string) => javascript('measure', path),
    PyTorch: (path: string) => pytorch('measure', path),
  };
  mkdirSync(folder, { recursive: true });
  if (!FILES.every((file) => existsSync(join(folder, file)))) await pytorch('write', folder);
  console.log(
    `VGG-16 from disk on one thread, ${processorName()}, Node ${process.version}; median (minimum to maximum) of ${rounds} fresh processes, in ms and MiB`,
  );
  for (const file of FILES) {
    for (const state of ['warm', 'cold'] as const) {
      const path = join(folder, file);
      const samples: Record<keyof typeof implementations, Sample[]> = { 'vgg-blocks': [], PyTorch: [] };
      for (let round = 0; round < rounds; round++) {
        for (const name of ['vgg-blocks', 'PyTorch'] as const) {
          if (state === 'cold') dropFromCache(path);
          samples[name].push(JSON.parse(await implementations[name](path)));
        }
      }
      console.log(`\n${file}, ${state}\n${describe(samples['vgg-blocks'], samples.PyTorch)}`);
    }
  }
}

function describe(ours: readonly Sample[], theirs: readonly Sample[]): string {
  const figure = (samples: readonly Sample[], of: (sample: Sample) => number | undefined) =>
    figureOf(samples.flatMap((sample) => of(sample) ?? []));
  const cell = (...args: Parameters<typeof figure>) => withSpread(figure(...args));
  const ratio = (of: (sample: Sample) => number, to: (sample: Sample) => number) =>
    (figure(ours, of).median / figure(theirs, to).median).toFixed(2);
  const load = ({ load }: Sample) => load;
  const built = ({ build = 0, load }: Sample) => build + load;
  const total = ({ load, predict }: Sample) => load + predict;
  const rows = [
    ['', 'build', 'load', 'load and predict', 'memory'],
    ['vgg-blocks', '', cell(ours, load), cell(ours, total), cell(ours, ({ peak }) => peak)],
    ['PyTorch', cell(theirs, ({ build }) => build), cell(theirs, load), cell(theirs, total), ''],
  ];
  return `${table(rows)}
our first prediction / their load ${ratio(total, load)}, / their build and load ${ratio(total, built)}; our load / their build and load ${ratio(load, built)}`;
}

/** Drops a file from the system's cache. */
function dropFromCache(path: string): void {
  spawnSync('dd', [`of=${path}`, 'oflag=nocache', 'conv=notrunc,fdatasync', 'count=0', 'status=none']);
}

/** The types of numbers in the ONNX files. */
const ONNX_TYPES = ['float32', 'float16', 'int8'];

/** ONNX files: this library. */
async function measureOnnx(rounds: number, folder: string): Promise<void> {
  const rows = [['', 'load', 'load and predict', 'memory', 'MiB']];
  for (const type of ONNX_TYPES) {
    const path = join(folder, `vgg16-${type}.onnx`);
    if (!existsSync(path)) await javascript('onnx', join(folder, FILES[0]!), path, type);
    const samples: Sample[] = [];
    for (let round = 0; round < rounds; round++) samples.push(JSON.parse(await javascript('measure', path)));
    const cell = (of: (sample: Sample) => number) => withSpread(figureOf(samples.map(of)));
    rows.push([
      ...[type, cell(({ load }) => load), cell(({ load, predict }) => load + predict)],
      ...[cell(({ peak = 0 }) => peak), (statSync(path).size / 2 ** 20).toFixed(0)],
    ]);
  }
  console.log(`\nONNX, warm, vgg-blocks\n${table(rows)}`);
}

/** The tfjs models: one of float32 in eight shards, and quantized ones. */
const TFJS_MODELS = { tfjs: 'float32, eight shards', 'tfjs-float16': 'float16', 'tfjs-uint8': 'uint8' };

/** A tfjs model over loopback: this library and plain tfjs. */
async function compareTfjs(rounds: number, folder: string, name: keyof typeof TFJS_MODELS): Promise<void> {
  const model = join(folder, name);
  if (!existsSync(join(model, 'model.json'))) {
    const file = join(folder, FILES[0]!);
    if (name === 'tfjs') await javascript('split', file, model);
    else await javascript('quantize', file, model, TFJS_MODELS[name]);
  }
  const server = await serveFolder(model);
  try {
    const rows: Record<string, { samples: Sample[]; requests: number; bytes: number }> = {};
    for (let round = 0; round < rounds; round++) {
      for (const [name, command] of Object.entries({ 'vgg-blocks': 'measure', tfjs: 'tfjs' })) {
        const sample = JSON.parse(await javascript(command, `${server.url}model.json`));
        rows[name] = { samples: [...(rows[name]?.samples ?? []), sample], ...server.traffic() };
      }
    }
    const cell = (samples: readonly Sample[], of: (sample: Sample) => number) =>
      withSpread(figureOf(samples.map(of)));
    const total = ({ load, predict }: Sample) => load + predict;
    const medianOf = (name: string) => figureOf(rows[name]!.samples.map(total)).median;
    const lines = Object.entries(rows).map(([name, { samples, requests, bytes }]) => [
      name,
      cell(samples, ({ load }) => load),
      cell(samples, total),
      cell(samples, ({ peak = 0 }) => peak),
      String(requests),
      (bytes / 2 ** 20).toFixed(0),
    ]);
    const head = ['', 'load', 'load and predict', 'memory', 'requests', 'MiB sent'];
    console.log(`
tfjs model over loopback, ${TFJS_MODELS[name]}
${table([head, ...lines])}
our first prediction / tfjs's ${(medianOf('vgg-blocks') / medianOf('tfjs')).toFixed(2)}`);
  } finally {
    server.close();
  }
}

/** Runs a program and returns its output. */
async function run(program: string, args: string[]): Promise<string> {
  try {
    return (await promisify(execFile)(program, args, { maxBuffer: 2 ** 26 })).stdout;
  } catch (error) {
    const { stderr } = error as { stderr?: string };
    throw new Error(`${program} failed; PyTorch needs torch and safetensors.\n${stderr ?? error}`);
  }
}

const temporary = process.argv[4] === undefined;
const folder = process.argv[4] ?? mkdtempSync(join(tmpdir(), 'bench-load-'));
const rounds = Number(process.argv[2] ?? 5);
try {
  await compare(rounds, process.argv[3] ?? 'python3', folder);
  await measureOnnx(rounds, folder);
  for (const name of Object.keys(TFJS_MODELS) as (keyof typeof TFJS_MODELS)[]) {
    await compareTfjs(rounds, folder, name);
  }
} finally {
  if (temporary) rmSync(folder, { recursive: true });
}
