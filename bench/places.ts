/**
 * Where a network can run, each place with the file that it takes: bytes of a first visit, time to the first prediction, images a second, and
 * how far the logits are from tfjs's. Browsers are Chromium over loopback; every measurement has a new process or browser, and the places take
 * turns. onnxruntime-node is installed into a temporary folder for it.
 *
 *     npm run bench:places -- runs/latest/model examples/fashion-mnist.safetensors --max-bytes 5e6 --max-bytes 9e4 --data FOLDER
 *
 * Fails if a place differs from tfjs by more than 1e-5 of the largest logit in float32. --help lists the options.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { markdownTable } from '../src/figures/table.js';
import { figureOf, withSpread } from './figure.js';
import { IMPLEMENTATIONS, measure } from './implementations.js';
import {
  FILES,
  type FileName,
  type PlacedNetwork,
  pathsOf,
  type Sizes,
  sizesOf,
  writeNetwork,
} from './placeFiles.js';
import { buildPages, gpuOf, measurePage, type PageMeasurement, type PageName } from './placePages.js';
import { processorName } from './processor.js';

interface Place {
  title: string;
  /** A page in Chromium, or the name of an implementation of `npm run bench`. */
  page?: PageName;
  implementation?: string;
  files: readonly FileName[];
  threads?: number;
  /** Whether it needs a GPU: in software it is measured once. */
  gpu?: true;
}

const TFJS = ['tfjs float32', 'tfjs uint8', 'tfjs compressed'] as const;
const ONNX = ['ONNX float32', 'ONNX int8', 'ONNX compressed'] as const;

const PLACES: readonly Place[] = [
  { title: 'tfjs, wasm', page: 'wasm', files: TFJS },
  { title: 'tfjs, wasm, two threads', page: 'wasm', files: TFJS, threads: 2 },
  { title: 'tfjs, WebGL', page: 'webgl', files: TFJS.slice(0, 1), gpu: true },
  { title: 'tfjs, WebGPU', page: 'webgpu', files: TFJS.slice(0, 1), gpu: true },
  { title: 'onnxruntime-web, wasm', page: 'ort-wasm', files: ONNX },
  { title: 'onnxruntime-web, wasm, two threads', page: 'ort-wasm', files: ONNX, threads: 2 },
  { title: 'onnxruntime-web, WebGPU', page: 'ort-webgpu', files: ONNX.slice(0, 1), gpu: true },
  { title: 'tfjs, wasm', implementation: 'vgg-blocks, wasm', files: TFJS },
  { title: 'tfjs, wasm, two threads', implementation: 'vgg-blocks, wasm', files: TFJS, threads: 2 },
  { title: 'tfjs-node', implementation: 'vgg-blocks, tfjs-node', files: TFJS.slice(0, 1) },
  { title: 'onnxruntime-node', implementation: 'onnxruntime-node', files: ONNX },
  { title: 'onnxruntime-node, two threads', implementation: 'onnxruntime-node', files: ONNX, threads: 2 },
  { title: 'onnxruntime for Python', implementation: 'onnxruntime', files: ONNX },
  { title: 'PyTorch', implementation: 'PyTorch', files: ['safetensors float32'] },
  { title: 'Keras', implementation: 'Keras', files: ['Keras float32'] },
];

/** The most that a float32 file may differ by, as a fraction of the largest logit. */
const TOLERANCE = 1e-5;

const program = new Command('npm run bench:places --')
  .argument('<weights...>', 'networks, in any format that fromWeights reads')
  .option('--rounds <n>', 'processes and browsers per measurement', Number, 3)
  .option('--seconds <n>', 'how long to measure predictions in each', Number, 3)
  .option(
    '--python <program>',
    'a Python with onnxruntime, torch and safetensors, Keras on TensorFlow or PyTorch',
    'python3',
  )
  .option('--data <folder>', "Fashion-MNIST's files, whose images compress chooses its ranks for")
  .option(
    '--max-bytes <n...>',
    'to how many bytes each network is compressed, in their order',
    (text, all: number[] = []) => [...all, Number(text)],
  )
  .option('--only <names>', 'places whose titles contain one of these, separated by semicolons')
  .option('--gpu', 'let Chromium choose its GPU; by default it computes WebGL and WebGPU in software')
  .parse();
const options = program.opts<{
  rounds: number;
  seconds: number;
  python: string;
  data?: string;
  maxBytes?: number[];
  only?: string;
  gpu?: true;
}>();

const GPU = ['--enable-unsafe-webgpu', '--ignore-gpu-blocklist', '--disable-dev-shm-usage'];
const launch = options.gpu ? { args: GPU } : {};
const root = mkdtempSync(join(tmpdir(), 'vgg-places-'));

function measureOnce(
  { page, implementation, threads = 1 }: Place,
  file: string,
  network: PlacedNetwork,
  folder: string,
) {
  const { shape } = network;
  if (page) {
    const at = (name: string) => `/${folder}/${name}`;
    const task = { file: at(file), image: at('images.bin'), shape: shape.inputShape, threads };
    return measurePage(root, page, task, options.seconds, launch);
  }
  const spec = { ...shape, file, threads, folder: join(root, folder), batchSize: 1, software: false };
  const one = IMPLEMENTATIONS.find(({ name }) => name === implementation)!;
  return measure(one, 'load', { ...spec, seconds: options.seconds, clock: 'wall' }, options.python);
}

const megabytes = (bytes: number) => (bytes / 1e6).toPrecision(bytes < 1e7 ? 2 : 3);
const shownSizes = ({ bytes, gzip, brotli }: Sizes) => [bytes, gzip, brotli].map(megabytes);

/** The greatest difference from tfjs's logits, as a fraction of the largest. */
function differenceOf(logits: readonly number[], { logits: expected }: PlacedNetwork): number {
  const largest = Math.max(...expected.map(Math.abs));
  return Math.max(...expected.map((value, i) => Math.abs(value - logits[i]!))) / largest;
}

/** The files of a first visit by what they are, and together. */
async function firstVisit(paths: readonly string[], model: readonly string[]): Promise<string[]> {
  const own = paths.filter((path) => !path.endsWith('images.bin') && !model.includes(path));
  const binaries = await sizesOf(own.filter((path) => path.endsWith('.wasm')));
  const code = await sizesOf(own.filter((path) => !path.endsWith('.wasm')));
  const all = await sizesOf([...own, ...model]);
  return [megabytes(code.brotli), megabytes(binaries.brotli), ...shownSizes(all)];
}

if (options.maxBytes && !options.data) throw new Error('--max-bytes needs --data.');

async function compare(source: string, folder: string, maxBytes?: number): Promise<boolean> {
  mkdirSync(join(root, folder));
  const compression = maxBytes && options.data ? { maxBytes, images: options.data } : undefined;
  const network = await writeNetwork(source, join(root, folder), compression);
  const files = Object.entries(FILES).filter(([name]) => compression || !name.endsWith('compressed'));
  const places = PLACES.filter(
    ({ title }) => !options.only || options.only.split(';').some((part) => title.includes(part)),
  );
  const rows = places.flatMap((place) =>
    place.files
      .filter((file) => files.some(([name]) => name === file))
      .map((file) => ({ place, file, all: [] as PageMeasurement[] })),
  );
  for (let round = 1; round <= options.rounds; round++) {
    for (const { place, file, all } of rows) {
      if (all.some(({ absent }) => absent) || (round > 1 && place.gpu && !options.gpu)) continue;
      all.push(await measureOnce(place, FILES[file], network, folder));
      const where = place.page ? 'Chromium' : 'processes';
      console.error(`${source}, round ${round} of ${options.rounds}, ${where}: ${place.title}, ${file}`);
    }
  }
  const [height, width, channels] = network.shape.inputShape;
  console.log(
    `\n${source}: ${(network.weights / 1e6).toPrecision(3)} M weights, images of ${height}x${width}x${channels}, one at a time\n`,
  );
  const head = ['MB', 'gzip', 'brotli'];
  const sizes = files.map(async ([name, path]) => [
    name,
    ...shownSizes(await sizesOf(pathsOf(join(root, folder, path)))),
  ]);
  console.log(`${markdownTable([['file', ...head], ...(await Promise.all(sizes))])}\n`);

  let agrees = true;
  const figures = (all: readonly PageMeasurement[], file: FileName) => {
    const difference = differenceOf(all[0]!.logits!, network);
    if (file.endsWith('float32') && !(difference <= TOLERANCE)) agrees = false;
    return [
      withSpread(figureOf(all.map(({ cold }) => cold!))),
      withSpread(figureOf(all.flatMap(({ inference }) => inference!.map((ms) => 1000 / ms)))),
      difference.toExponential(0),
    ];
  };
  const measured = rows.filter(({ all }) => !all.some(({ absent }) => absent));
  const titles = ['first prediction, ms', 'images/s', 'logits differ by'];
  const browser = await Promise.all(
    measured.flatMap(({ place, file, all }) => {
      if (!place.page) return [];
      const model = pathsOf(join(root, folder, FILES[file]));
      return [
        firstVisit(all[0]!.paths!, model).then((visit) => [
          place.title,
          file,
          ...visit,
          ...figures(all, file),
        ]),
      ];
    }),
  );
  const node = measured.flatMap(({ place, file, all }) =>
    place.page ? [] : [[place.title, file, ...figures(all, file)]],
  );
  if (browser.length > 0) {
    const visit = ['code, brotli', 'wasm, brotli', 'first visit, MB', 'gzip', 'brotli'];
    console.log(`${markdownTable([['in Chromium', 'file', ...visit, ...titles], ...browser])}\n`);
  }
  if (node.length > 0) console.log(markdownTable([['in Node and Python', 'file', ...titles], ...node]));
  for (const { place, file, all } of rows) {
    const { absent } = all.find(({ absent }) => absent) ?? {};
    if (absent) console.log(`\n${place.title}, ${file}: ${absent}`);
  }
  return agrees;
}

try {
  await buildPages(root);
  const gpu = await gpuOf(root, launch);
  console.log(
    `${processorName()} (${cpus().length} cores), Node ${process.version}, WebGL and WebGPU on ${gpu}; median (minimum to maximum) of ${options.rounds} processes or browsers`,
  );
  let agree = true;
  for (const [i, source] of program.args.entries())
    agree = (await compare(source, `${i}`, options.maxBytes?.[i])) && agree;
  console.log(`\nload average at the end: ${loadavg()[0]!.toFixed(1)}`);
  if (!agree) throw new Error(`A float32 file differs from tfjs by more than ${TOLERANCE}.`);
} finally {
  rmSync(root, { recursive: true, force: true });
}
