/**
 * How long a full-size VGG-16 takes from a file on disk to the first prediction, and how much memory: this library on
 * the wasm backend and PyTorch, each in a fresh process, in turns. PyTorch writes the files with random weights, once,
 * into the given folder or a temporary one (2.2 GB).
 *
 *     npm run bench:load -- [rounds] [python] [folder]
 *
 * Warm: the file is in the system's cache. Cold: it was dropped from there.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { VGG16 } from 'vgg-blocks';
import { table } from '../src/figures/table.js';
import { figureOf, withSpread } from './figure.js';

const FILES = ['vgg16.safetensors', 'vgg16-f16.safetensors', 'vgg16.pth', 'vgg16-legacy.pth'];
const script = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** Times in milliseconds. */
interface Sample {
  load: number;
  predict: number;
  /** PyTorch builds the model before it loads; this library builds it while loading. */
  build?: number;
  /** How much the peak of the process's memory grew while loading, in MiB; for this library alone. */
  peak?: number;
}

function compare(rounds: number, python: string, folder: string): void {
  const pytorch = (command: string, path: string) =>
    spawn(python, [script('loadChild.py'), command, JSON.stringify(VGG16), path]);
  const implementations = {
    'vgg-blocks': (path: string) => spawn(process.execPath, [script('loadChild.mjs'), path]),
    PyTorch: (path: string) => pytorch('measure', path),
  };
  mkdirSync(folder, { recursive: true });
  if (!FILES.every((file) => existsSync(join(folder, file)))) pytorch('write', folder);
  console.log(
    `VGG-16 from disk on one thread, Node ${process.version}; median (minimum to maximum) of ${rounds} fresh processes, in ms and MiB`,
  );
  for (const file of FILES) {
    for (const state of ['warm', 'cold'] as const) {
      const path = join(folder, file);
      const samples: Record<keyof typeof implementations, Sample[]> = { 'vgg-blocks': [], PyTorch: [] };
      for (let round = 0; round < rounds; round++) {
        for (const name of ['vgg-blocks', 'PyTorch'] as const) {
          if (state === 'cold') dropFromCache(path);
          samples[name].push(JSON.parse(implementations[name](path)));
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

/** Runs a program and returns its output. */
function spawn(program: string, args: string[]): string {
  const { stdout, stderr, status, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (error) throw error;
  if (status !== 0) throw new Error(`${program} failed; PyTorch needs torch and safetensors.\n${stderr}`);
  return stdout;
}

const temporary = process.argv[4] === undefined;
const folder = process.argv[4] ?? mkdtempSync(join(tmpdir(), 'bench-load-'));
try {
  compare(Number(process.argv[2] ?? 5), process.argv[3] ?? 'python3', folder);
} finally {
  if (temporary) rmSync(folder, { recursive: true });
}
