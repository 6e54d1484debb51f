/**
 * Which measure tells a fault of a page from a difference of rendering: the pixels that pixelmatch counts, SSIM (Wang et al. 2004) or
 * LPIPS, on screenshots of one page made by Chromium. pixelmatch is run by npx, so the npm registry must be reachable.
 *
 *     npm run bench:screenshots -- [vgg16.safetensors] [folder for the screenshots]
 *
 * Without weights, VGG-16 has random ones, of three seeds.
 */
import '@tensorflow/tfjs-backend-wasm';
import { execFile } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { setBackend } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { VGG16, vgg } from 'vgg-blocks';
import { imageDistance } from 'vgg-blocks/features';
import { type RawImage, resizeBilinear, toRgb } from 'vgg-blocks/images';
import { readImage, writeImage } from 'vgg-blocks/node';
import { installWasmKernels } from 'vgg-blocks/wasm';
import { fromWeights } from 'vgg-blocks/weights';
import { table } from '../src/figures/table.js';
import { launchChromium } from '../test/support/chromium.js';
import { CASES, type Case, PAGE } from './screenshotCases.js';

const [weights, folder = mkdtempSync(join(tmpdir(), 'screenshots-'))] = process.argv.slice(2);
const [width, height] = [640, 480];
installWasmKernels();
await setBackend('wasm');
const models: LayersModel[] = weights
  ? [(await fromWeights(weights, { includeTop: false })).model]
  : [0, 1, 2].map((seed) =>
      vgg(VGG16, { inputShape: [null, null, 3], includeTop: false, initializer: 'heNormal', seed }),
    );

/** A screenshot of the page of a case, at 640x480 pixels. */
async function screenshot({
  name,
  change = (page) => page,
  args = [],
  fonts,
  scale = 1,
}: Case): Promise<string> {
  const browser = await launchChromium({
    args,
    ...(fonts && { env: { ...process.env, FONTCONFIG_FILE: fontsFile(fonts) } }),
  });
  try {
    const page = await browser.newPage({ viewport: { width, height }, deviceScaleFactor: scale });
    await page.setContent(change(PAGE));
    const path = join(folder, `${name.replaceAll(/\W+/g, '-')}.png`);
    await page.screenshot({ path });
    if (scale !== 1)
      await writeImage(path, resizeBilinear(await toRgb(await readImage(path)), width, height));
    return path;
  } finally {
    await browser.close();
  }
}

/** Writes the settings of fontconfig. */
function fontsFile(fonts: NonNullable<Case['fonts']>): string {
  const settings = Object.entries(fonts)
    .map(([name, value]) => `<edit name="${name}" mode="assign"><const>${value}</const></edit>`)
    .join('');
  const path = join(folder, `${Object.values(fonts).join('-')}.conf`);
  const rules = ['font', 'pattern'].map((target) => `<match target="${target}">${settings}</match>`).join('');
  writeFileSync(path, `<fontconfig><include>/etc/fonts/fonts.conf</include>${rules}</fontconfig>`);
  return path;
}

/** The pixels that differ to pixelmatch, with its defaults: threshold 0.1, and differences of anti-aliasing do not count. */
async function pixelmatch(one: string, other: string): Promise<number> {
  // It exits with 66 where there are any.
  const { stdout } = await promisify(execFile)('npx', ['--yes', 'pixelmatch@7', one, other]).catch(
    (error) => error as { stdout: string },
  );
  const [, count] = /different pixels: (\d+)/.exec(stdout) ?? [];
  if (count === undefined) throw new Error(`pixelmatch printed ${JSON.stringify(stdout)}.`);
  return Number(count);
}

/** 1 - SSIM of the luminance: on average, and where it is largest. Gaussian windows of 11x11 with a deviation of 1.5. */
function ssim(one: RawImage, other: RawImage): { mean: number; largest: number } {
  const window = Array.from({ length: 11 }, (_, i) => Math.exp(-((i - 5) ** 2) / 4.5));
  const sum = window.reduce((a, b) => a + b);
  const blurred = (values: Float64Array) => {
    for (const step of [1, width]) {
      const from = values;
      values = new Float64Array(from.length);
      for (let i = 5 * step; i < from.length - 5 * step; i++) {
        for (let k = 0; k < 11; k++) values[i]! += (window[k]! / sum) * from[i + (k - 5) * step]!;
      }
    }
    return values;
  };
  const gray = ({ data }: RawImage) =>
    Float64Array.from(
      { length: width * height },
      (_, i) => 0.299 * data[3 * i]! + 0.587 * data[3 * i + 1]! + 0.114 * data[3 * i + 2]!,
    );
  const [x, y] = [gray(one), gray(other)];
  const products = (a: Float64Array, b: Float64Array) => blurred(a.map((value, i) => value * b[i]!));
  const [mx, my, xx, yy, xy] = [blurred(x), blurred(y), products(x, x), products(y, y), products(x, y)];
  const [c1, c2] = [(0.01 * 255) ** 2, (0.03 * 255) ** 2];
  let [total, count, largest] = [0, 0, 0];
  for (let row = 5; row < height - 5; row++) {
    for (let i = row * width + 5; i < (row + 1) * width - 5; i++) {
      const [p, q] = [mx[i]!, my[i]!];
      const similarity =
        ((2 * p * q + c1) * (2 * (xy[i]! - p * q) + c2)) /
        ((p * p + q * q + c1) * (xx[i]! - p * p + (yy[i]! - q * q) + c2));
      total += 1 - similarity;
      largest = Math.max(largest, 1 - similarity);
      count++;
    }
  }
  return { mean: total / count, largest };
}

/** LPIPS: on average, and the largest value of its map. */
async function lpips(model: LayersModel, one: RawImage, other: RawImage) {
  const { distance, map } = await imageDistance(model, [one, other], { spatial: true });
  return { mean: distance, largest: map!.values.reduce((a, b) => Math.max(a, b), 0) };
}

/** What each measure says of a case. */
const measured: { case: Case; values: Record<string, number> }[] = [];
const seconds: Record<string, number> = {};
async function timed<T>(name: string, work: () => T | Promise<T>): Promise<T> {
  const before = process.cpuUsage();
  const result = await work();
  const { user, system } = process.cpuUsage(before);
  seconds[name] = (user + system) / 1e6;
  return result;
}

const reference = await screenshot({ name: 'reference', kind: 'rendering' });
const base = await readImage(reference);
for (const one of CASES) {
  const path = await screenshot(one);
  const image = await readImage(path);
  const values: Record<string, number> = { 'pixelmatch, pixels': await pixelmatch(reference, path) };
  const structure = await timed('SSIM', () => ssim(base, image));
  values['1 - SSIM'] = structure.mean;
  values['its largest'] = structure.largest;
  for (const [seed, model] of models.entries()) {
    const { mean, largest } = await timed('LPIPS', () => lpips(model, base, image));
    const suffix = seed === 0 ? '' : ` (seed ${seed})`;
    values[`LPIPS${suffix}`] = mean;
    values[`its map's largest${suffix}`] = largest;
  }
  measured.push({ case: one, values });
  process.stderr.write('.');
}
process.stderr.write('\n');

const names = Object.keys(measured[0]!.values);
const number = (value: number) => (Number.isInteger(value) ? String(value) : value.toPrecision(2));
const shownNames = names.filter((name) => !name.includes('seed'));
console.log(
  `${width}x${height} pixels, VGG-16 with ${weights || 'random weights'}; screenshots in ${folder}\n`,
);
console.log(
  table(
    [
      ['', 'case', ...shownNames],
      ...measured.map(({ case: { kind, name }, values }) => [
        kind,
        name,
        ...shownNames.map((one) => number(values[one]!)),
      ]),
    ],
    { right: shownNames.map((_, i) => i + 2) },
  ),
);

console.log('\nfaults above the largest difference: of rendering, and of fonts too');
const valuesOf = (name: string, ...kinds: Case['kind'][]) =>
  measured.filter((one) => kinds.includes(one.case.kind)).map(({ values }) => values[name]!);
for (const name of names) {
  const faults = valuesOf(name, 'fault');
  const found = [valuesOf(name, 'rendering'), valuesOf(name, 'rendering', 'fonts')].map((others) => {
    const limit = Math.max(...others);
    return faults.filter((value) => value > limit).length;
  });
  console.log(`${name}: ${found.join(' and ')} of ${faults.length}`);
}
console.log(
  `\nprocessor seconds a pair: ${Object.entries(seconds)
    .map(([name, one]) => `${name} ${one.toFixed(2)}`)
    .join(', ')}`,
);
for (const model of models) model.dispose();
