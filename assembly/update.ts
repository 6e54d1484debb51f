/**
 * Steps of optimizers. Each reads n weights w and their gradient g, and writes the new weights to `to`, which may be g; the
 * optimizer's state is updated in place.
 */

/** w - rate g. */
export function sgdUpdate(n: i32, w: usize, g: usize, to: usize, rate: f32): void {
  const whole = (n & ~3) << 2;
  const bytes = n << 2;
  const rates = f32x4.splat(rate);
  let i = 0;
  for (; i < whole; i += 16) v128.store(to + i, f32x4.sub(v128.load(w + i), f32x4.mul(rates, v128.load(g + i))));
  for (; i < bytes; i += 4) store<f32>(to + i, load<f32>(w + i) - rate * load<f32>(g + i));
}

/** v = momentum v + g, then w - rate v. */
export function momentumUpdate(n: i32, w: usize, g: usize, v: usize, to: usize, rate: f32, momentum: f32): void {
  const whole = (n & ~3) << 2;
  const bytes = n << 2;
  const rates = f32x4.splat(rate);
  const kept = f32x4.splat(momentum);
  let i = 0;
  for (; i < whole; i += 16) {
    const next = f32x4.add(f32x4.mul(kept, v128.load(v + i)), v128.load(g + i));
    v128.store(v + i, next);
    v128.store(to + i, f32x4.sub(v128.load(w + i), f32x4.mul(rates, next)));
  }
  for (; i < bytes; i += 4) {
    const next = momentum * load<f32>(v + i) + load<f32>(g + i);
    store<f32>(v + i, next);
    store<f32>(to + i, load<f32>(w + i) - rate * next);
  }
}

/**
 * m = beta1 m + rest1 g, v = beta2 v + rest2 g g, then w - rate (m / scale1) / (root of v / scale2 + epsilon).
 */
export function adamUpdate(
  n: i32, w: usize, g: usize, m: usize, v: usize, to: usize,
  rate: f32, beta1: f32, rest1: f32, beta2: f32, rest2: f32, scale1: f32, scale2: f32, epsilon: f32,
): void {
  const whole = (n & ~3) << 2;
  const bytes = n << 2;
  const rates = f32x4.splat(rate), epsilons = f32x4.splat(epsilon);
  const kept1 = f32x4.splat(beta1), new1 = f32x4.splat(rest1), scales1 = f32x4.splat(scale1);
  const kept2 = f32x4.splat(beta2), new2 = f32x4.splat(rest2), scales2 = f32x4.splat(scale2);
  let i = 0;
  for (; i < whole; i += 16) {
    const x = v128.load(g + i);
    const first = f32x4.add(f32x4.mul(kept1, v128.load(m + i)), f32x4.mul(new1, x));
    const second = f32x4.add(f32x4.mul(kept2, v128.load(v + i)), f32x4.mul(new2, f32x4.mul(x, x)));
    v128.store(m + i, first);
    v128.store(v + i, second);
    const root = f32x4.add(f32x4.sqrt(f32x4.div(second, scales2)), epsilons);
    v128.store(to + i, f32x4.sub(v128.load(w + i), f32x4.mul(rates, f32x4.div(f32x4.div(first, scales1), root))));
  }
  for (; i < bytes; i += 4) {
    const x = load<f32>(g + i);
    const first = beta1 * load<f32>(m + i) + rest1 * x;
    const second = beta2 * load<f32>(v + i) + rest2 * (x * x);
    store<f32>(m + i, first);
    store<f32>(v + i, second);
    store<f32>(to + i, load<f32>(w + i) - rate * (first / scale1 / (sqrt<f32>(second / scale2) + epsilon)));
  }
}
