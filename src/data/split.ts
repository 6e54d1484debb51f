import { mix } from '../base/random.js';

/**
 * The indices of the names that go to the validation set: a fraction of them, in an order drawn from `seed`. A name's turn
 * depends on the name and the seed alone, so adding or removing names moves few of the others between the sets.
 *
 * @param fraction 0 to 1; of two or more names, above 0 takes at least one and below 1 leaves at least one.
 */
export function drawValidation(names: readonly string[], fraction: number, seed: number): Set<number> {
  const count = names.length;
  const wanted = Math.round(count * fraction);
  const inBounds = count < 2 || fraction === 1 ? wanted : Math.max(1, Math.min(count - 1, wanted));
  const turns = names.map((name, index) => ({ name, index, turn: hash(name, seed) }));
  turns.sort((a, b) => a.turn - b.turn || (a.name < b.name ? -1 : 1));
  return new Set(turns.slice(0, fraction === 0 ? 0 : inBounds).map(({ index }) => index));
}

/** 32-bit hash of a string: FNV-1a over the bytes of its UTF-16, then MurmurHash3's finalizer. */
function hash(text: string, seed: number): number {
  let h = 0x811c9dc5 ^ seed;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    h = Math.imul(h ^ (unit & 0xff), 0x01000193);
    h = Math.imul(h ^ (unit >> 8), 0x01000193);
  }
  return mix(h) >>> 0;
}
