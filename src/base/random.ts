/** A seeded stream of random numbers. */
export interface Random {
  /** The next number, uniform from 0 up to but not including 1. */
  next(): number;
  /** Uniform from `low` to `high`. */
  between(low: number, high: number): number;
  /** A whole number from 0 to `count - 1`. */
  below(count: number): number;
  /** True with the given probability. */
  chance(probability: number): boolean;
}

/**
 * The generator sfc32 by Chris Doty-Humphrey (PractRand). Its state is three words and a counter; each call returns the next 32
 * bits as a signed number.
 */
export function sfc32(a: number, b: number, c: number, counter: number): () => number {
  return () => {
    const drawn = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + drawn) | 0;
    return drawn;
  };
}

/**
 * A stream of random numbers. The same `seed` and `stream`, both 32-bit, give the same numbers in every process; different
 * streams are unrelated.
 */
export function seededRandom(seed: number, stream = 0): Random {
  const word = sfc32(seed | 0, stream | 0, 0x2545f491, 1);
  // The first words of neighboring seeds are similar.
  for (let i = 0; i < 12; i++) word();
  const next = () => (word() >>> 0) / 2 ** 32;
  return {
    next,
    between: (low, high) => low + (high - low) * next(),
    below: (count) => Math.floor(next() * count),
    chance: (probability) => next() < probability,
  };
}

/**
 * Fills `values` with numbers uniform from `-limit` to `limit`. The same `seed` and `stream` give the same bits in every
 * process; different streams are unrelated.
 */
export function fillUniform(values: Float32Array, limit: number, seed: number, stream: number): void {
  const scale = limit / 0x80000000;
  let a = mix(seed + 0x9e3779b9);
  let b = mix(stream ^ a);
  let c = mix(a + b);
  // sfc32 inline: calling it for each of a VGG-16's 138 million weights would take four times as long.
  for (let i = 0; i < values.length; i++) {
    const drawn = (((a + i) | 0) + b) | 0;
    a = b ^ (b >>> 9);
    b = Math.imul(c, 9);
    c = (((c << 21) | (c >>> 11)) + drawn) | 0;
    values[i] = drawn * scale;
  }
}

/**
 * Whether numbers that {@link fillUniform} draws with a limit of 0.5 are at least `least`: `count` of them behind the first `skipped`,
 * 32 in a word from its lowest bit on. A mask of millions is drawn at each step of training, so this makes one pass.
 */
export function drawBits(
  least: number,
  [skipped, count]: readonly [skipped: number, count: number],
  seed: number,
  stream: number,
): Int32Array {
  const words = new Int32Array(Math.ceil(count / 32));
  const scaled = least * 2 ** 32;
  let a = mix(seed + 0x9e3779b9);
  let b = mix(stream ^ a);
  let c = mix(a + b);
  for (let i = 0; i < skipped + count; i++) {
    const drawn = (((a + i) | 0) + b) | 0;
    a = b ^ (b >>> 9);
    b = Math.imul(c, 9);
    c = (((c << 21) | (c >>> 11)) + drawn) | 0;
    if (i < skipped) continue;
    const bit = i - skipped;
    // By arithmetic, because a branch could not be predicted.
    words[bit >> 5]! |= Number(Math.fround(drawn) >= scaled) << bit;
  }
  return words;
}

/** Fills `values` with normal numbers of mean 0 and the given standard deviation (Box & Muller 1958). */
export function fillNormal(values: Float32Array, stddev: number, seed: number, stream: number): void {
  const pairs = values.length % 2 === 0 ? values : new Float32Array(values.length + 1);
  fillUniform(pairs, 0.5, seed, stream);
  for (let i = 0; i < pairs.length; i += 2) {
    // Uniform from 0 to 1; 2^-33 keeps it above 0, and where float32 has rounded up to 1, it stays there.
    const radius = stddev * Math.sqrt(-2 * Math.log(Math.min(pairs[i]! + 0.5 + 2 ** -33, 1)));
    const angle = 2 * Math.PI * pairs[i + 1]!;
    pairs[i] = radius * Math.cos(angle);
    pairs[i + 1] = radius * Math.sin(angle);
  }
  if (pairs !== values) values.set(pairs.subarray(0, values.length));
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

/** The seed of an epoch: `seed` itself for epoch 0, then increments of the golden ratio. */
export function epochSeed(seed: number, epoch: number): number {
  return (seed + epoch * 0x9e3779b1) >>> 0;
}

/** MurmurHash3's finalizer: every bit of the result, a signed number, depends on every bit of `word`. */
export function mix(word: number): number {
  let h = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
