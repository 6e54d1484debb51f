/**
 * The wasm backend with this library's kernels beside the backend alone and, where a python is named that has it,
 * PyTorch: examples a second on one thread, inference and training steps of VGG-11.
 *
 *     npm run bench:wasm -- [rounds] [python] [cases, by words of their names] [node]
 *
 * The sides are processes of their own that stay, warmed up, and take turns. What is counted is the time that a
 * process had a processor for, so that others at work on the machine do little to it; the spread is printed all the same.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const CASES = {
  'inference, VGG-11, 224x224x1, batch 8': { ratio: 1, size: 224, batch: 8, train: false },
  'inference, VGG-11/4, 224x224x1, batch 8': { ratio: 4, size: 224, batch: 8, train: false },
  'training, VGG-11/4, 64x64x1, batch 32': { ratio: 4, size: 64, batch: 32, train: true },
  'training, VGG-11/4, 224x224x1, batch 8': { ratio: 4, size: 224, batch: 8, train: true },
};

/** The chapter's network with PyTorch, and a loop that answers each line with the milliseconds of a step. */
const PYTORCH = `
import json, sys, time, torch
from torch import nn
torch.set_num_threads(1)
torch.manual_seed(0)
case = json.loads(sys.argv[1])
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
    start = time.process_time()
    for _ in range(int(line)):
        step()
    print((time.process_time() - start) * 1000 / int(line), flush=True)
`;

async function compare(rounds: number, python: string, cases: string, node: string[]): Promise<void> {
  console.log(
    `examples a second of processor time, one thread, Node ${process.version}; median (least to most)`,
  );
  for (const [name, one] of Object.entries(CASES)) {
    if (!name.includes(cases)) continue;
    const script = fileURLToPath(new URL('wasmOne.mjs', import.meta.url));
    const start = ([program, ...args]: string[]) => new Side(program!, [...args, JSON.stringify(one)]);
    const sides: Record<string, Side> = { 'vgg-blocks': start([...node, script, 'ours']) };
    if (!one.train) sides['tfjs wasm'] = start([...node, script, 'stock']);
    if (python) sides.PyTorch = start([python, '-c', PYTORCH]);
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
    for (const [name, all] of Object.entries(rates)) {
      all.sort((a, b) => a - b);
      const ratio = median(rates['vgg-blocks']!) / median(all);
      console.log(
        `  ${name.padEnd(11)} ${median(all).toFixed(1)} (${all[0]!.toFixed(1)} to ${all.at(-1)!.toFixed(1)})` +
          (name === 'vgg-blocks' ? '' : `; vgg-blocks is ${ratio.toFixed(2)} times as fast`),
      );
    }
  }
}

const median = (sorted: number[]) => sorted[Math.floor(sorted.length / 2)]!;

/** A process that answers each line, a number of steps, with the milliseconds that one took. */
class Side {
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(program: string, args: string[]) {
    this.#process = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface({ input: this.#process.stdout! })[Symbol.asyncIterator]();
  }

  async step(count: number): Promise<number> {
    this.#process.stdin!.write(`${count}\n`);
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`${this.#process.spawnfile} gave no answer`);
    return Number(value);
  }

  end(): void {
    this.#process.stdin!.end();
  }
}

const [rounds = '5', python = '', cases = '', node = process.execPath] = process.argv.slice(2);
await compare(Number(rounds), python, cases, node.split(' '));
