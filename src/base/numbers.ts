/** The median; for an even count, the mean of the two middle values. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2;
}

/** Rounds to two decimals. */
export function hundredths(value: number): number {
  return Math.round(100 * value) / 100;
}

/** A number of bytes as text, such as `64 KiB` or `1.26 GiB`. */
export function bytesText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB'];
  const at = Math.min(Math.floor(Math.log2(Math.max(bytes, 1)) / 10), units.length - 1);
  return `${Number((bytes / 1024 ** at).toPrecision(3))} ${units[at]}`;
}

/** The smallest and the largest of numbers, however many: as arguments of a function, 130,000 overflow the stack. */
export function extremes(numbers: Iterable<number>): [lowest: number, highest: number] {
  let [lowest, highest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const number of numbers) {
    lowest = Math.min(lowest, number);
    highest = Math.max(highest, number);
  }
  return [lowest, highest];
}

/** Where the largest number is, the first of equal ones: from `at`, among `count`. */
export function largestOf(numbers: ArrayLike<number>, at = 0, count = numbers.length): number {
  let best = 0;
  for (let i = 1; i < count; i++) if (numbers[at + i]! > numbers[at + best]!) best = i;
  return best;
}

/** The softmax of numbers, in double precision. */
export function softmax(logits: ArrayLike<number>): number[] {
  const largest = Array.from(logits).reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const powers = Array.from(logits, (logit) => Math.exp(logit - largest));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}
