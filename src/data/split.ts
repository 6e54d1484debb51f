import { mix } from '../base/random.js';

/**
 * The indices of the names that go to the validation set, `share` of them by number, which `seed` draws. A name's turn depends on
 * itself and the seed alone, so that names which are added or taken away move few of the others across.
 *
 * @param share 0 to 1; of at least two names a share above 0 takes one, and one below 1 leaves one.
 */
export function drawValidation(names: readonly string[], share: number, seed: number): Set<number> {
  const count = names.length;
  const wanted = Math.round(count * share);
  const inBounds = count < 2 || share === 1 ? wanted : Math.max(1, Math.min(count - 1, wanted));
  const turns = names.map((name, index) => ({ name, index, turn: hash(name, seed) }));
  turns.sort((a, b) => a.turn - b.turn || (a.name < b.name ? -1 : 1));
  return new Set(turns.slice(0, share === 0 ? 0 : inBounds).map(({ index }) => index));
}

/** 32 bits of a text: FNV-1a over its UTF-16 halves, then the finalizer of MurmurHash3. */
function hash(text: string, seed: number): number {
  let h = 0x811c9dc5 ^ seed;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    h = Math.imul(h ^ (unit & 0xff), 0x01000193);
    h = Math.imul(h ^ (unit >> 8), 0x01000193);
  }
  return mix(h) >>> 0;
}
