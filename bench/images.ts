/**
 * Images a second, by processor time, from JPEG files of 500x375 pixels to a network's input: decoding alone, and with VGG-16's
 * preprocessing, by this library with sharp and by PIL with NumPy, in turns. For this library also what the main thread alone
 * could do, which has the network to run, if it preprocesses and if other threads do (`prepareImages`). On Linux.
 *
 *     npm run bench:images -- [rounds] [python]
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { seededRandom } from '../src/base/random.js';
import { table } from '../src/figures/table.js';
import { figureOf, withSpread } from './figure.js';
import { processorName } from './processor.js';

const [rounds = '5', python = 'python3'] = process.argv.slice(2);
const [WIDTH, HEIGHT, COUNT] = [500, 375, 60];
const folder = mkdtempSync(join(tmpdir(), 'vgg-bench-images-'));
const script = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** Clouds of random colors with fine noise, which compress like photographs. */
async function writeImages(): Promise<void> {
  const random = seededRandom(1);
  for (let i = 0; i < COUNT; i++) {
    const coarse = Uint8Array.from({ length: 3 * 24 * 18 }, () => random.below(256));
    const size = { width: WIDTH, height: HEIGHT, channels: 3 } as const;
    const pixels = await sharp(coarse, { raw: { width: 24, height: 18, channels: 3 } })
      .resize(WIDTH, HEIGHT, { kernel: 'cubic' })
      .raw()
      .toBuffer();
    for (let at = 0; at < pixels.length; at++) {
      pixels[at] = Math.max(0, Math.min(255, pixels[at]! + random.below(25) - 12));
    }
    await sharp(pixels, { raw: size })
      .jpeg({ quality: 90 })
      .toFile(join(folder, `${i}.jpg`));
  }
}

/** The measurements and their titles; PIL has the first two. */
const TITLES = {
  decode: 'decoding',
  prepare: 'decoding and preprocessing',
  ahead: 'the same on other threads',
  mainThread: 'main thread alone',
  mainThreadAhead: 'main thread, others preparing',
};

type Rates = Partial<Record<keyof typeof TITLES, number>>;
const run = (program: string, child: string): Rates =>
  JSON.parse(execFileSync(program, [script(child), folder], { encoding: 'utf8' }));

try {
  await writeImages();
  const rates: Record<string, Rates[]> = { 'vgg-blocks': [], PIL: [] };
  for (let round = 0; round < Number(rounds); round++) {
    rates['vgg-blocks']!.push(run(process.execPath, 'imagesChild.mjs'));
    rates.PIL!.push(run(python, 'imagesChild.py'));
  }
  console.log(
    `${WIDTH}x${HEIGHT} JPEG, ${processorName()}, Node ${process.version}; images a second of processor time, median (minimum to maximum) of ${rounds} processes`,
  );
  const rows = Object.entries(rates).map(([name, all]) => [
    name,
    ...(Object.keys(TITLES) as (keyof Rates)[]).map((part) => {
      const values = all.flatMap((one) => one[part] ?? []);
      return values.length > 0 ? withSpread(figureOf(values)) : '';
    }),
  ]);
  console.log(table([['', ...Object.values(TITLES)], ...rows], { right: [1, 2, 3, 4, 5] }));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
