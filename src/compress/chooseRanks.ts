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
  leastLeft,
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
interface Found extends Directions {
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
        `the weights of ${layer.name}, or what the images make of them, are not finite; use a network that has not diverged, and images of finite numbers.`,
      );
    }
    found[i]?.vectors.dispose();
    found[i] = undefined;
    found[i] = await directionsOf(power, count, work);
    // Nothing is lost of what puts out nothing.
    const whole = power.total || 1;
    const squares = power.squares === undefined ? undefined : power.squares / whole ** 2;
    candidates[i] = { ...costs[i]!, shares: found[i].values.map((value) => value / whole), squares };
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
      const { ranks, price } = ranksFor(target, candidates);
      const isOpen = (i: number) => needsMore(candidates, i, ranks[i]!, price, limits[i]!, target);
      const more = counts.map((count, i) => (isOpen(i) ? Math.min(limits[i]!, 2 * count) : count));
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
  // The others take the least.
  const most = target.budget - leastBytes(costs.filter((other) => other !== cost));
  let rank = Math.min(largest, Math.floor(most / (cost.each * (cost.inputs + cost.outputs))));
  while (rank > 1 && bytesAt(cost, rank) > most) rank--;
  return rank;
}

function ranksFor(target: Target, candidates: readonly Candidate[]) {
  if ('budget' in target) return ranksWithin(candidates, target.budget);
  const ranks = 'ranks' in target ? target.ranks : candidates.map((one) => rankWithin(one, target.maxError));
  return { ranks, price: 0 };
}

/** Whether a better rank may be among those whose directions have not been found. */
function needsMore(
  candidates: readonly Candidate[],
  i: number,
  rank: number | null,
  price: number,
  limit: number,
  target: Target,
): boolean {
  const one = candidates[i]!;
  const known = one.shares.length;
  if ('ranks' in target || known >= limit) return false;
  if ('budget' in target) return rank === null ? mayPay(one, price, limit) : rank === known;
  return rank === null && leastLeft(one, limit - known) <= target.maxError ** 2;
}
