import { type Command, InvalidArgumentError, Option } from 'commander';
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
import { attempted, MAX_SIDE, MOST_SECONDS, MOST_THREADS } from '../base/check.js';
import { messageOf } from '../base/realm.js';
import { BACKENDS } from './backend.js';

/** The weight files that can be read. */
export const WEIGHT_FILES_HELP =
  '.safetensors, .pth, .bin, .h5, .keras, .onnx, an index of shards, a tfjs model (its folder or model.json), or a folder written by train or finetune';

export const ARCH_HELP = `${Object.keys(FAMILY).join(', ')}, or blocks as JSON, e.g. [[1,64],[2,128]]`;

/** A network to describe: a VGG's blocks, or AlexNet. */
export type Architecture = ConvArch | 'alexnet';

/** Reads an architecture given by name or as JSON. */
export function parseArch(text: string, names = ARCH_HELP): ConvArch {
  const name = text.toLowerCase();
  if (Object.hasOwn(FAMILY, name)) return FAMILY[name as FamilyName].arch;
  const arch = attempted(() => JSON.parse(text) as ConvArch);
  if (arch === undefined) throw new InvalidArgumentError(`It must be one of ${names}.`);
  try {
    return scaleArch(arch, 1);
  } catch (error) {
    throw new InvalidArgumentError(messageOf(error).replace(/^scaleArch: (the architecture is .*?; )?/, ''));
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

function number(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || Number.isNaN(value)) throw new InvalidArgumentError('It must be a number.');
  return value;
}

/** More than any machine has; in bytes it is a whole number still. */
const MAX_MEGABYTES = 1e9;

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
  threads: [
    (value: number) => Number.isInteger(value) && value >= 1 && value <= MOST_THREADS,
    `It must be a whole number from 1 to ${MOST_THREADS}.`,
  ],
  notNegative: [
    (value: number) => value >= 0 && value < Number.POSITIVE_INFINITY,
    'It must be at least 0 and finite.',
  ],
  seconds: [(value: number) => value >= 0 && value <= MOST_SECONDS, `It must be from 0 to ${MOST_SECONDS}.`],
  megabytes: [
    (value: number) => value >= 0 && value <= MAX_MEGABYTES,
    `It must be from 0 to ${MAX_MEGABYTES}.`,
  ],
  side: [
    (value: number) => Number.isSafeInteger(value) && value >= 1 && value <= MAX_SIDE,
    `It must be a whole number from 1 to ${MAX_SIDE}.`,
  ],
  seed: [
    (value: number) => Number.isSafeInteger(value) && value >= 0 && value < 2 ** 32,
    'It must be a whole number from 0 to 4294967295.',
  ],
  belowOne: [(value: number) => value >= 0 && value < 1, 'It must be at least 0 and below 1.'],
  mixture: [(value: number) => value >= 0.1 && value <= 1, 'It must be from 0.1 to 1.'],
  temperature: [(value: number) => value >= 0.001 && value <= 1000, 'It must be from 0.001 to 1000.'],
  between: [(value: number) => value > 0 && value < 1, 'It must be above 0 and below 1.'],
  aboveZero: [(value: number) => value > 0 && value <= 1, 'It must be above 0 and at most 1.'],
  positive: [
    (value: number) => value > 0 && value < Number.POSITIVE_INFINITY,
    'It must be above 0 and finite.',
  ],
} as const;

/** Parses a number of a range. */
export function parseIn(range: keyof typeof RANGES, text: string): number {
  const [holds, sentence] = RANGES[range];
  const parsed = number(text);
  if (!holds(parsed)) throw new InvalidArgumentError(sentence);
  return parsed;
}

/**
 * An option with a number that is checked at once, before minutes or hours of work, and by the name of its flag; `shown` replaces
 * its default value in the help.
 */
export function numberIn(
  range: keyof typeof RANGES,
  flags: string,
  description: string,
  value?: number,
  shown?: string,
): Option {
  return new Option(flags, description).argParser((text) => parseIn(range, text)).default(value, shown);
}

/**
 * Refuses options without those that they belong to, since they would change nothing.
 *
 * @param owners by attribute: the option that each belongs to, or several, of which one is enough.
 */
export function belonging(
  command: Command,
  owners: Readonly<Record<string, string | readonly string[]>>,
): Command {
  const flagOf = (name: string) => command.options.find((option) => option.attributeName() === name)!.long!;
  return command.hook('preAction', (_, action) => {
    for (const [name, owner] of Object.entries(owners)) {
      const some = [owner].flat();
      if (!isGiven(action, name) || some.some((one) => isGiven(action, one))) continue;
      const flags = some.map(flagOf).join(' or ');
      throw new Error(
        `${action.name()}: ${flagOf(name)} is given without ${flags}, and would change nothing; add ${flags}, or leave it out.`,
      );
    }
  });
}

/** Refuses empty texts, such as those of a shell's variables that are not set, which would count as not given. */
export function refuseEmpty(command: Command): void {
  const option = command.options.find((one) => {
    const value = command.getOptionValue(one.attributeName());
    return isGiven(command, one.attributeName()) && [value].flat().includes('');
  });
  if (option) {
    throw new Error(`${command.name()}: ${option.long} is empty; pass a value, or leave it out.`);
  }
  const index = command.args.indexOf('');
  if (index < 0) return;
  const named = command.registeredArguments;
  const argument = named[Math.min(index, named.length - 1)]!;
  throw new Error(`${command.name()}: the argument ${argument.name()} is empty; pass a value.`);
}

/** Refuses an output file without the ending of what is written, which would rather be another file's name. */
export function checkEnding(command: string, path: string, ending: string): void {
  if (path.toLowerCase().endsWith(ending)) return;
  throw new Error(`${command}: ${path} does not end in ${ending}; use a name that does.`);
}

/** A list of values of an option, none of which may be given twice. */
export function distinct<T extends string | number>(values: readonly T[]): T[] {
  const twice = values.find((value, i) => values.indexOf(value) < i);
  if (twice !== undefined) throw new InvalidArgumentError(`${twice} is named twice; name it once.`);
  return [...values];
}

/** Whether an option was passed on the command line. */
export function isGiven(command: Command, name: string): boolean {
  return command.getOptionValueSource(name) === 'cli';
}

/** Options that several commands share. */
export const shared = {
  arch: () => new Option('--arch <name>', `architecture: ${ARCH_HELP}`).argParser((text) => parseArch(text)),
  ratio: (value: number) =>
    numberIn('count', '--ratio <n>', 'divide the width of every convolution by n', value),
  size: (value: number) => numberIn('side', '--size <pixels>', 'height and width of the input', value),
  classes: () => numberIn('count', '--classes <n>', 'number of classes', 10),
  channels: () => numberIn('side', '--channels <n>', 'input channels', 1),
  backend: () =>
    new Option(
      '--backend <name>',
      'TensorFlow.js backend; webgpu needs npm install webgpu, tensorflow @tensorflow/tfjs-node or tfjs-node-gpu',
    )
      .choices(BACKENDS)
      .default('wasm'),
  threads: () => numberIn('threads', '--threads <n>', 'threads of the wasm backend', 1),
  relaxedSimd: () =>
    new Option(
      '--no-relaxed-simd',
      'keep the wasm backend from using relaxed SIMD, which is faster where the engine has it, but rounds differently from Node 20',
    ),
  tensorboard: () => new Option('--tensorboard', 'also write an event file for TensorBoard, epoch by epoch'),
  overwrite: (what: string) => new Option('--overwrite', `replace what has the name of ${what}`),
  batchNorm: () => new Option('--batch-norm', 'add batch normalization after every convolution'),
};
