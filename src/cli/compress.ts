import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { Command, InvalidArgumentError, Option } from 'commander';
import { type CompressReport, compress, compressTable, type StoredAs } from 'vgg-blocks/compress';
import { countBar, fileSystem, writeFileAtomic } from 'vgg-blocks/node';
import { evaluate } from 'vgg-blocks/train';
import { QUANTIZED_DTYPES, saveModel, setMetadata } from 'vgg-blocks/weights';
import type { BackendArguments } from './backend.js';
import { calibrationArrays, calibrationImages } from './calibrationSet.js';
import { isSetFolder } from './data.js';
import { decoding } from './decoder.js';
import { checkReplaced, isFolder, namesIn } from './disk.js';
import { percent } from './finetuned.js';
import { checkModelPlace, checkNotItself, modelFile } from './modelFile.js';
import { type OpenNetwork, openNetwork, prepared, type ReadyNetwork } from './network.js';
import { belonging, numberIn, shared, WEIGHT_FILES_HELP } from './options.js';
import { type PreprocessingName, preprocessingFor, preprocessingOption } from './preprocessings.js';
import { type BuildingArguments, withBuilding } from './reading.js';
import { repeatable } from './repeats.js';
import { say } from './wording.js';

interface CompressArguments extends BuildingArguments, BackendArguments {
  maxBytes?: number;
  maxError?: number;
  rank?: Record<string, number>;
  quantize: StoredAs;
  images?: string;
  data?: string;
  calibrate: number;
  batch: number;
  preprocessing?: PreprocessingName;
  json?: true;
}

/** `vgg-blocks compress`: writes a smaller network that computes nearly the same. */
export function compressCommand(): Command {
  const command = new Command('compress')
    .description(
      'make a network small: dense layers of low rank, kernels of 8 bits; writes a tfjs model and report.json to a folder',
    )
    .argument('<in>', `${WEIGHT_FILES_HELP}, hf:OWNER/NAME[@REVISION], or a published name`)
    .argument('<out>', 'a folder for the tfjs model')
    .addOption(
      new Option('--max-bytes <size>', 'size of the model on disk at most, e.g. 40MB or 900kB').argParser(
        bytesOf,
      ),
    )
    .addOption(
      numberIn(
        'between',
        '--max-error <fraction>',
        "relative error of a dense layer's output at most, instead",
      ),
    )
    .addOption(
      repeatable(
        '--rank <layer=rank>',
        'rank of a dense layer, instead; repeat the option for several',
        rankOf,
      ),
    )
    .addOption(
      new Option('--quantize <type>', 'type of the kernels')
        .choices([...QUANTIZED_DTYPES, 'none'])
        .default('uint8'),
    )
    .option(
      '--images <folder>',
      'at least 32 images like those that the network will see: ranks are chosen for them, and a fifth is held out to compare the networks',
    )
    .addOption(
      new Option(
        '--data <source>',
        "instead, a folder of IDX files or of two tables (CSV), 'fashion-mnist', 'mnist' or 'generated': its training images, and its test images for the accuracy before and after",
      ).conflicts('images'),
    )
    .addOption(numberIn('count', '--calibrate <n>', 'images to use at most, spread over all of them', 1000))
    .addOption(numberIn('count', '--batch <n>', 'images per forward pass; more need more memory', 8))
    .addOption(preprocessingOption('how images are preprocessed (default: as the weights say)'))
    .option('--json', 'print the report as one line of JSON');
  const building = withBuilding(
    decoding(command, ({ images }: CompressArguments) => (images === undefined ? [] : [images])),
  );
  return belonging(building, { calibrate: ['images', 'data'], batch: ['images', 'data'] })
    .addOption(shared.backend())
    .addOption(shared.threads())
    .addOption(shared.relaxedSimd())
    .action(run);
}

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
};

function bytesOf(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?(?:e\d+)?) ?([kmg]?i?b)?$/i.exec(text) ?? [];
  const factor = UNITS[(unit ?? '').toLowerCase()];
  if (number === undefined || factor === undefined) {
    throw new InvalidArgumentError('It must be a size, such as 40MB, 900kB or 5000000.');
  }
  return Number(number) * factor;
}

function rankOf(text: string, before: Record<string, number> = {}): Record<string, number> {
  const [, layer, rank] = /^(.+)=(\d+)$/.exec(text) ?? [];
  if (layer === undefined) throw new InvalidArgumentError('It must be LAYER=RANK, such as fc1=200.');
  if (Object.hasOwn(before, layer)) throw new InvalidArgumentError(`${layer} is given twice.`);
  return { ...before, [layer]: Number(rank) };
}

async function run(input: string, output: string, args: CompressArguments): Promise<void> {
  checkTargets(args);
  if (/\.[a-z]\w*$/i.test(output)) {
    throw new Error(
      `compress: ${output} is the name of a file, and a tfjs model is a folder; pass a path without an extension, and convert the model afterwards.`,
    );
  }
  checkNotItself('compress', modelFile(input).file, join(output, 'model.json'));
  checkModelPlace('compress', join(output, 'model.json'));
  checkReplaced('compress', join(output, 'report.json'), ['weights', 'network', 'size']);
  if (args.images !== undefined && isFolder(args.images) && isSetFolder(args.images)) {
    throw new Error(`compress: ${args.images} has arrays of images, not image files; pass it as --data.`);
  }
  const network = await openNetwork('compress', { ...args, weights: input });
  const { model, title } = network;
  // Disposes the model if nothing says how images are prepared for it.
  const ready = args.images === undefined ? undefined : prepared('compress', args, network);
  let isOwn = true;
  try {
    const preprocessing = args.preprocessing
      ? preprocessingFor(input, model.inputs[0]!.shape, args.preprocessing, {})
      : network.preprocessing;
    // A fine-tuned network has its own beside the model.
    const { classNames } = network;
    setMetadata(model, { ...(preprocessing && { preprocessing }), ...(classNames && { classNames }) });
    const { images, testSet } = await given(args, network, ready);
    const tell = args.json ? () => {} : say;
    if (images) {
      const measured = testSet ? `, and ${testSet.length} test images to measure before and after` : '';
      tell(`calibrating on ${images.length} images${measured}`);
    }
    const accuracyOf = async (measured: LayersModel) => {
      if (!testSet) return undefined;
      const bar = countBar({ label: 'measuring' });
      const options = { batchSize: args.batch, onProgress: bar.update };
      return (await evaluate(measured, testSet, options).finally(bar.stop)).accuracy;
    };
    const before = await accuracyOf(model);
    if (before !== undefined) tell(`accuracy before: ${percent(before)}`);
    const bar = countBar({ label: 'compressing' });
    // From here on the model is disposed by it.
    isOwn = false;
    const { model: small, report } = await compress(
      model,
      {
        maxBytes: args.maxBytes,
        maxError: args.maxError,
        ranks: args.rank,
        quantize: args.quantize,
        batchSize: args.batch,
        dispose: true,
        onProgress: bar.update,
      },
      images,
    ).finally(bar.stop);
    try {
      const after = await accuracyOf(small);
      const accuracy = testSet && { images: testSet.length, before: before!, after: after! };
      const { quantize } = args;
      await saveModel(small, fileSystem(output), quantize === 'none' ? {} : { quantize });
      const size = await sizeOnDisk(output);
      const result = { weights: input, network: title, size, ...report, ...(accuracy && { accuracy }) };
      await writeFileAtomic(join(output, 'report.json'), `${JSON.stringify(result, null, 2)}\n`);
      if (args.json) say(result);
      else print(report, size, accuracy, output);
      if (args.maxBytes !== undefined && size > args.maxBytes) {
        throw new Error(
          `compress: ${output} has ${size} bytes, more than ${args.maxBytes}; pass a smaller --max-bytes.`,
        );
      }
    } finally {
      small.dispose();
    }
  } finally {
    if (isOwn) model.dispose();
  }
}

function checkTargets({ maxBytes, maxError, rank }: CompressArguments): void {
  const given = Object.entries({ '--max-bytes': maxBytes, '--max-error': maxError, '--rank': rank }).filter(
    ([, value]) => value !== undefined,
  );
  if (given.length === 1) return;
  const names = given.map(([flag]) => flag).join(' and ');
  throw new Error(
    `compress: ${names ? `${names} are given` : 'no target is given'}; pass one of --max-bytes, --max-error and --rank.`,
  );
}

/** The images to calibrate on, and those to measure the accuracy on. */
async function given(args: CompressArguments, network: OpenNetwork, ready: ReadyNetwork | undefined) {
  if (args.data !== undefined) return calibrationArrays(args.data, network, args);
  return {
    images: ready && (await calibrationImages('compress', args.images!, ready, args)),
    testSet: undefined,
  };
}

/** The bytes of a tfjs model's files. */
async function sizeOnDisk(folder: string): Promise<number> {
  const names = namesIn(folder).filter((name) => name === 'model.json' || /^weights-.*\.bin$/.test(name));
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

function print(
  report: CompressReport,
  size: number,
  accuracy: { images: number; before: number; after: number } | undefined,
  output: string,
): void {
  say(...compressTable(report).split('\n'));
  if (accuracy) {
    const { images, before, after } = accuracy;
    say(`accuracy on ${images} test images: ${percent(before)} to ${percent(after)}`);
  }
  say(`wrote ${size} bytes and report.json to ${output}`);
}
