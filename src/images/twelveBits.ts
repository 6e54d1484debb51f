import { Refused } from './refused.js';

/** Values of 12 bits stored in 16 are below this. */
const TWELVE_BITS = 4096;

/**
 * Refuses an image of 16 bits a value that uses 12 of them, since its upper 8 bits would be almost black.
 *
 * @param largest of its values; 0 is black.
 */
export function checkBits(largest: number): void {
  if (largest === 0 || largest >= TWELVE_BITS) return;
  throw new Refused(
    `none of its 16-bit values is above ${largest}, as if a camera of 12 bits had taken it, and it would be almost black; multiply them by 16, or convert it to 8 bits.`,
  );
}
