import { cpus } from 'node:os';
import { removeBackend } from '@tensorflow/tfjs-core';
import { Command, InvalidArgumentError, Option } from 'commander';
import {
  type ConvArch,
  cost,
  OPTIMIZERS,
  type OptimizerName,
  paramCount,
  plan,
  scaleArch,
  VGG11,
  vgg,
} from 'vgg-blocks';
import { webgpuBackend } from 'vgg-blocks/node';
import { type Throughput, throughput } from 'vgg-blocks/train';
import { firstLineOf, messageOf } from '../base/realm.js';
import { table } from '../figures/table.js';
import { BACKENDS, type Backend, useBackend } from './backend.js';
import { distinct, isGiven, numberIn, parseIn, shared } from './options.js';
import { printing } from './process.js';
import { complain, inFlags } from './wording.js';

const MODES = ['inference', 'training'] as const;
type Mode = (typeof MODES)[number];

interface BenchArguments {
  arch: ConvArch;
  ratio: number;
  size: number;
  channels: number;
  classes: number;
  hidden: number;
  batchNorm?: true;
  backend?: Backend[];
  threads: number;
  relaxedSimd: boolean;
  batch: number[];
  mode: Mode[];
  optimizer: OptimizerName;
  seconds: number;
  json?: true;
}

/** A measurement, or the reason why it failed. */
type Row = { backend: Backend; batchSize: number; mode: Mode } & (
  | (Omit<Throughput, 'runsMs'> & { runs: number; gmacsPerSecond: number })
  | { error: string }
);

/** `vgg-blocks bench`: measures this machine's throughput. */
export function benchCommand(): Command {
  return printing(new Command('bench'))
    .description(
      'measure throughput in examples per second, by backend and batch size, with random weights and images',
    )
    .addOption(shared.arch().default(VGG11, 'vgg11'))
    .addOption(shared.ratio(4))
    .addOption(shared.size(224))
    .addOption(shared.channels())
    .addOption(shared.classes())
    .addOption(numberIn('count', '--hidden <units>', 'units of each hidden fully connected layer', 4096))
    .addOption(shared.batchNorm())
    .addOption(
      new Option(
        '--backend <names>',
        `TensorFlow.js backends, separated by commas: ${BACKENDS.join(', ')} (default: wasm, and webgpu if there is a GPU)`,
      ).argParser((text) => listOf(text, BACKENDS)),
    )
    .addOption(shared.threads())
    .addOption(shared.relaxedSimd())
    .addOption(
      new Option('--batch <sizes>', 'batch sizes, separated by commas')
        .argParser((text) => distinct(text.split(',').map((size) => parseIn('count', size))))
        .default([1, 8, 32], '1,8,32'),
    )
    .addOption(
      new Option('--mode <modes>', `${MODES.join(', ')}, or both separated by a comma`)
        .argParser((text) => listOf(text, MODES))
        .default([...MODES], MODES.join(',')),
    )
    .addOption(
      new Option('--optimizer <name>', 'optimizer of the training steps')
        .choices(Object.keys(OPTIMIZERS))
        .default('sgd'),
    )
    .addOption(numberIn('seconds', '--seconds <n>', 'duration of each measurement, after a warm-up', 2))
    .option('--json', 'print JSON')
    .action(run);
}

function listOf<T extends string>(text: string, allowed: readonly T[]): T[] {
  const names = text.split(',').map((name) => name.trim());
  if (!names.every((name) => allowed.includes(name as T))) {
    throw new InvalidArgumentError(`It must be of ${allowed.join(', ')}, separated by commas.`);
  }
  return distinct(names as T[]);
}

async function run(args: BenchArguments, command: Command): Promise<void> {
  if (args.backend && !args.backend.includes('wasm')) {
    const unused = ['threads', 'relaxedSimd'].find((name) => isGiven(command, name));
    if (unused !== undefined) {
      const flag = unused === 'threads' ? '--threads' : '--no-relaxed-simd';
      throw new Error(`bench: ${flag} is of the wasm backend, which is not measured; leave it out.`);
    }
  }
  if (isGiven(command, 'optimizer') && !args.mode.includes('training'))
    throw new Error('bench: --optimizer is of training, which is not measured; leave it out.');
  const arch = scaleArch(args.arch, args.ratio);
  const options = {
    inputShape: [args.size, args.size, args.channels],
    classes: args.classes,
    hiddenUnits: args.hidden,
    batchNorm: args.batchNorm,
  } as const;
  const layers = plan(arch, options);
  const { total } = paramCount(layers);
  const { forward, trainingStep } = cost(layers).macs;
  const macs = { inference: forward, training: trainingStep };
  const { seconds, optimizer } = args;
  const header = {
    network: { arch, ...options, parameters: total, macs },
    machine: {
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      threads: args.threads,
      node: process.version,
      platform: `${process.platform}-${process.arch}`,
      adapter: undefined as string | undefined,
    },
  };
  const rows: Row[] = [];
  for (const backend of args.backend ?? ['wasm', 'webgpu']) {
    try {
      if (backend === 'webgpu') {
        const { description, software } = await webgpuBackend();
        if (software && !args.backend)
          throw new Error(`the adapter ${description} is not a GPU; pass --backend webgpu to use it anyway.`);
        header.machine.adapter = description;
      }
      await useBackend({ ...(backend === 'wasm' && args), backend });
    } catch (error) {
      // A default backend may be missing.
      if (args.backend) throw error;
      complain(`skipping ${backend}: ${inFlags(messageOf(error), 'bench')}`);
      continue;
    }
    for (const batchSize of args.batch)
      for (const mode of args.mode) {
        const model = vgg(arch, options);
        try {
          const { runsMs, ...result } = await throughput(model, { seconds, optimizer, batchSize, mode });
          const gmacsPerSecond = (result.examplesPerSecond * macs[mode]) / 1e9;
          rows.push({ backend, ...result, runs: runsMs.length, gmacsPerSecond });
        } catch (error) {
          rows.push({ backend, batchSize, mode, error: inFlags(firstLineOf(error), 'bench') });
        } finally {
          model.dispose();
        }
      }
    removeBackend(backend);
  }
  if (rows.length === 0) throw new Error('bench: no backend could be measured; pass --backend to see why.');
  console.log(args.json ? JSON.stringify({ ...header, rows }, null, 2) : describe(header, rows));
  const failed = rows.filter((row) => 'error' in row).length;
  if (failed > 0) throw new Error(`bench: ${failed} of ${rows.length} measurements failed.`);
}

function describe(
  {
    network,
    machine,
  }: {
    network: { parameters: number; macs: { inference: number }; inputShape: readonly number[] };
    machine: { cpu: string; cores: number; threads: number; node: string; adapter?: string };
  },
  rows: readonly Row[],
): string {
  const threads = machine.threads > 1 ? ` (${machine.threads} threads on wasm)` : '';
  const adapter = machine.adapter ? `, ${machine.adapter}` : '';
  const cells = rows.map((row) => [
    row.backend,
    String(row.batchSize),
    row.mode,
    ...('error' in row
      ? ['-', '-', '-', '-', row.error]
      : [
          figure(row.examplesPerSecond),
          `${figure(row.spread[0])} to ${figure(row.spread[1])}`,
          figure(row.gmacsPerSecond),
          `${(row.firstMs / 1000).toFixed(2)} s`,
          '',
        ]),
  ]);
  return [
    `${network.parameters.toLocaleString('en-US')} parameters, ${figure(network.macs.inference / 1e9)} GMACs per image of ${network.inputShape.join('x')}; ${machine.cpu}, ${machine.cores} cores${threads}, Node ${machine.node}${adapter}`,
    '',
    table([
      ['backend', 'batch', 'mode', 'examples/s', 'slowest to fastest', 'GMACs/s', 'first run', ''],
      ...cells,
    ]),
  ].join('\n');
}

/** A number with three significant digits. */
function figure(value: number): string {
  return value >= 100 ? Math.round(value).toString() : value.toPrecision(3);
}
