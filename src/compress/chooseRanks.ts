import type { layers } from '@tensorflow/tfjs-layers';
import { fail } from '../base/check.js';
import type { Own } from '../base/owning.js';
import { kernelOf, type LayerStatistics } from './calibrate.js';
import { costOfPower, type OutputPower, outputPower, squaredLengths } from './factors.js';
import {
  bytesAt,
  type Candidate,
  type Cost,
  errorAt,
  largestRank,
  largestSaving,
  leastBytes,
  mayPay,
  ranksWithin,
  rankWithin,
  type Size,
} from './ranks.js';
import { costOfDirections, type Directions, largestDirections } from './svd.js';
import type { Work } from './work.js';

/** What the ranks are chosen for. */
export type Target =
  /** The bytes of all dense layers together, at least the least of each. */
  { budget: number } | { ranks: readonly (number | null)[] } | { maxError: number };

/** Directions of a layer's outputs, and what is known of each. */
export interface Found extends Directions {
  /** The squared length of `W v` for each direction v. */
  lengths: Float64Array;
  /** The share of each in what images make of the layer's output; without images, of any output. */
  shown: Float64Array;
}

/** What was chosen for a dense layer. */
export interface ChosenRank {
  /** Null for a layer that stays whole. */
  rank: number | null;
  error: number;
  /** The directions of the outputs, at least `rank`; missing if none were looked for. */
  found?: Found;
}

/** The numbers of a dense layer's inputs and outputs. */
export function sizeOf(layer: layers.Layer): Size {
  const [inputs, outputs] = layer.weights[0]!.shape as [number, number];
  return { inputs, outputs };
}

/** The directions that are found at first; if a layer needs more, twice as many. */
const FIRST = 128;

/**
 * The ranks of dense layers for a target, and the directions that are kept. How many directions of a layer are needed shows once
 * the ranks are chosen, so that few are found first.
 *
 * @param costs what the layers take in a file.
 * @param own disposes the directions.
 */
export async function chooseRanks(
  where: string,
  dense: readonly layers.Layer[],
  costs: readonly Cost[],
  statistics: ReadonlyMap<layers.Layer, LayerStatistics>,
  target: Target,
  own: Own,
  work: Work,
): Promise<Map<layers.Layer, ChosenRank>> {
  const limits = costs.map((cost) => limitOf(cost, costs, target));
  const candidates: Candidate[] = costs.map((cost) => ({ ...cost, shares: new Float64Array() }));
  const powers: (OutputPower | undefined)[] = [];
  const found: (Found | undefined)[] = [];
  own(found, () => {
    for (const one of found) one?.vectors.dispose();
  });

  const look = async (i: number, count: number) => {
    const layer = dense[i]!;
    if (powers[i] === undefined && (await statistics.get(layer)?.vary()) === false) {
      fail(where, `all images make the same of what ${layer.name} takes; pass images that differ, or none.`);
    }
    powers[i] ??= await outputPower(kernelOf(layer), statistics.get(layer), work);
    const power = powers[i];
    if (!Number.isFinite(power.total)) {
      fail(
        where,
        `the weights of ${layer.name}, or what the images make of them, are not finite; use a network that has not diverged.`,
      );
    }
    found[i]?.vectors.dispose();
    found[i] = undefined;
    found[i] = await directionsOf(power, count, work);
    // Nothing is lost of what puts out nothing.
    candidates[i]!.shares = found[i].values.map((value) => value / (power.total || 1));
  };

  let counts = limits.map((limit, i) =>
    'ranks' in target ? (target.ranks[i] ?? 0) : Math.min(limit, FIRST),
  );
  try {
    for (;;) {
      const looks = [...counts.entries()].filter(([i, count]) => candidates[i]!.shares.length < count);
      for (const [i, count] of looks) {
        if (powers[i] === undefined) work.plan(costOfPower(costs[i]!));
        work.plan(costOfDirections(costs[i]!.outputs, count));
      }
      for (const [i, count] of looks) await look(i, count);
      const ranks = ranksFor(target, candidates);
      const more = counts.map((count, i) =>
        needsMore(candidates, i, ranks, limits[i]!, target) ? Math.min(limits[i]!, 2 * count) : count,
      );
      if (more.every((count, i) => count === counts[i])) {
        return new Map(
          dense.map((layer, i) => {
            const [rank, directions] = [ranks[i]!, found[i]];
            const error = rank === null ? 0 : errorAt(directions!.shown, rank);
            return [layer, { rank, error, ...(directions && { found: directions }) }];
          }),
        );
      }
      counts = more;
    }
  } finally {
    for (const one of powers) one?.dispose();
  }
}

async function directionsOf(power: OutputPower, count: number, work: Work): Promise<Found> {
  const { operator, total, plain, plainTotal, prior } = power;
  const { values, vectors } = await largestDirections(operator, count, work);
  try {
    const lengths = plain === operator ? values : await squaredLengths(plain, vectors);
    const whole = total - prior * plainTotal;
    return {
      values,
      vectors,
      lengths,
      shown: values.map((v, i) => (v - prior * lengths[i]!) / (whole || 1)),
    };
  } catch (error) {
    vectors.dispose();
    throw error;
  }
}

/** The largest rank that may be chosen for a layer. */
function limitOf(cost: Cost, costs: readonly Cost[], target: Target): number {
  if ('ranks' in target) return Math.min(largestRank(cost), cost.inputs, cost.outputs);
  const largest = largestSaving(cost);
  if (!('budget' in target)) return largest;
  const most = affordable(cost, costs, target.budget);
  let rank = Math.min(largest, Math.floor(most / (cost.each * (cost.inputs + cost.outputs))));
  while (rank > 1 && bytesAt(cost, rank) > most) rank--;
  return rank;
}

/** The bytes that a layer may take if the others take the least. */
function affordable(cost: Cost, costs: readonly Cost[], budget: number): number {
  return budget - leastBytes(costs.filter((other) => other !== cost));
}

function ranksFor(target: Target, candidates: readonly Candidate[]): readonly (number | null)[] {
  if ('ranks' in target) return target.ranks;
  if ('budget' in target) return ranksWithin(candidates, target.budget);
  return candidates.map((one) => rankWithin(one, target.maxError));
}

/** Whether a better rank may be among those whose directions have not been found. */
function needsMore(
  candidates: readonly Candidate[],
  i: number,
  ranks: readonly (number | null)[],
  limit: number,
  target: Target,
): boolean {
  const one = candidates[i]!;
  const { shares } = one;
  const rank = ranks[i]!;
  if ('ranks' in target || shares.length >= limit) return false;
  if ('budget' in target) {
    if (rank !== null && rank < shares.length) return false;
    const isWholeOpen = bytesAt(one, null) <= affordable(one, candidates, target.budget);
    return !isWholeOpen || mayPay(one) || rank !== null;
  }
  if (rank !== null) return false;
  // No further direction has a larger share than the last one.
  const left = 1 - shares.reduce((sum, share) => sum + share, 0);
  return left - (limit - shares.length) * shares.at(-1)! <= target.maxError ** 2;
}
