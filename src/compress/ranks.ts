/** The numbers of a dense layer's inputs and outputs. */
export interface Size {
  inputs: number;
  outputs: number;
}

/** What a dense layer takes in a file. */
export interface Cost extends Size {
  /** The bytes of a number of its kernel. */
  each: number;
  /** The bytes that two layers of rank 1 take more than one, besides their kernels. */
  more: number;
}

/** What is known of a dense layer when ranks are chosen. */
export interface Candidate extends Cost {
  /** The share of each direction in the layer's output, the largest first: of the whole, or of the largest ones. */
  shares: Float64Array;
  /** The sum of the squares of all shares, if it is known. */
  squares?: number;
}

/** The largest rank whose two matrices have fewer numbers than the layer. */
export function largestRank({ inputs, outputs }: Size): number {
  return Math.ceil((inputs * outputs) / (inputs + outputs)) - 1;
}

/** The numbers of a layer's kernel, or of the two matrices of a rank. */
export function sizeAt({ inputs, outputs }: Size, rank: number | null): number {
  return rank === null ? inputs * outputs : rank * (inputs + outputs);
}

/** How often `model.json` has the rank of a layer: as units of the first, and in the shapes of both kernels. */
const WRITTEN = 3;

/** The bytes of a layer, or of the two of a rank, besides what does not depend on it. */
export function bytesAt(cost: Cost, rank: number | null): number {
  const kernels = cost.each * sizeAt(cost, rank);
  return rank === null ? kernels : kernels + cost.more + WRITTEN * (String(rank).length - 1);
}

/** The largest rank that makes a layer's file smaller; 0 if none does. */
export function largestSaving(cost: Cost): number {
  const whole = bytesAt(cost, null);
  let rank = Math.min(largestRank(cost), cost.inputs, cost.outputs);
  while (rank > 0 && bytesAt(cost, rank) >= whole) rank--;
  return rank;
}

/** The rank of the smallest file. */
export function leastRank(cost: Cost): number | null {
  return largestSaving(cost) > 0 ? 1 : null;
}

/** The relative error of a layer's output at a rank; 0 for the whole layer. */
export function errorAt(shares: Float64Array, rank: number | null): number {
  return rank === null ? 0 : Math.sqrt(squaredError(shares, rank));
}

function squaredError(shares: Float64Array, rank: number): number {
  let left = 1;
  for (let i = 0; i < rank; i++) left -= shares[i] ?? 0;
  return Math.max(0, left);
}

/**
 * The least squared error that so many directions more than the known ones may leave. None of them has a larger share than the last known one; and
 * if the squares of all shares are known, few of them cannot have much more than their mean.
 */
export function leastLeft({ inputs, outputs, shares, squares }: Candidate, more: number): number {
  const left = squaredError(shares, shares.length);
  const most = more * (shares.at(-1) ?? 1);
  if (squares === undefined) return Math.max(0, left - most);
  const others = Math.min(inputs, outputs) - shares.length;
  const mean = left / others;
  const rest = shares.reduce((sum, share) => sum - share ** 2, squares);
  const variance = Math.max(0, rest / others - mean ** 2);
  // Of n numbers, the m largest add up to at most this (Mallows and Richter 1969).
  const likely = more * mean + Math.sqrt(variance * more * (others - more));
  return Math.max(0, left - Math.min(most, likely));
}

/** Whether a rank beyond the known directions, up to `limit`, may be better than the whole layer at a price of a byte. */
export function mayPay(candidate: Candidate, price: number, limit: number): boolean {
  const known = candidate.shares.length;
  for (let rank = known + 1; rank <= limit; rank++) {
    const saved = bytesAt(candidate, null) - bytesAt(candidate, rank);
    if (leastLeft(candidate, rank - known) < price * saved) return true;
  }
  return false;
}

/** The smallest rank of which the error is at most `maxError`; null, for the whole layer, if no rank that saves bytes has. */
export function rankWithin(candidate: Candidate, maxError: number): number | null {
  const last = Math.min(candidate.shares.length, largestSaving(candidate));
  let left = 1;
  for (let rank = 1; rank <= last; rank++) {
    left -= candidate.shares[rank - 1]!;
    if (left <= maxError ** 2) return rank;
  }
  return null;
}

/** Halvings of the price's exponent; more change no rank. */
const STEPS = 80;

/**
 * The ranks of all layers whose bytes fit a budget, with the least sum of squared relative errors, null for a layer that stays
 * whole. At a price for each byte, every layer has one best rank; the lowest price at which they fit is found by bisection, and what
 * is left of the budget goes to what gains most a byte.
 *
 * @param budget the bytes of all layers together, at least the least of each.
 */
export function ranksWithin(
  candidates: readonly Candidate[],
  budget: number,
): { ranks: (number | null)[]; price: number } {
  const whole = candidates.reduce((sum, one) => sum + bytesAt(one, null), 0);
  if (whole <= budget) return { ranks: candidates.map(() => null), price: 0 };
  const least = leastBytes(candidates);
  const curves = candidates.map((one) => {
    const most = budget - least + leastBytes([one]);
    return choicesOf(one).filter(({ bytes }) => bytes <= most);
  });
  const total = (choices: readonly Choice[]) => choices.reduce((sum, { bytes }) => sum + bytes, 0);
  let chosen = curves.map((curve) => curve.reduce((best, one) => (one.bytes < best.bytes ? one : best)));
  let [low, high] = [-80, 20];
  for (let step = 0; step < STEPS; step++) {
    const price = Math.exp((low + high) / 2);
    const found = curves.map((curve) => bestAt(curve, price));
    if (total(found) <= budget) [chosen, high] = [found, (low + high) / 2];
    else low = (low + high) / 2;
  }
  const ranks = filled(curves, chosen, budget - total(chosen)).map(({ rank }) => rank);
  return { ranks, price: Math.exp(high) };
}

/** The bytes of layers that are as small as can be. */
export function leastBytes(costs: readonly Cost[]): number {
  return costs.reduce((sum, one) => sum + bytesAt(one, leastRank(one)), 0);
}

interface Choice {
  rank: number | null;
  bytes: number;
  /** The squared relative error. */
  error: number;
}

/** All choices for a layer, the smallest first. */
function choicesOf(candidate: Candidate): Choice[] {
  const last = Math.min(candidate.shares.length, largestSaving(candidate));
  const choices: Choice[] = [];
  let left = 1;
  for (let rank = 1; rank <= last; rank++) {
    left -= candidate.shares[rank - 1]!;
    choices.push({ rank, bytes: bytesAt(candidate, rank), error: Math.max(0, left) });
  }
  return [...choices, { rank: null, bytes: bytesAt(candidate, null), error: 0 }];
}

function bestAt(choices: readonly Choice[], price: number): Choice {
  const cost = ({ error, bytes }: Choice) => error + price * bytes;
  return choices.reduce((best, one) => (cost(one) < cost(best) ? one : best));
}

/** Spends what is left on what gains most a byte: one direction more of a layer, or all of it. */
function filled(curves: readonly Choice[][], chosen: readonly Choice[], left: number): Choice[] {
  const result = [...chosen];
  const places = curves.map((curve, i) => curve.indexOf(chosen[i]!));
  for (;;) {
    let best: { layer: number; place: number; gain: number; bytes: number } | undefined;
    for (const [layer, curve] of curves.entries()) {
      const own = result[layer]!;
      for (const place of new Set([places[layer]! + 1, curve.length - 1])) {
        const next = curve[place];
        if (!next || place <= places[layer]!) continue;
        const bytes = next.bytes - own.bytes;
        const gain = (own.error - next.error) / bytes;
        if (bytes <= left && gain > (best?.gain ?? 0)) best = { layer, place, gain, bytes };
      }
    }
    if (!best) return result;
    places[best.layer] = best.place;
    result[best.layer] = curves[best.layer]![best.place]!;
    left -= best.bytes;
  }
}
