/** The mean of some numbers, and their variance and fourth moment about 0. */
export function moments(values: ArrayLike<number>) {
  let [sum, squares, fourth] = [0, 0, 0];
  for (let i = 0; i < values.length; i++) {
    const square = values[i]! * values[i]!;
    sum += values[i]!;
    squares += square;
    fourth += square * square;
  }
  return { mean: sum / values.length, variance: squares / values.length, fourth: fourth / values.length };
}

/** The correlation of two lists of numbers whose mean is 0. */
export function correlation(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum / Math.sqrt(moments(a).variance * moments(b).variance) / a.length;
}
