/** The gradient of a ReLU's input, from its outputs y and their gradient dy, n numbers: zero where y is zero. */
export function reluGradient(n: i32, dy: usize, y: usize, to: usize): void {
  const whole = (n & ~3) << 2;
  const bytes = n << 2;
  const zero = f32x4.splat(0);
  let i = 0;
  for (; i < whole; i += 16) {
    const out = v128.load(y + i);
    // A factor of 1, or of y times zero, which keeps NaN.
    const factor = v128.bitselect(f32x4.splat(1), f32x4.mul(out, zero), f32x4.gt(out, zero));
    v128.store(to + i, f32x4.mul(v128.load(dy + i), factor));
  }
  for (; i < bytes; i += 4) {
    const out = load<f32>(y + i);
    store<f32>(to + i, load<f32>(dy + i) * (out > 0 ? <f32>1 : out * 0));
  }
}
