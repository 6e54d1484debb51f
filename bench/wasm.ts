/**
 * The wasm backend with this library's kernels beside the backend alone and, where a python is named that has it,
 * PyTorch: examples a second on one thread, inference and training steps of VGG-11.
 *
 *     npm run bench:wasm -- [rounds] [python] [cases, by words of their names] [node] [--threads 2]
 *
 * The sides are processes of their own that stay, warmed up, and take turns. What is counted is the time that a
 * process had a processor for, so that others at work on the machine do little to it; the spread is printed all the same.
 *
 * With `--threads` several threads are compared with one, and with as many processes that each compute on one, which is
 * all that the machine has to give. Then the clock's time is counted, so the machine should have nothing else to do.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { median } from '../src/base/numbers.js';

const CASES = {
  'inference, VGG-11, 224x224x1, batch 8': { ratio: 1, size: 224, batch: 8, train: false },
  'inference, VGG-11/4, 224x224x1, batch 8': { ratio: 4, size: 224, batch: 8, train: false },
  'training, VGG-11/4, 64x64x1, batch 32': { ratio: 4, size: 64, batch: 32, train: true },
  'training, VGG-11/4, 224x224x1, batch 8': { ratio: 4, size: 224, batch: 8, train: true },
};

/**
 * The chapter's network with PyTorch as the chapter writes it, or with the channels last, and a loop that answers each line
 * with the milliseconds of a step.
 */
const PYTORCH = `
import json, sys, time, torch
from torch import nn
case = json.loads(sys.argv[1])
torch.set_num_threads(case["threads"])
torch.manual_seed(0)
now = time.process_time if case["clock"] == "processor" else time.perf_counter
layers, channels = [], 1
for convs, width in [(1, 64), (1, 128), (2, 256), (2, 512), (2, 512)]:
    for _ in range(convs):
        layers += [nn.Conv2d(channels, width // case["ratio"], 3, padding=1), nn.ReLU()]
        channels = width // case["ratio"]
    layers.append(nn.MaxPool2d(2, 2))
side = case["size"] // 32
model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(side * side * channels, 4096), nn.ReLU(), nn.Dropout(0.5),
                      nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(0.5), nn.Linear(4096, 10))
x = torch.randn(case["batch"], 1, case["size"], case["size"])
if case["channelsLast"]:
    model, x = model.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
y = torch.arange(case["batch"]) % 10
optimizer, loss = torch.optim.SGD(model.parameters(), lr=0.01), nn.CrossEntropyLoss()
model.train(case["train"])
def step():
    if case["train"]:
        optimizer.zero_grad()
        loss(model(x), y).backward()
        optimizer.step()
    else:
        with torch.no_grad():
            model(x)
for _ in range(3):
    step()
for line in sys.stdin:
    start = now()
    for _ in range(int(line)):
        step()
    print((now() - start) * 1000 / int(line), flush=True)
`;

interface Options {
  rounds: number;
  python: string;
  cases: string;
  node: string[];
  threads: number;
}

async function compare({ rounds, cases, threads, ...options }: Options): Promise<void> {
  const counted = threads === 1 ? 'processor time, one thread' : `the clock's time, ${threads} threads`;
  console.log(`examples a second of ${counted}, Node ${process.version}; median (least to most)`);
  for (const [name, one] of Object.entries(CASES)) {
    if (!name.includes(cases)) continue;
    const sides = sidesOf(one, threads, options);
    const rates: Record<string, number[]> = {};
    try {
      for (let round = 0; round < rounds; round++) {
        for (const [name, side] of Object.entries(sides)) {
          rates[name] = [...(rates[name] ?? []), (1000 * one.batch) / (await side.step(2))];
        }
      }
    } finally {
      for (const side of Object.values(sides)) side.end();
    }
    console.log(`\n${name}`);
    const [first] = Object.values(rates);
    for (const [name, all] of Object.entries(rates)) {
      all.sort((a, b) => a - b);
      const ratio = median(first!) / median(all);
      console.log(
        `  ${name.padEnd(26)} ${median(all).toFixed(1)} (${all[0]!.toFixed(1)} to ${all.at(-1)!.toFixed(1)})` +
          (all === first ? '' : `; vgg-blocks is ${ratio.toFixed(2)} times as fast`),
      );
    }
  }
}

/** Who is compared, this library first. */
function sidesOf(
  one: (typeof CASES)[keyof typeof CASES],
  threads: number,
  { python, node }: Pick<Options, 'python' | 'node'>,
): Record<string, Side> {
  const clock = threads === 1 ? 'processor' : 'wall';
  const start = (
    [program, ...args]: string[],
    threads: number,
    { processes = 1, channelsLast = false } = {},
  ) => new Side(program!, [...args, JSON.stringify({ ...one, threads, clock, channelsLast })], processes);
  const script = fileURLToPath(new URL('wasmOne.mjs', import.meta.url));
  const [ours, pytorch] = [
    [...node, script, 'ours'],
    [python, '-c', PYTORCH],
  ];
  if (threads === 1) {
    return {
      'vgg-blocks': start(ours, 1),
      ...(!one.train && { 'tfjs wasm': start([...node, script, 'stock'], 1) }),
      ...(python && { PyTorch: start(pytorch, 1) }),
      ...(python && { 'PyTorch, channels last': start(pytorch, 1, { channelsLast: true }) }),
    };
  }
  return {
    [`vgg-blocks, ${threads} threads`]: start(ours, threads),
    'vgg-blocks, 1 thread': start(ours, 1),
    [`vgg-blocks, ${threads} processes`]: start(ours, 1, { processes: threads }),
    ...(python && { 'PyTorch, 1 thread': start(pytorch, 1) }),
    ...(python && { [`PyTorch, ${threads} threads`]: start(pytorch, threads) }),
  };
}

/** Processes that answer each line, a number of steps, with the milliseconds that one took. */
class Side {
  readonly #processes: { process: ChildProcess; lines: AsyncIterator<string> }[];

  constructor(program: string, args: string[], count: number) {
    this.#processes = Array.from({ length: count }, () => {
      const one = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
      return { process: one, lines: createInterface({ input: one.stdout })[Symbol.asyncIterator]() };
    });
  }

  /** The milliseconds of a step: of several processes at once, those of the slowest for each one's step. */
  async step(count: number): Promise<number> {
    const times = this.#processes.map(async ({ process, lines }) => {
      process.stdin!.write(`${count}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error(`${process.spawnfile} gave no answer`);
      return Number(value);
    });
    return Math.max(...(await Promise.all(times))) / times.length;
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
