import { mix } from '../base/random.js';

/**
 * The indices of the names that go to the validation set: the fraction of them with the lowest hashes. A hash depends on the
 * name and the seed alone, so adding or removing names moves few of the others between the sets.
 *
 * @param fraction 0 to 1. Of two or more names, a fraction above 0 takes at least one, and one below 1 leaves at least one.
 */
export function drawValidation(names: readonly string[], fraction: number, seed: number): Set<number> {
  const count = names.length;
  const wanted = Math.round(count * fraction);
  const inBounds = count < 2 || fraction === 1 ? wanted : Math.max(1, Math.min(count - 1, wanted));
  const hashed = names.map((name, index) => ({ name, index, hash: hashOf(name, seed) }));
  hashed.sort((a, b) => a.hash - b.hash || (a.name < b.name ? -1 : 1));
  return new Set(hashed.slice(0, fraction === 0 ? 0 : inBounds).map(({ index }) => index));
}

/**
 * Which of these examples go to the validation set: for each class, the fraction of them that the seed draws.
 *
 * @returns the indices of the others and of those, each in order.
 */
export function splitByClass(
  labels: ArrayLike<number>,
  fraction: number,
  seed: number,
): { training: number[]; validation: number[] } {
  const byClass = new Map<number, number[]>();
  for (let i = 0; i < labels.length; i++) {
    const indices = byClass.get(labels[i]!) ?? [];
    indices.push(i);
    byClass.set(labels[i]!, indices);
  }
  const drawn = new Set<number>();
  for (const indices of byClass.values()) {
    const names = indices.map(String);
    for (const place of drawValidation(names, fraction, seed)) drawn.add(indices[place]!);
  }
  const all = Array.from({ length: labels.length }, (_, i) => i);
  return { training: all.filter((i) => !drawn.has(i)), validation: all.filter((i) => drawn.has(i)) };
}

/** 32-bit hash of a string: FNV-1a over the bytes of its UTF-16, then MurmurHash3's finalizer. */
function hashOf(text: string, seed: number): number {
  let h = 0x811c9dc5 ^ seed;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    h = Math.imul(h ^ (unit & 0xff), 0x01000193);
    h = Math.imul(h ^ (unit >> 8), 0x01000193);
  }
  return mix(h) >>> 0;
}
