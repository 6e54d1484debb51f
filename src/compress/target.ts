import { type Tensor1D, zeros } from '@tensorflow/tfjs-core';
import type { layers } from '@tensorflow/tfjs-layers';
import { fail, numberThat, shown, tag, wholeNumber } from '../base/check.js';
import type { Graph } from '../tfjs/graph.js';
import { BYTES, manifestBytes, type StoredAs, weightBytes } from './bytes.js';
import { sizeOf, type Target } from './chooseRanks.js';
import { divided } from './divide.js';
import type { Factors } from './factors.js';
import { bytesAt, type Cost, largestRank, leastBytes, leastRank, sizeAt } from './ranks.js';

/** The dense layers of a graph that a lower rank can make smaller, in its order. */
export function denseLayersOf({ calls }: Graph): layers.Layer[] {
  const all = new Set(calls.map(({ layer }) => layer));
  return [...all].filter((layer) => layer.getClassName() === 'Dense' && largestRank(sizeOf(layer)) >= 1);
}

/** The options that say what the ranks are chosen for. */
export interface TargetOptions {
  maxBytes?: number;
  ranks?: Readonly<Record<string, number>>;
  maxError?: number;
}

/**
 * What the ranks are chosen for, checked.
 *
 * @param costs what the layers take.
 */
export function targetOf(
  where: string,
  { maxBytes, ranks, maxError }: TargetOptions,
  dense: readonly layers.Layer[],
  costs: Costs,
  quantize: StoredAs,
): Target {
  const given = Object.entries({ maxBytes, ranks, maxError }).filter(([, value]) => value !== undefined);
  if (given.length !== 1) {
    const names = given.map(([name]) => name).join(' and ');
    fail(
      where,
      `${names === '' ? 'no target is given' : `${names} are given`}; pass one of maxBytes, ranks and maxError.`,
    );
  }
  if (maxBytes !== undefined) return budgetOf(where, maxBytes, costs, quantize);
  if (maxError !== undefined) {
    numberThat(where, 'maxError', maxError, (n) => n > 0 && n < 1, 'above 0 and below 1, such as 0.1');
    return { maxError };
  }
  return { ranks: ranksOf(where, ranks!, dense) };
}

function budgetOf(where: string, maxBytes: number, { fixed, layers }: Costs, quantize: StoredAs): Target {
  numberThat(
    where,
    'maxBytes',
    maxBytes,
    (n) => n > 0 && n < Number.POSITIVE_INFINITY,
    'a number of bytes above 0',
  );
  const least = leastBytes(layers);
  if (maxBytes < fixed + least) {
    const kernels = layers.reduce((sum, one) => sum + one.each * sizeAt(one, leastRank(one)), 0);
    fail(
      where,
      `maxBytes is ${maxBytes}, but the smallest model with kernels ${quantize === 'none' ? 'as float32' : `of ${quantize}`} has ${fixed + least} bytes, ${fixed + least - kernels} of them for convolutions and what else stays whole; pass at least as many${quantize === 'uint8' ? ', or compress a narrower network' : ", or quantize: 'uint8'"}.`,
    );
  }
  return { budget: Math.floor(maxBytes) - fixed };
}

/** The bytes of a file by what is chosen for its layers. */
export interface Costs {
  /** Of what is the same for any ranks, at most. */
  fixed: number;
  /** Of the dense layers that can be divided. */
  layers: Cost[];
}

/**
 * What a file takes.
 *
 * @param isCalibrated whether every divided layer gets a bias.
 */
export function costsOf(
  where: string,
  graph: Graph,
  dense: readonly layers.Layer[],
  quantize: StoredAs,
  isCalibrated: boolean,
): Costs {
  const each = BYTES[quantize];
  /** The bytes of a file in which some layers have rank 1. */
  const bytesWith = (some: readonly layers.Layer[]) => {
    const model = divided(where, graph, new Map(some.map((layer) => [layer, rankOne(layer, isCalibrated)])));
    try {
      const bytes = weightBytes(model.weights, quantize);
      return bytes + manifestBytes(model, quantize, bytes);
    } finally {
      model.dispose();
    }
  };
  const whole = bytesWith([]);
  const sizes = dense.map((layer) => ({ ...sizeOf(layer), each, more: 0 }));
  return {
    fixed: sizes.reduce((sum, size) => sum - bytesAt(size, null), whole),
    layers: sizes.map((size, i) => ({
      ...size,
      more: bytesWith([dense[i]!]) - whole + bytesAt(size, null) - bytesAt(size, 1),
    })),
  };
}

function rankOne(layer: layers.Layer, isCalibrated: boolean): Factors {
  const { inputs, outputs } = sizeOf(layer);
  return {
    first: zeros([inputs, 1]),
    second: zeros([1, outputs]),
    ...((isCalibrated || layer.weights.length > 1) && { bias: zeros([outputs]) as Tensor1D }),
  };
}

function ranksOf(
  where: string,
  ranks: Readonly<Record<string, number>>,
  dense: readonly layers.Layer[],
): (number | null)[] {
  if (tag(ranks) !== 'Object') {
    fail(where, `ranks is ${shown(ranks)}; pass the rank of each layer by its name, such as { fc1: 100 }.`);
  }
  const names = dense.map(({ name }) => name);
  const stray = Object.keys(ranks).find((name) => !names.includes(name));
  if (stray !== undefined) {
    fail(
      where,
      `ranks has '${stray}', but the dense layers that a lower rank makes smaller are ${names.join(', ') || 'none'}; name one of these.`,
    );
  }
  return dense.map((layer) =>
    ranks[layer.name] === undefined
      ? null
      : wholeNumber(where, `ranks.${layer.name}`, ranks[layer.name]!, 1, largestRank(sizeOf(layer))),
  );
}
