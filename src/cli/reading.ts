import { type Command, InvalidArgumentError, Option } from 'commander';
import type { ConvArch } from 'vgg-blocks';
import { countBar } from 'vgg-blocks/node';
import {
  type FromWeightsOptions,
  fromPretrained,
  fromWeights,
  type HubName,
  type LoadedNetwork,
  PUBLISHED,
  type PublishedName,
} from 'vgg-blocks/weights';
import { MAX_SIDE } from '../base/check.js';
import { plain, printedPath } from '../base/printable.js';
import { isThere } from './disk.js';
import { ARCH_HELP, numberIn, parseArch } from './options.js';
import { repeatable } from './repeats.js';
import { complain } from './wording.js';

/** The options of {@link withReading}. */
export interface ReadingArguments {
  key?: string;
  rename?: Record<string, string>;
  inputLayout?: 'nchw' | 'nhwc';
}

/** Adds the options of every command that reads weights. */
export function withReading(command: Command): Command {
  return command
    .option('--key <name>', 'which state dict of a PyTorch checkpoint, e.g. model_ema')
    .addOption(
      repeatable(
        '--rename <old=new>',
        'read a tensor, or all of a module, under another name, e.g. encoder.conv=block1_conv1; repeat the option for several',
        renamed,
      ),
    )
    .addOption(
      new Option(
        '--input-layout <axes>',
        "order of the axes of an ONNX file's images, where the file does not say it",
      ).choices(['nchw', 'nhwc']),
    );
}

/** The arguments of {@link withReading} as options of the library. */
export function readingOptions({ key, rename, inputLayout }: ReadingArguments) {
  return {
    ...(key !== undefined && { key }),
    ...(rename && { rename }),
    ...(inputLayout && { layout: inputLayout.toUpperCase() as Uppercase<typeof inputLayout> }),
  };
}

/** The options of {@link withBuilding}. */
export interface BuildingArguments extends ReadingArguments {
  allowUnused?: true;
  featuresOnly?: true;
  classes?: number;
  arch?: ConvArch;
  padding?: 'same' | 'valid';
  globalPooling?: 'avg' | 'max';
  inputShape?: [height: number, width: number, channels: number];
}

/** Adds the options of every command that builds the network of a weight file. */
export function withBuilding(command: Command): Command {
  return withReading(command)
    .option('--allow-unused', 'leave out weights of the file that have no place in the network')
    .option('--features-only', 'leave out the fully connected layers')
    .addOption(
      numberIn(
        'count',
        '--classes <n>',
        'number of classes, where the file does not say whether its last layer has them',
      ),
    )
    .addOption(
      new Option('--arch <name>', `blocks, where the file does not say them: ${ARCH_HELP}`).argParser(
        (text) => parseArch(text),
      ),
    )
    .addOption(
      new Option('--padding <kind>', 'padding of the convolutions, where the file does not say it').choices([
        'same',
        'valid',
      ]),
    )
    .addOption(
      new Option(
        '--global-pooling <kind>',
        'pooling of whole feature maps before the fully connected layers, where the file does not say it, or, with --features-only, after the features',
      ).choices(['avg', 'max']),
    )
    .addOption(
      new Option(
        '--input-shape <HxWxC>',
        "shape of the images, e.g. 96x96x3 (default: the file's own)",
      ).argParser(shapeOf),
    );
}

function shapeOf(text: string): [height: number, width: number, channels: number] {
  const sides = /^(\d+)x(\d+)x(\d+)$/.exec(text)?.slice(1).map(Number) ?? [];
  if (sides.length < 3 || !sides.every((side) => side >= 1 && side <= MAX_SIDE)) {
    throw new InvalidArgumentError(`It must be HxWxC, such as 96x96x3, each from 1 to ${MAX_SIDE}.`);
  }
  return sides as [height: number, width: number, channels: number];
}

function renamed(text: string, before: Record<string, string> = {}): Record<string, string> {
  const [, old, name] = /^([^=]+)=(.+)$/s.exec(text) ?? [];
  if (old === undefined || name === undefined) throw new InvalidArgumentError('It must be OLD=NEW.');
  if (Object.hasOwn(before, old)) throw new InvalidArgumentError(`${old} is renamed twice.`);
  return { ...before, [old]: name };
}

/** The arguments as options of `fromWeights`. */
function buildingOptions(args: BuildingArguments) {
  const { allowUnused, featuresOnly, classes, arch, padding } = args;
  const { globalPooling: pooling, inputShape } = args;
  return {
    ...(allowUnused && { strict: false }),
    ...(featuresOnly && { includeTop: false }),
    ...(classes !== undefined && { classes }),
    ...readingOptions(args),
    ...(arch !== undefined && { arch }),
    ...(padding && { padding }),
    ...(pooling && { pooling }),
    ...(inputShape && { inputShape }),
  };
}

/**
 * The arguments with the options of a command, as options of `fromWeights`.
 *
 * @throws Error, one sentence, when an argument would change nothing.
 */
export function loadingOptions(
  source: string,
  args: BuildingArguments,
  options: FromWeightsOptions,
): FromWeightsOptions {
  const all = { ...options, ...buildingOptions(args) };
  if (all.includeTop === false && args.classes !== undefined)
    throw new Error(
      `--classes is given, but of ${printedPath(source)} the features alone are used, and it would change nothing; leave it out.`,
    );
  return all;
}

/** Builds the network of a weight file, or of a repository on the hub. */
export async function openWeights(
  source: string,
  args: BuildingArguments,
  options: FromWeightsOptions = {},
): Promise<LoadedNetwork> {
  const all = loadingOptions(source, args, options);
  // A file of that name comes first.
  const isName = isHubName(source) || (isPublishedName(source) && !isThere(source));
  return isName ? downloadWeights(source, all) : complete(source, await fromWeights(source, all));
}

/** Refuses a network with weights that the file does not have: no command trains it before it uses it. */
function complete(source: string, loaded: LoadedNetwork): LoadedNetwork {
  const { missing, mismatched } = loaded.report;
  const [first] = [...missing, ...mismatched.map(({ weight }) => weight)];
  if (first === undefined) return loaded;
  const classes = loaded.network?.top?.classes;
  const asked = loaded.model.outputs[0]!.shape.at(-1);
  loaded.model.dispose();
  const has = classes === undefined ? `has no ${first}` : `has ${classes} classes`;
  throw new Error(
    `${source}: it ${has}, and a network with ${asked} classes would have random weights; leave out --classes, or train such a network with finetune.`,
  );
}

/** Downloads published weights, or those of a repository on the hub, and shows the progress. */
export async function downloadWeights(
  name: PublishedName | HubName,
  options: FromWeightsOptions,
): Promise<LoadedNetwork> {
  const bar = countBar({ label: 'downloading' });
  // The variables that Hugging Face's own programs read.
  const { HF_ENDPOINT: endpoint, HF_TOKEN: token } = process.env;
  const hub = isHubName(name) && { endpoint: endpoint || undefined, token: token || undefined };
  const loading = fromPretrained(name, { ...options, ...hub, onProgress: bar.update }).finally(bar.stop);
  const loaded = await loading;
  if (loaded.classNamesProblem !== undefined)
    complain(`note: ${name}: ${loaded.classNamesProblem}; they are left out`);
  return complete(name, loaded);
}

function isPublishedName(name: string): name is PublishedName {
  return Object.hasOwn(PUBLISHED, name);
}

export function isHubName(name: string): name is HubName {
  return name.startsWith('hf:');
}

/** A name from a file, without control characters, which terminals would obey. */
export function oneLine(name: string): string {
  return plain(name).slice(0, 60);
}
