/** Clamps n numbers x to the range from low to high; NaN, of either sign, stays NaN. `to` may be x. */
export function clamp(n: i32, x: usize, to: usize, low: f32, high: f32): void {
  const whole = (n & ~3) << 2;
  const bytes = n << 2;
  const lows = f32x4.splat(low), highs = f32x4.splat(high);
  let i = 0;
  for (; i < whole; i += 16) v128.store(to + i, f32x4.pmin(f32x4.pmax(v128.load(x + i), lows), highs));
  for (; i < bytes; i += 4) {
    const value = load<f32>(x + i);
    store<f32>(to + i, value < low ? low : value > high ? high : value);
  }
}
