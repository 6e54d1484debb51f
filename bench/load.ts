/**
 * How long a full-size VGG-16 takes from a file on disk to the first prediction, and how much memory: this library on
 * the wasm backend beside PyTorch, each in a fresh process, in turns. The files are written by PyTorch with random
 * weights, once, into a folder that is given or a temporary one (2.2 GB).
 *
 *     npm run bench:load -- [rounds] [python] [folder]
 *
 * Warm means that the system holds the file in memory; cold, that it was told to forget it.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { median } from '../src/base/numbers.js';

const FILES = ['vgg16.safetensors', 'vgg16-f16.safetensors', 'vgg16.pth', 'vgg16-legacy.pth'];

/** torchvision's VGG-16 by its key names. */
const NETWORK = `
import sys, time, torch
from torch import nn
def vgg16():
    layers, channels = [], 3
    for width in [64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0]:
        if width == 0:
            layers.append(nn.MaxPool2d(2, 2))
            continue
        layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(True)]
        channels = width
    model = nn.Module()
    model.features = nn.Sequential(*layers)
    model.classifier = nn.Sequential(nn.Linear(25088, 4096), nn.ReLU(True), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(True), nn.Dropout(), nn.Linear(4096, 1000))
    model.forward = lambda x: model.classifier(torch.flatten(model.features(x), 1))
    return model
`;

const WRITE = `${NETWORK}
from safetensors.torch import save_file
state = vgg16().state_dict()
folder = sys.argv[1]
save_file(state, folder + "/vgg16.safetensors")
save_file({k: v.half() for k, v in state.items()}, folder + "/vgg16-f16.safetensors")
torch.save(state, folder + "/vgg16.pth")
torch.save(state, folder + "/vgg16-legacy.pth", _use_new_zipfile_serialization=False)
`;

/** One thread, as the wasm backend has in Node. PyTorch builds a model with weights that it draws, and then loads. */
const MEASURE = `${NETWORK}
from safetensors.torch import load_file
torch.set_num_threads(1)
path, x = sys.argv[1], torch.zeros(1, 3, 224, 224)
begun = time.time()
model = vgg16().eval()
start = time.time()
state = load_file(path) if path.endswith("safetensors") else torch.load(path, weights_only=True)
model.load_state_dict(state)
loaded = time.time()
with torch.no_grad():
    model.forward(x)
print("load", (loaded - start) * 1000, "predict", (time.time() - loaded) * 1000, "build", (start - begun) * 1000)
`;

interface Sample {
  load: number;
  predict: number;
  /** What PyTorch needs to build the model before; this library builds it while it loads. */
  build: number;
  /** Peak of the process's memory less what it took before, in MiB, when loaded; this library alone tells it. */
  peak: number;
}

function compare(rounds: number, python: string, folder: string): void {
  mkdirSync(folder, { recursive: true });
  if (!FILES.every((file) => existsSync(join(folder, file)))) {
    const { status, stderr } = spawnSync(python, ['-c', WRITE, folder], { encoding: 'utf8' });
    if (status !== 0)
      throw new Error(`${python} could not write the files; it needs torch and safetensors.\n${stderr}`);
  }
  console.log(
    `VGG-16 from disk on one thread, Node ${process.version}, ${rounds} fresh processes each, median (least to most) ms`,
  );
  for (const file of FILES) {
    for (const state of ['warm', 'cold'] as const) {
      const sides = { 'vgg-blocks': [] as Sample[], PyTorch: [] as Sample[] };
      for (let round = 0; round < rounds; round++) {
        for (const side of ['vgg-blocks', 'PyTorch'] as const) {
          const path = join(folder, file);
          if (state === 'cold') forget(path);
          sides[side].push(
            side === 'PyTorch' ? run(python, ['-c', MEASURE, path]) : run(process.execPath, [one, path]),
          );
        }
      }
      console.log(`\n${file}, ${state}`);
      for (const [side, samples] of Object.entries(sides)) {
        const rest =
          side === 'PyTorch'
            ? `, build ${spread(samples, ({ build }) => build)}`
            : `, peak when loaded ${medianOf(samples, ({ peak }) => peak)} MiB`;
        console.log(
          `  ${side.padEnd(11)} load ${spread(samples, ({ load }) => load)}, to the first prediction ${spread(samples, total)}${rest}`,
        );
      }
      const [ours, theirs] = [sides['vgg-blocks'], sides.PyTorch];
      const ratio = (of: (s: Sample) => number, to: (s: Sample) => number) =>
        (medianOf(ours, of) / medianOf(theirs, to)).toFixed(2);
      const load = ({ load }: Sample) => load;
      const built = ({ build, load }: Sample) => build + load;
      console.log(
        `  our first prediction to their load ${ratio(total, load)}, to their build and load ${ratio(total, built)}; our load to their build and load ${ratio(load, built)}`,
      );
    }
  }
}

const one = fileURLToPath(new URL('loadOne.mjs', import.meta.url));
const total = ({ load, predict }: Sample) => load + predict;

/** Tells the system to keep nothing of a file in memory. */
function forget(path: string): void {
  spawnSync('dd', [`of=${path}`, 'oflag=nocache', 'conv=notrunc,fdatasync', 'count=0', 'status=none']);
}

function run(program: string, args: string[]): Sample {
  const { stdout, stderr, status } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  const figure = (name: string) => Number(new RegExp(`${name} ([\\d.]+)`).exec(stdout)?.[1] ?? 0);
  return { load: figure('load'), predict: figure('predict'), build: figure('build'), peak: figure('peak') };
}

function medianOf(samples: Sample[], of: (sample: Sample) => number): number {
  return Math.round(median(samples.map(of)));
}

function spread(samples: Sample[], of: (sample: Sample) => number): string {
  const all = samples.map(of);
  return `${medianOf(samples, of)} (${Math.round(Math.min(...all))} to ${Math.round(Math.max(...all))})`;
}

const temporary = process.argv[4] === undefined;
const folder = process.argv[4] ?? mkdtempSync(join(tmpdir(), 'bench-load-'));
try {
  compare(Number(process.argv[2] ?? 5), process.argv[3] ?? 'python3', folder);
} finally {
  if (temporary) rmSync(folder, { recursive: true });
}
