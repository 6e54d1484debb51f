/**
 * Steps of optimizers. Each reads n weights w and their gradient g, and writes the new weights to `to`, which may be g; the
 * optimizer's state is updated in place. `decay` w is added to the gradient first.
 */

/** w - rate (g + decay w). */
export function sgdUpdate(n: i32, w: usize, g: usize, to: usize, rate: f32, decay: f32): void {
  const whole = (n & ~3) << 2;
  const bytes = n << 2;
  const rates = f32x4.splat(rate), decays = f32x4.splat(decay);
  let i = 0;
  for (; i < whole; i += 16) {
    const old = v128.load(w + i);
    const x = f32x4.add(v128.load(g + i), f32x4.mul(decays, old));
    v128.store(to + i, f32x4.sub(old, f32x4.mul(rates, x)));
  }
  for (; i < bytes; i += 4) {
    const old = load<f32>(w + i);
    store<f32>(to + i, old - rate * (load<f32>(g + i) + decay * old));
  }
}

/** With x = g + decay w: v = momentum v + x, then w - rate (ahead v + fresh x). */
export function momentumUpdate(
  n: i32, w: usize, g: usize, v: usize, to: usize,
  rate: f32, momentum: f32, decay: f32, ahead: f32, fresh: f32,
): void {
  const whole = (n & ~3) << 2;
  const bytes = n << 2;
  const rates = f32x4.splat(rate), kept = f32x4.splat(momentum), decays = f32x4.splat(decay);
  const aheads = f32x4.splat(ahead), freshes = f32x4.splat(fresh);
  let i = 0;
  for (; i < whole; i += 16) {
    const old = v128.load(w + i);
    const x = f32x4.add(v128.load(g + i), f32x4.mul(decays, old));
    const next = f32x4.add(f32x4.mul(kept, v128.load(v + i)), x);
    v128.store(v + i, next);
    const step = f32x4.add(f32x4.mul(aheads, next), f32x4.mul(freshes, x));
    v128.store(to + i, f32x4.sub(old, f32x4.mul(rates, step)));
  }
  for (; i < bytes; i += 4) {
    const old = load<f32>(w + i);
    const x = load<f32>(g + i) + decay * old;
    const next = momentum * load<f32>(v + i) + x;
    store<f32>(v + i, next);
    store<f32>(to + i, old - rate * (ahead * next + fresh * x));
  }
}

/**
 * With x = g + decay w: m = beta1 m + rest1 x, v = beta2 v + rest2 x x, then
 * keep w - rate (m / scale1) / (root of v / scale2 + epsilon).
 */
export function adamUpdate(
  n: i32, w: usize, g: usize, m: usize, v: usize, to: usize, rate: f32,
  beta1: f32, rest1: f32, beta2: f32, rest2: f32, scale1: f32, scale2: f32, epsilon: f32, decay: f32, keep: f32,
): void {
  const whole = (n & ~3) << 2;
  const bytes = n << 2;
  const rates = f32x4.splat(rate), epsilons = f32x4.splat(epsilon);
  const kept1 = f32x4.splat(beta1), new1 = f32x4.splat(rest1), scales1 = f32x4.splat(scale1);
  const kept2 = f32x4.splat(beta2), new2 = f32x4.splat(rest2), scales2 = f32x4.splat(scale2);
  const decays = f32x4.splat(decay), keeps = f32x4.splat(keep);
  let i = 0;
  for (; i < whole; i += 16) {
    const old = v128.load(w + i);
    const x = f32x4.add(v128.load(g + i), f32x4.mul(decays, old));
    const first = f32x4.add(f32x4.mul(kept1, v128.load(m + i)), f32x4.mul(new1, x));
    const second = f32x4.add(f32x4.mul(kept2, v128.load(v + i)), f32x4.mul(new2, f32x4.mul(x, x)));
    v128.store(m + i, first);
    v128.store(v + i, second);
    const root = f32x4.add(f32x4.sqrt(f32x4.div(second, scales2)), epsilons);
    const step = f32x4.mul(rates, f32x4.div(f32x4.div(first, scales1), root));
    v128.store(to + i, f32x4.sub(f32x4.mul(keeps, old), step));
  }
  for (; i < bytes; i += 4) {
    const old = load<f32>(w + i);
    const x = load<f32>(g + i) + decay * old;
    const first = beta1 * load<f32>(m + i) + rest1 * x;
    const second = beta2 * load<f32>(v + i) + rest2 * (x * x);
    store<f32>(m + i, first);
    store<f32>(v + i, second);
    store<f32>(to + i, keep * old - rate * (first / scale1 / (sqrt<f32>(second / scale2) + epsilon)));
  }
}
