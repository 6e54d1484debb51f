import { type Tensor1D, zeros } from '@tensorflow/tfjs-core';
import type { layers } from '@tensorflow/tfjs-layers';
import { fail, numberThat, shown, wholeNumber } from '../base/check.js';
import type { Graph } from '../tfjs/graph.js';
import { BYTES, manifestBytes, type StoredAs, weightBytes } from './bytes.js';
import { sizeOf, type Target } from './chooseRanks.js';
import { divided } from './divide.js';
import type { Factors } from './factors.js';
import { largestRank, sizeAt } from './ranks.js';

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
 * @param isCalibrated whether every divided layer gets a bias.
 */
export function targetOf(
  where: string,
  { maxBytes, ranks, maxError }: TargetOptions,
  graph: Graph,
  dense: readonly layers.Layer[],
  quantize: StoredAs,
  isCalibrated: boolean,
): Target {
  const given = Object.entries({ maxBytes, ranks, maxError }).filter(([, value]) => value !== undefined);
  if (given.length !== 1) {
    const names = given.map(([name]) => name).join(' and ');
    fail(
      where,
      `${names === '' ? 'no target is given' : `${names} are given`}; pass one of maxBytes, ranks and maxError.`,
    );
  }
  if (maxBytes !== undefined) return budgetOf(where, maxBytes, graph, dense, quantize, isCalibrated);
  if (maxError !== undefined) {
    numberThat(where, 'maxError', maxError, (n) => n > 0 && n < 1, 'above 0 and below 1, such as 0.1');
    return { maxError };
  }
  return { ranks: ranksOf(where, ranks!, dense) };
}

function budgetOf(
  where: string,
  maxBytes: number,
  graph: Graph,
  dense: readonly layers.Layer[],
  quantize: StoredAs,
  isCalibrated: boolean,
): Target {
  numberThat(
    where,
    'maxBytes',
    maxBytes,
    (n) => n > 0 && n < Number.POSITIVE_INFINITY,
    'a number of bytes above 0',
  );
  const least = dense.reduce((sum, layer) => sum + sizeAt(sizeOf(layer), 1), 0);
  const smallest = smallestBytes(where, graph, dense, quantize, isCalibrated);
  if (maxBytes < smallest) {
    const others = smallest - least * BYTES[quantize];
    fail(
      where,
      `maxBytes is ${maxBytes}, but the smallest model with kernels ${quantize === 'none' ? 'as float32' : `of ${quantize}`} has ${smallest} bytes, ${others} of them for convolutions and what else stays whole; pass at least as many${quantize === 'uint8' ? ', or compress a narrower network' : ", or quantize: 'uint8'"}.`,
    );
  }
  return { budget: Math.floor((maxBytes - smallest) / BYTES[quantize]) + least };
}

/** The bytes of a file in which all dense layers have rank 1. */
function smallestBytes(
  where: string,
  graph: Graph,
  dense: readonly layers.Layer[],
  quantize: StoredAs,
  isCalibrated: boolean,
): number {
  const least = divided(where, graph, new Map(dense.map((layer) => [layer, rankOne(layer, isCalibrated)])));
  try {
    const bytes = weightBytes(least.weights, quantize);
    return bytes + manifestBytes(least, quantize, dense.length, bytes);
  } finally {
    least.dispose();
  }
}

function rankOne(layer: layers.Layer, isCalibrated: boolean): Factors {
  const { inputs, outputs } = sizeOf(layer);
  return {
    first: zeros([inputs, 1]),
    second: zeros([1, outputs]),
    ...(isCalibrated && { bias: zeros([outputs]) as Tensor1D }),
  };
}

function ranksOf(
  where: string,
  ranks: Readonly<Record<string, number>>,
  dense: readonly layers.Layer[],
): (number | null)[] {
  if (typeof ranks !== 'object' || ranks === null || Array.isArray(ranks)) {
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
