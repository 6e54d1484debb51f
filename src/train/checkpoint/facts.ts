import { getBackend, version_core } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { checkArguments, TEXT } from '../../base/arguments.js';
import { crc32 } from '../../base/crc32.js';
import { unlessAborted } from '../../base/unlessAborted.js';
import { VERSION } from '../../base/version.js';
import { gpuName } from '../../tfjs/gpu.js';
import { hasKernel, triesWinograd, wasmInstallation } from '../../tfjs/kernels.js';
import { layersWithin } from '../../tfjs/models.js';
import { disposeBatch, type Examples } from '../batch.js';
import { givenBatches } from '../examples.js';

/** What decides the numbers of a run, as plain data: two runs with the same facts end with the same weights. */
export interface RunFacts {
  options: Record<string, unknown>;
  /** One entry per layer: its class, shapes and options. */
  architecture: Record<string, unknown>[];
  engine: Record<string, unknown>;
  /** A fingerprint of each set. */
  data: Record<string, string>;
}

/** What a run that goes on may have changed. */
export type Difference = 'data' | 'engine';

/**
 * Collects the facts of a run with these options, which may contain functions.
 *
 * @param microBatchSize of batches that are taken in parts, which decides how their sums round.
 * @param signal ends the waiting for a set: rejects with its reason.
 */
export async function factsOf(
  model: LayersModel,
  sets: Record<string, Examples | undefined>,
  options: { batchSize: number },
  microBatchSize?: number,
  signal?: AbortSignal,
): Promise<RunFacts> {
  const data: Record<string, string> = {};
  for (const [name, set] of Object.entries(sets)) {
    if (set) data[name] = await fingerprint(set, options.batchSize, signal);
  }
  const architecture = layersWithin(model).map(describeLayer);
  const engine = { ...engineFacts(), microBatchSize };
  const facts = { options, architecture, engine, data };
  // As it will be read from a checkpoint.
  return JSON.parse(
    JSON.stringify(facts, (_, value) => (typeof value === 'function' ? String(value) : value)),
  );
}

/** A layer without its name, which differs between processes, and without its initial weights, which are replaced. */
export function describeLayer(layer: ReturnType<typeof layersWithin>[number]): Record<string, unknown> {
  const config = Object.entries(layer.getConfig()).filter(([key]) => !/^name$|initializer$/i.test(key));
  return {
    ...Object.fromEntries(config),
    class: layer.getClassName(),
    trainable: layer.trainable,
    weights: layer.weights.map(({ shape }) => shape),
  };
}

function engineFacts(): Record<string, unknown> {
  const { uninstall, ...numerics } = wasmInstallation() ?? {};
  return {
    ...{ backend: getBackend(), gpu: gpuName(), tfjs: version_core, 'vgg-blocks': VERSION },
    // Those of the wasm backend name their build.
    ...(hasKernel('SgdUpdate') && { kernels: 'vgg-blocks' }),
    ...(triesWinograd() && { winograd: true }),
    ...numerics,
  };
}

/**
 * A fingerprint of a set: its size, the names of its classes, and the set's own fingerprint, or else its first batch in stored
 * order.
 */
async function fingerprint(
  set: Examples,
  batchSize: number,
  signal: AbortSignal | undefined,
): Promise<string> {
  const { length, shape, classNames } = set;
  const own = set.fingerprint
    ? await unlessAborted(signal, () => set.fingerprint!())
    : await firstBatch(set, Math.min(batchSize, length), signal);
  const what = 'what fingerprint() of a set returned';
  checkArguments('train', { [what]: own }, { [what]: TEXT });
  return `${length} examples of ${shape.join('x')}, ${checksum([JSON.stringify(classNames ?? null), own])}`;
}

async function firstBatch(
  set: Examples,
  batchSize: number,
  signal: AbortSignal | undefined,
): Promise<string> {
  for await (const batch of givenBatches('train', 'training', set, { batchSize, signal })) {
    const { xs, ys, weights } = batch;
    try {
      const numbers = await Promise.all([xs, ys, ...(weights ? [weights] : [])].map((one) => one.data()));
      return numbers
        .map(({ buffer, byteOffset, byteLength }) => crc32(new Uint8Array(buffer, byteOffset, byteLength)))
        .join(' ');
    } finally {
      disposeBatch(batch);
    }
  }
  return 'empty';
}

function checksum(parts: readonly string[]): string {
  return crc32(new TextEncoder().encode(parts.join('\n')))
    .toString(16)
    .padStart(8, '0');
}

/** A way in which two runs differ. */
export interface Found {
  /** What it is, as a clause. */
  text: string;
  /** What allows it; undefined for options and the architecture, without which it would be no run that goes on. */
  kind?: Difference;
}

/** How two runs differ: in the options and the architecture, and, unless allowed, in the data and the engine. */
export function differences(before: RunFacts, now: RunFacts, allowed: readonly Difference[]): Found[] {
  const found: Found[] = changes(before.options, now.options).map((change) => ({
    text: `the option ${change}`,
  }));
  const { architecture: layers } = before;
  if (layers.length !== now.architecture.length) {
    found.push({ text: `the model had ${layers.length} layers and has ${now.architecture.length}` });
  } else {
    const first = layers.findIndex((layer, i) => changes(layer, now.architecture[i]!).length > 0);
    const [change] = first < 0 ? [] : changes(layers[first]!, now.architecture[first]!);
    if (change)
      found.push({ text: `of layer ${first + 1} of the model (${layers[first]!.class}), ${change}` });
  }
  for (const kind of ['data', 'engine'] as const) {
    if (allowed.includes(kind)) continue;
    found.push(
      ...changes(before[kind], now[kind]).map((change) => ({ kind, text: `of the ${kind}, ${change}` })),
    );
  }
  return found;
}

/** The entries that differ, such as 'seed was 0 and is 1'. */
function changes(before: Record<string, unknown>, now: Record<string, unknown>): string[] {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(now)])];
  const text = (value: unknown) => JSON.stringify(value) ?? 'not set';
  return keys
    .filter((key) => text(before[key]) !== text(now[key]))
    .map((key) => `${key} was ${text(before[key])} and is ${text(now[key])}`);
}
