/**
 * Fills `values` with numbers drawn evenly from `-limit` to `limit`, by Chris Doty-Humphrey's generator sfc32
 * (PractRand). The draw depends on `seed` and `stream` alone: the same two give the same bits in every process, and
 * two streams have nothing in common.
 */
export function fillUniform(values: Float32Array, limit: number, seed: number, stream: number): void {
  const scale = limit / 0x80000000;
  let a = mix(seed + 0x9e3779b9);
  let b = mix(stream ^ a);
  let c = mix(a + b);
  // Inline, because a call for each of a VGG-16's 138 million weights costs more than the draw itself.
  for (let i = 0; i < values.length; i++) {
    const drawn = (a + b + i) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + drawn) | 0;
    values[i] = drawn * scale;
  }
}

/** Fills `values` with normal numbers of mean 0 and the given standard deviation (Box & Muller 1958). */
export function fillNormal(values: Float32Array, stddev: number, seed: number, stream: number): void {
  const pairs = values.length % 2 === 0 ? values : new Float32Array(values.length + 1);
  fillUniform(pairs, 0.5, seed, stream);
  for (let i = 0; i < pairs.length; i += 2) {
    // 2^-33 keeps the logarithm's argument, which is uniform from 0 to 1, above 0.
    const radius = stddev * Math.sqrt(-2 * Math.log(pairs[i]! + 0.5 + 2 ** -33));
    const angle = 2 * Math.PI * pairs[i + 1]!;
    pairs[i] = radius * Math.cos(angle);
    pairs[i + 1] = radius * Math.sin(angle);
  }
  if (pairs !== values) values.set(pairs.subarray(0, values.length));
}

/** The finalizer of MurmurHash3: every bit of the result depends on every bit of `word`. */
function mix(word: number): number {
  let h = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
