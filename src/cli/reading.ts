import { type Command, InvalidArgumentError, Option } from 'commander';
import type { ConvArch } from 'vgg-blocks';
import { countBar } from 'vgg-blocks/node';
import {
  type FromWeightsOptions,
  fromPretrained,
  fromWeights,
  type HubName,
  type LoadedNetwork,
  type PublishedName,
} from 'vgg-blocks/weights';
import { ARCH_HELP, parseArch } from './options.js';

/** The options of {@link withReading}. */
export interface ReadingArguments {
  allowUnused?: true;
  rename?: Record<string, string>;
  key?: string;
  arch?: ConvArch;
  padding?: 'same' | 'valid';
}

/** Adds the options of every command that reads weights. */
export function withReading(command: Command): Command {
  return command
    .option('--key <name>', 'which state dict of a PyTorch checkpoint, e.g. model_ema')
    .addOption(
      new Option(
        '--rename <old=new>',
        'read a tensor, or all of a module, under another name, e.g. encoder.conv=block1_conv1; repeat the option for several',
      ).argParser(renamed),
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
    );
}

/** The option to leave weights out, for commands that build the network. */
export function allowUnusedOption(): Option {
  return new Option('--allow-unused', 'leave out weights of the file that have no place in the network');
}

function renamed(text: string, before: Record<string, string> = {}): Record<string, string> {
  const [, old, name] = /^([^=]+)=(.+)$/s.exec(text) ?? [];
  if (old === undefined || name === undefined) throw new InvalidArgumentError('It must be OLD=NEW.');
  if (Object.hasOwn(before, old)) throw new InvalidArgumentError(`${old} is renamed twice.`);
  return { ...before, [old]: name };
}

/** The arguments as options of `inspectWeights` and `fromWeights`. */
export function readingOptions({ allowUnused, rename, key, arch, padding }: ReadingArguments) {
  return {
    ...(allowUnused && { strict: false }),
    ...(rename && { rename }),
    ...(key !== undefined && { key }),
    ...(arch && { arch }),
    ...(padding && { padding }),
  };
}

/** Builds the network of a weight file, or of a repository on the hub. */
export async function openWeights(
  source: string,
  args: ReadingArguments,
  options: FromWeightsOptions = {},
): Promise<LoadedNetwork> {
  const all = { ...options, ...readingOptions(args) };
  return isHubName(source) ? downloadWeights(source, all) : fromWeights(source, all);
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
  return fromPretrained(name, { ...options, ...hub, onProgress: bar.update }).finally(bar.stop);
}

export function isHubName(name: string): name is HubName {
  return name.startsWith('hf:');
}

/** A name from a file, without control characters, which terminals would obey. */
export function oneLine(name: string): string {
  return name.replace(/\p{C}/gu, '\ufffd').slice(0, 60);
}

/** What to pass to the command line for an option that an error of the library names. */
const FLAGS: [option: RegExp, flag: string][] = [
  [/\bstrict: false\b/g, '--allow-unused'],
  [/\bkey: '([^']*)'/g, '--key $1'],
  [/\bpadding: '(\w+)'/g, '--padding $1'],
  [/\bthe option (key|rename|arch|padding)\b/g, '--$1'],
  [/\bpass a token\b/g, 'set HF_TOKEN to a token'],
  [/\bcheck the endpoint\b/g, 'check HF_ENDPOINT'],
];

/** A message of the library in the command line's words. */
export function inFlags(message: string): string {
  return FLAGS.reduce((text, [option, flag]) => text.replace(option, flag), message);
}
