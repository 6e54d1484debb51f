/**
 * How long a full-size VGG-16 takes to build: this library, tfjs's own initializers, and PyTorch where python has it.
 * Each measurement is a fresh process, and the sides take turns, so that the noise of the machine falls on all alike.
 *
 *     npm run bench -- [rounds] [python]
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** torchvision's VGG-16 and its initialization, which is Kaiming normal for convolutions and normal for linear layers. */
const PYTORCH = `
import time
from torch import nn
start, layers, channels = time.time(), [], 3
for width in [64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0]:
    if width == 0:
        layers.append(nn.MaxPool2d(2, 2))
        continue
    layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(True)]
    channels = width
model = nn.Sequential(*layers, nn.Linear(25088, 4096), nn.Linear(4096, 4096), nn.Linear(4096, 1000))
for m in model:
    if isinstance(m, nn.Conv2d):
        nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(m, nn.Linear):
        nn.init.normal_(m.weight, 0, 0.01)
print("ms", (time.time() - start) * 1000)
`;

function compare(rounds: number, python: string): void {
  const sides: Record<string, () => string> = {
    'vgg-blocks wasm': () => node('vgg-blocks wasm'),
    'vgg-blocks cpu': () => node('vgg-blocks cpu'),
    'tfjs-glorotUniform wasm': () => node('tfjs-glorotUniform wasm'),
    'tfjs-glorotUniform cpu': () => node('tfjs-glorotUniform cpu'),
    'tfjs-default wasm': () => node('tfjs-default wasm'),
    'tfjs-default cpu': () => node('tfjs-default cpu'),
    PyTorch: () => spawnSync(python, ['-c', PYTORCH], { encoding: 'utf8' }).stdout ?? '',
  };
  const times = Object.fromEntries(Object.keys(sides).map((side) => [side, [] as number[]]));
  for (let round = 0; round < rounds; round++) {
    for (const [side, run] of Object.entries(sides)) {
      const ms = /ms (\d+)/.exec(run())?.[1];
      if (ms) times[side]!.push(Number(ms));
    }
  }
  console.log(
    `VGG-16, 138357544 weights, Node ${process.version}, ${rounds} fresh processes each: median (least to most) ms`,
  );
  const median = (side: string) => times[side]!.sort((a, b) => a - b)[Math.floor(times[side]!.length / 2)];
  for (const side of Object.keys(sides)) {
    const all = times[side]!;
    if (all.length === 0) console.log(`${side.padEnd(24)} not installed`);
    else {
      const ratio = median(side)! / median('vgg-blocks wasm')!;
      console.log(
        `${side.padEnd(24)} ${median(side)} (${all[0]} to ${all.at(-1)}), ${ratio.toFixed(2)} times vgg-blocks wasm`,
      );
    }
  }
}

function node(side: string): string {
  const one = fileURLToPath(new URL('buildOne.mjs', import.meta.url));
  return spawnSync(process.execPath, [one, ...side.split(' ')], { encoding: 'utf8' }).stdout;
}

compare(Number(process.argv[2] ?? 5), process.argv[3] ?? 'python3');
