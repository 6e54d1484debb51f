import { InvalidArgumentError, Option } from 'commander';
import {
  type AlexNetOptions,
  alexNetPlan,
  type ConvArch,
  FAMILY,
  type FamilyName,
  type Plan,
  plan,
  scaleArch,
  type VggOptions,
} from 'vgg-blocks';
import { BACKENDS } from './backend.js';

/** The weight files that can be read. */
export const WEIGHT_FILES_HELP =
  '.safetensors, .pth, .bin, .h5, .keras, an index of shards, or a tfjs model (its folder or model.json)';

export const ARCH_HELP = `${Object.keys(FAMILY).join(', ')}, or blocks as JSON, e.g. [[1,64],[2,128]]`;

/** A network to describe: a VGG's blocks, or AlexNet. */
export type Architecture = ConvArch | 'alexnet';

/** Reads an architecture given by name or as JSON. */
export function parseArch(text: string, names = ARCH_HELP): ConvArch {
  const name = text.toLowerCase();
  if (Object.hasOwn(FAMILY, name)) return FAMILY[name as FamilyName].arch;
  try {
    return JSON.parse(text) as ConvArch;
  } catch {
    throw new InvalidArgumentError(`It must be one of ${names}.`);
  }
}

/** Reads an architecture, or `alexnet`. */
export function parseArchitecture(text: string): Architecture {
  return text.toLowerCase() === 'alexnet' ? 'alexnet' : parseArch(text, `alexnet, ${ARCH_HELP}`);
}

/** The plan of a network to describe. */
export function planOf(network: Architecture, ratio: number, options: VggOptions): Plan {
  if (network !== 'alexnet') return plan(scaleArch(network, ratio), options);
  const { batchNorm, ...rest } = options;
  if (ratio !== 1 || batchNorm) {
    throw new Error('alexnet has no --ratio and no --batch-norm; leave them out, or describe a VGG.');
  }
  return alexNetPlan(rest as AlexNetOptions);
}

/** Parses a number. */
export function number(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || Number.isNaN(value)) throw new InvalidArgumentError('It must be a number.');
  return value;
}

/** An option with a number; `shown` replaces its default value in the help. */
export function numeric(flags: string, description: string, value?: number, shown?: string): Option {
  return new Option(flags, description).argParser(number).default(value, shown);
}

/** The ranges of {@link numberIn}. */
const RANGES = {
  fraction: [(value: number) => value >= 0 && value <= 1, 'It must be from 0 to 1.'],
  count: [
    (value: number) => Number.isSafeInteger(value) && value >= 1,
    'It must be a whole number of at least 1.',
  ],
  countOrNone: [
    (value: number) => Number.isSafeInteger(value) && value >= 0,
    'It must be a whole number of at least 0.',
  ],
  notNegative: [(value: number) => value >= 0, 'It must be at least 0.'],
  positive: [(value: number) => value > 0 && value < Number.POSITIVE_INFINITY, 'It must be above 0.'],
} as const;

/** An option with a number that is checked at once, for what is used only after minutes or hours. */
export function numberIn(
  range: keyof typeof RANGES,
  flags: string,
  description: string,
  value?: number,
): Option {
  const [holds, sentence] = RANGES[range];
  return new Option(flags, description)
    .argParser((text) => {
      const parsed = number(text);
      if (!holds(parsed)) throw new InvalidArgumentError(sentence);
      return parsed;
    })
    .default(value);
}

/** Options that several commands share. */
export const shared = {
  arch: () => new Option('--arch <name>', `architecture: ${ARCH_HELP}`).argParser((text) => parseArch(text)),
  ratio: (value: number) => numeric('--ratio <n>', 'divide the width of every convolution by n', value),
  size: (value: number) => numeric('--size <pixels>', 'height and width of the input', value),
  classes: () => numeric('--classes <n>', 'number of classes', 10),
  channels: () => numeric('--channels <n>', 'input channels', 1),
  backend: () =>
    new Option(
      '--backend <name>',
      'TensorFlow.js backend; webgpu needs npm install webgpu, tensorflow @tensorflow/tfjs-node or tfjs-node-gpu',
    )
      .choices(BACKENDS)
      .default('wasm'),
  threads: () => numeric('--threads <n>', 'threads of the wasm backend', 1),
  relaxedSimd: () =>
    new Option(
      '--no-relaxed-simd',
      'keep the wasm backend from using relaxed SIMD, which is faster where the engine has it, but rounds differently from Node 20',
    ),
  tensorboard: () => new Option('--tensorboard', 'also write an event file for TensorBoard, epoch by epoch'),
  batchNorm: () => new Option('--batch-norm', 'add batch normalization after every convolution'),
};
