/**
 * Compares the wasm backend with this library's kernels, the backend alone and, if a Python with torch is given, PyTorch:
 * examples per second on one thread, for inference and training steps of VGG-11.
 *
 *     npm run bench:wasm -- [rounds] [python] [cases, by a part of their names] [node] [--threads 2]
 *
 * Each implementation runs in a process of its own, which stays and is first warmed up: V8 compiles a function again once it has
 * run often, so that the first steps of a small network take half as long again as later ones. Then they take turns. Processor
 * time is measured, so that other programs have little effect; the spread is printed all the same.
 *
 * `--threads` compares several threads with one, and with as many processes on one thread each, which is the machine's
 * limit. Then wall time is measured, so the machine should be otherwise idle.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { scaleArch, VGG11 } from 'vgg-blocks';
import { table } from '../src/figures/table.js';
import { figureOf, withSpread } from './figure.js';

const [WHOLE, QUARTER] = [VGG11, scaleArch(VGG11, 4)];

/** What is measured; wasmChild.mjs and wasmChild.py read it as JSON. */
interface Case {
  arch: typeof VGG11;
  size: number;
  batch: number;
  train: boolean;
  /** Units of each hidden dense layer. Default 4096. */
  hiddenUnits?: number;
  /** Default 'sgd'. */
  optimizer?: 'sgd' | 'adam';
  batchNorm?: boolean;
  /** Whether the network is sure of all its answers, and right, as late in training: gradients become subnormal numbers. */
  confident?: boolean;
}

const SMALL = { arch: QUARTER, size: 32, batch: 32, train: true, hiddenUnits: 512 };
const MEDIUM = { arch: QUARTER, size: 64, batch: 32, train: true };
const LARGE = { arch: QUARTER, size: 224, batch: 8, train: true };

const CASES: Record<string, Case> = {
  'inference, VGG-11, 224x224x1, batch 8': { ...LARGE, arch: WHOLE, train: false },
  'inference, VGG-11/4, 224x224x1, batch 8': { ...LARGE, train: false },
  'training, VGG-11/4, 32x32x1, batch 32': SMALL,
  'training, VGG-11/4, 32x32x1, batch 32, confident': { ...SMALL, confident: true },
  'training, VGG-11/4, 32x32x1, batch 32, Adam': { ...SMALL, optimizer: 'adam' },
  'training, VGG-11/4, 32x32x1, batch 32, Adam, confident': { ...SMALL, optimizer: 'adam', confident: true },
  'training, VGG-11/4, 32x32x1, batch 32, Adam, batchNorm': { ...SMALL, optimizer: 'adam', batchNorm: true },
  'training, VGG-11/4, 64x64x1, batch 32': MEDIUM,
  'training, VGG-11/4, 64x64x1, batch 32, batchNorm': { ...MEDIUM, batchNorm: true },
  'training, VGG-11/4, 224x224x1, batch 8': LARGE,
  'training, VGG-11/4, 224x224x1, batch 8, batchNorm': { ...LARGE, batchNorm: true },
};

/** Milliseconds of steps before those that count, and of those in a round, roughly. */
const [WARM_UP, ROUND] = [4000, 500];

interface Options {
  rounds: number;
  python: string;
  cases: string;
  node: string[];
  threads: number;
}

async function compare({ rounds, cases, threads, ...options }: Options): Promise<void> {
  const measured = threads === 1 ? 'processor time, one thread' : `wall time, ${threads} threads`;
  const version = execFileSync(options.node[0]!, ['--version']).toString().trim();
  console.log(`examples per second, ${measured}, Node ${version}; median (minimum to maximum)`);
  for (const [title, one] of Object.entries(CASES)) {
    // The whole name, or a part of several.
    if (cases in CASES ? title !== cases : !title.includes(cases)) continue;
    const implementations = Object.entries(start(one, threads, options)).map(([name, process]) => ({
      name,
      process,
      rates: [] as number[],
    }));
    try {
      for (const { process } of implementations) await process.warmUp();
      for (let round = 0; round < rounds; round++) {
        for (const { process, rates } of implementations)
          rates.push((1000 * one.batch) / (await process.round()));
      }
    } finally {
      for (const { process } of implementations) process.end();
    }
    const [first] = implementations.map(({ rates }) => figureOf(rates).median);
    const rows = implementations.map(({ name, rates }, i) => {
      const figure = figureOf(rates);
      const ratio = (first! / figure.median).toFixed(2);
      return [name, withSpread(figure), i === 0 ? '' : `vgg-blocks is ${ratio} times as fast`];
    });
    console.log(`\n${title}\n${table(rows)}`);
  }
}

/** The implementations compared, this library first. */
function start(
  one: Case,
  threads: number,
  { python, node }: Pick<Options, 'python' | 'node'>,
): Record<string, Stepper> {
  const clock = threads === 1 ? 'processor' : 'wall';
  const script = (name: string) => fileURLToPath(new URL(name, import.meta.url));
  const stepper = (
    [program, ...args]: string[],
    threads: number,
    { processes = 1, ...options }: { processes?: number; channelsLast?: boolean; flush?: boolean } = {},
  ) => new Stepper(program!, [...args, JSON.stringify({ ...one, threads, clock, ...options })], processes);
  const ours = [...node, script('wasmChild.mjs'), 'ours'];
  const pytorch = [python, script('wasmChild.py')];
  if (threads === 1) {
    return {
      'vgg-blocks': stepper(ours, 1),
      ...(!one.train && { 'tfjs wasm': stepper([...node, script('wasmChild.mjs'), 'stock'], 1) }),
      ...(python && { PyTorch: stepper(pytorch, 1) }),
      ...(python && { 'PyTorch, channels last': stepper(pytorch, 1, { channelsLast: true }) }),
      ...(python && one.confident && { 'PyTorch, set_flush_denormal': stepper(pytorch, 1, { flush: true }) }),
    };
  }
  return {
    [`vgg-blocks, ${threads} threads`]: stepper(ours, threads),
    'vgg-blocks, 1 thread': stepper(ours, 1),
    [`vgg-blocks, ${threads} processes`]: stepper(ours, 1, { processes: threads }),
    ...(python && { 'PyTorch, 1 thread': stepper(pytorch, 1) }),
    ...(python && { [`PyTorch, ${threads} threads`]: stepper(pytorch, threads) }),
  };
}

/** Processes that answer each line, a number of steps, with the milliseconds of one step. */
class Stepper {
  /** Of the last step. */
  #milliseconds = 0;
  readonly #processes: { process: ChildProcess; lines: AsyncIterator<string> }[];

  constructor(program: string, args: string[], count: number) {
    this.#processes = Array.from({ length: count }, () => {
      const one = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
      return { process: one, lines: createInterface({ input: one.stdout })[Symbol.asyncIterator]() };
    });
  }

  /** Runs steps until they are as fast as they get. */
  async warmUp(): Promise<void> {
    for (let passed = 0; passed < WARM_UP; passed += 2 * this.#milliseconds) await this.#run(2);
  }

  /** Runs a round. Returns the milliseconds per step; of several processes at once, the slowest one's divided by their number. */
  async round(): Promise<number> {
    await this.#run(Math.max(2, Math.round(ROUND / this.#milliseconds)));
    return this.#milliseconds / this.#processes.length;
  }

  async #run(count: number): Promise<void> {
    const times = this.#processes.map(async ({ process, lines }) => {
      process.stdin!.write(`${count}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error(`${process.spawnfile} exited without an answer`);
      return Number(value);
    });
    this.#milliseconds = Math.max(...(await Promise.all(times)));
  }

  end(): void {
    for (const { process } of this.#processes) process.stdin!.end();
  }
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { threads: { type: 'string', default: '1' } },
});
const [rounds = '5', python = '', cases = '', node = process.execPath] = positionals;
await compare({
  rounds: Number(rounds),
  python,
  cases,
  node: node.split(' '),
  threads: Number(values.threads),
});
