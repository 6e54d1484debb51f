/** The numbers of a dense layer's inputs and outputs. */
export interface Size {
  inputs: number;
  outputs: number;
}

/** What is known of a dense layer when ranks are chosen. */
export interface Candidate extends Size {
  /** The share of each direction in the layer's output, the largest first: of the whole, or of the largest ones. */
  shares: Float64Array;
}

/** The largest rank whose two matrices have fewer numbers than the layer. */
export function largestRank({ inputs, outputs }: Size): number {
  return Math.ceil((inputs * outputs) / (inputs + outputs)) - 1;
}

/** The numbers of a layer's kernel, or of the two matrices of a rank. */
export function sizeAt({ inputs, outputs }: Size, rank: number | null): number {
  return rank === null ? inputs * outputs : rank * (inputs + outputs);
}

/** The relative error of a layer's output at a rank; 0 for the whole layer. */
export function errorAt({ shares }: Pick<Candidate, 'shares'>, rank: number | null): number {
  if (rank === null) return 0;
  let left = 1;
  for (let i = 0; i < rank; i++) left -= shares[i] ?? 0;
  return Math.sqrt(Math.max(0, left));
}

/** The smallest rank of which the error is at most `maxError`; null, for the whole layer, if no rank that saves numbers has. */
export function rankWithin(candidate: Candidate, maxError: number): number | null {
  const last = Math.min(candidate.shares.length, largestRank(candidate));
  for (let rank = 1; rank <= last; rank++) {
    if (errorAt(candidate, rank) <= maxError) return rank;
  }
  return null;
}

/** Halvings of the price's exponent; more change no rank. */
const STEPS = 80;

/**
 * The ranks of all layers whose numbers fit a budget, with the least sum of squared relative errors, null for a layer that stays
 * whole. At a price for each number, every layer has one best rank; the lowest price at which they fit is found by bisection, and what
 * is left of the budget goes to the directions that gain most a number.
 *
 * @param budget the numbers of all layers together, at least enough for rank 1 of each.
 */
export function ranksWithin(candidates: readonly Candidate[], budget: number): (number | null)[] {
  const curves = candidates.map(costs);
  const total = (ranks: readonly (number | null)[]) =>
    ranks.reduce<number>((sum, rank, i) => sum + sizeAt(candidates[i]!, rank), 0);
  const whole = candidates.map(() => null);
  if (total(whole) <= budget) return whole;
  let ranks: (number | null)[] = candidates.map(() => 1);
  let [low, high] = [-60, 20];
  for (let step = 0; step < STEPS; step++) {
    const price = Math.exp((low + high) / 2);
    const found = curves.map((curve) => bestAt(curve, price));
    if (total(found) <= budget) [ranks, high] = [found, (low + high) / 2];
    else low = (low + high) / 2;
  }
  return filled(candidates, ranks, budget - total(ranks));
}

interface Choice {
  rank: number | null;
  numbers: number;
  /** The squared relative error. */
  error: number;
}

/** All choices for a layer. */
function costs(candidate: Candidate): Choice[] {
  const last = Math.min(candidate.shares.length, largestRank(candidate));
  const choices: Choice[] = [{ rank: null, numbers: sizeAt(candidate, null), error: 0 }];
  let left = 1;
  for (let rank = 1; rank <= last; rank++) {
    left -= candidate.shares[rank - 1]!;
    choices.push({ rank, numbers: sizeAt(candidate, rank), error: Math.max(0, left) });
  }
  return choices;
}

function bestAt(choices: readonly Choice[], price: number): number | null {
  const cost = ({ error, numbers }: Choice) => error + price * numbers;
  return choices.reduce((best, one) => (cost(one) < cost(best) ? one : best)).rank;
}

/** Spends what is left on the directions that gain most. */
function filled(candidates: readonly Candidate[], ranks: readonly (number | null)[], left: number) {
  const result = [...ranks];
  for (;;) {
    let best = -1;
    let most = 0;
    for (const [i, candidate] of candidates.entries()) {
      const rank = result[i];
      const step = candidate.inputs + candidate.outputs;
      if (rank == null || rank >= Math.min(candidate.shares.length, largestRank(candidate)) || step > left)
        continue;
      const gain = candidate.shares[rank]! / step;
      if (gain > most) [best, most] = [i, gain];
    }
    if (best < 0) return result;
    result[best]!++;
    left -= candidates[best]!.inputs + candidates[best]!.outputs;
  }
}
