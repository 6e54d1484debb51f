/** A stream of random numbers that depends on its seed alone. */
export interface Random {
  /** The next number, evenly from 0 up to but not including 1. */
  next(): number;
  /** Evenly from `low` to `high`. */
  between(low: number, high: number): number;
  /** A whole number from 0 to `count - 1`. */
  below(count: number): number;
  /** True with the given probability. */
  chance(probability: number): boolean;
}

/**
 * Random numbers by Chris Doty-Humphrey's generator sfc32 (PractRand). The same `seed` and `stream`, both 32-bit, give
 * the same numbers in every process, and two streams have nothing in common.
 */
export function seededRandom(seed: number, stream = 0): Random {
  let a = seed | 0;
  let b = stream | 0;
  let c = 0x2545f491;
  let counter = 1;
  const word = () => {
    const drawn = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + drawn) | 0;
    return drawn >>> 0;
  };
  // The first words of neighbouring seeds still resemble each other.
  for (let i = 0; i < 12; i++) word();
  const next = () => word() / 2 ** 32;
  return {
    next,
    between: (low, high) => low + (high - low) * next(),
    below: (count) => Math.floor(next() * count),
    chance: (probability) => next() < probability,
  };
}

/** The whole numbers from 0 to `count - 1` in random order (Fisher & Yates; Durstenfeld 1964). */
export function shuffled(count: number, random: Random): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = random.below(i + 1);
    const held = order[i]!;
    order[i] = order[j]!;
    order[j] = held;
  }
  return order;
}
