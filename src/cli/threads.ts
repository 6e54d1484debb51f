import { availableParallelism } from 'node:os';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { cost, type OptimizerName } from 'vgg-blocks';
import { throughput } from 'vgg-blocks/train';
import { type BackendArguments, useBackend } from './backend.js';
import { say } from './wording.js';

/** More threads than this gain little, because each has less to do. */
const MOST = 4;

/** Multiplications and additions of a run, of about a minute on one thread, below which a trial would take longer than it saves. */
const WORTHWHILE = 6e11;

/** How much faster several threads must be, since other programs may need the processor later. */
const GAIN = 1.1;

/** The most threads that are tried. They share the backend's memory, which must start with them. */
export function threadsToTry({ backend, threads }: BackendArguments): number {
  return threads ?? (backend === 'wasm' ? Math.min(MOST, availableParallelism()) : 1);
}

/**
 * The faster number of threads for a training run: one, or as many as the processor has. It takes a few steps of the model with
 * each, whose weights it restores, unless the run is short.
 *
 * @param examples how many are trained on, over all epochs.
 */
export async function chooseThreads(
  args: BackendArguments & { batch: number; optimizer: OptimizerName },
  model: LayersModel,
  examples: number,
): Promise<number> {
  const most = threadsToTry(args);
  const batchSize = Math.min(args.batch, 32);
  if (most === 1) return 1;
  if (cost(model).macs.trainingStep * examples < WORTHWHILE) {
    await changeThreads({ ...args, threads: 1 });
    return 1;
  }
  const weights = model.getWeights().map((tensor) => tensor.clone());
  const rates: number[] = [];
  for (const threads of [1, most]) {
    await changeThreads({ ...args, threads });
    const options = { mode: 'training', batchSize, optimizer: args.optimizer, seconds: 1 } as const;
    rates.push((await throughput(model, options)).examplesPerSecond);
    model.setWeights(weights);
  }
  for (const tensor of weights) tensor.dispose();
  const [one, several] = rates as [number, number];
  const chosen = several > GAIN * one ? most : 1;
  await changeThreads({ ...args, threads: chosen });
  say(
    `${chosen === 1 ? 'one thread' : `${chosen} threads`}: a trial took ${one.toPrecision(3)} examples/s with one and ${several.toPrecision(3)} with ${most}; --threads chooses without it`,
  );
  return chosen;
}

async function changeThreads(args: BackendArguments): Promise<void> {
  const { installWasmKernels } = await import('vgg-blocks/wasm');
  const uninstall = installWasmKernels();
  uninstall();
  await useBackend(args);
}
