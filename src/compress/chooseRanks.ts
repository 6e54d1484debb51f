import type { layers } from '@tensorflow/tfjs-layers';
import { fail } from '../base/check.js';
import type { Own } from '../base/owning.js';
import { kernelOf, type LayerStatistics } from './calibrate.js';
import { type OutputPower, outputPower } from './factors.js';
import { type Candidate, errorAt, largestRank, ranksWithin, rankWithin, type Size, sizeAt } from './ranks.js';
import { type Directions, largestDirections, type Pace } from './svd.js';

/** What the ranks are chosen for. */
export type Target =
  /** The numbers of the kernels of all dense layers together, at least enough for rank 1 of each. */
  { budget: number } | { ranks: readonly (number | null)[] } | { maxError: number };

/** What was chosen for a dense layer. */
export interface ChosenRank {
  /** Null for a layer that stays whole. */
  rank: number | null;
  error: number;
  /** The directions of the outputs, at least `rank`; missing if none were looked for. */
  directions?: Directions;
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
 * @param own disposes the directions.
 * @param pace as of {@link largestDirections}, with the number of the layer.
 */
export async function chooseRanks(
  where: string,
  dense: readonly layers.Layer[],
  statistics: ReadonlyMap<layers.Layer, LayerStatistics>,
  target: Target,
  own: Own,
  { step, breathe }: { step(layer: number): Promise<void>; breathe: Pace['breathe'] },
): Promise<Map<layers.Layer, ChosenRank>> {
  const sizes = dense.map(sizeOf);
  const limits = sizes.map((_, i) => limitOf(i, sizes, target));
  const candidates: Candidate[] = sizes.map((size) => ({ ...size, shares: new Float64Array() }));
  const powers: (OutputPower | undefined)[] = [];
  const found: (Directions | undefined)[] = [];
  own(powers, () => {
    for (const one of powers) one?.dispose();
  });
  own(found, () => {
    for (const one of found) one?.vectors.dispose();
  });

  const look = async (i: number, count: number) => {
    const layer = dense[i]!;
    if (powers[i] === undefined && (await statistics.get(layer)?.vary()) === false) {
      fail(where, `all images make the same of what ${layer.name} takes; pass images that differ, or none.`);
    }
    powers[i] ??= await outputPower(kernelOf(layer), statistics.get(layer));
    const { operator, total } = powers[i];
    if (!Number.isFinite(total)) {
      fail(
        where,
        `the weights of ${layer.name}, or what the images make of them, are not finite; use a network that has not diverged.`,
      );
    }
    found[i]?.vectors.dispose();
    found[i] = undefined;
    found[i] = await largestDirections(operator, count, { step: () => step(i), breathe });
    // Nothing is lost of what puts out nothing.
    candidates[i]!.shares = found[i].values.map((value) => value / (total || 1));
  };

  let counts = limits.map((limit, i) =>
    'ranks' in target ? (target.ranks[i] ?? 0) : Math.min(limit, FIRST),
  );
  for (;;) {
    for (const [i, count] of counts.entries()) {
      if (candidates[i]!.shares.length < count) await look(i, count);
    }
    const ranks = ranksFor(target, candidates);
    const more = counts.map((count, i) =>
      needsMore(candidates[i]!, ranks[i]!, limits[i]!, target) ? Math.min(limits[i]!, 2 * count) : count,
    );
    if (more.every((count, i) => count === counts[i])) {
      return new Map(
        dense.map((layer, i) => {
          const rank = ranks[i]!;
          return [layer, { rank, error: errorAt(candidates[i]!, rank), directions: found[i] }];
        }),
      );
    }
    counts = more;
  }
}

/** The largest rank that may be chosen for a layer. */
function limitOf(i: number, sizes: readonly Size[], target: Target): number {
  const { inputs, outputs } = sizes[i]!;
  const largest = Math.min(largestRank(sizes[i]!), inputs, outputs);
  if (!('budget' in target)) return largest;
  const others = sizes.reduce((sum, one, at) => sum + (at === i ? 0 : sizeAt(one, 1)), 0);
  return Math.max(1, Math.min(largest, Math.floor((target.budget - others) / (inputs + outputs))));
}

function ranksFor(target: Target, candidates: readonly Candidate[]): readonly (number | null)[] {
  if ('ranks' in target) return target.ranks;
  if ('budget' in target) return ranksWithin(candidates, target.budget);
  return candidates.map((one) => rankWithin(one, target.maxError));
}

/** Whether a better rank may be among those whose directions have not been found. */
function needsMore({ shares }: Candidate, rank: number | null, limit: number, target: Target): boolean {
  if ('ranks' in target || shares.length >= limit) return false;
  if ('budget' in target) return rank === null || rank === shares.length;
  if (rank !== null) return false;
  // No further direction has a larger share than the last one.
  const left = 1 - shares.reduce((sum, share) => sum + share, 0);
  return left - (limit - shares.length) * shares.at(-1)! <= target.maxError ** 2;
}
