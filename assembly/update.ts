/**
 * Steps of optimizers. Each reads n weights w and their gradient g, and writes the new weights to `to`, which may be g; the
 * optimizer's state is updated in place. `decay` w is added to the gradient first.
 *
 * Gradients and averages of gradients below 2^-100 count as 0. Otherwise the average of a weight whose gradient is always 0, as
 * behind a ReLU that blocks every example, would end as a subnormal number, which rounding never lets reach 0 and which is slow.
 */
export const SMALLEST: f32 = 7.888609052210118e-31; // 2^-100

/**
 * The same for Adam's average of squares, which is compared with epsilon's square, 1e-14: squares below 2^-110 count as 0, and
 * averages below a thousandth of that.
 */
const SMALLEST_ROOT: f32 = 2.7755575615628914e-17; // 2^-55
const SMALLEST_SQUARE: f32 = 7.52316384526264e-37; // 2^-120

/** x, or 0 if it is smaller than the limit. NaN and infinity are not. */
// @ts-ignore: decorator
@inline
function flush4(x: v128, limit: f32): v128 {
  return v128.andnot(x, f32x4.lt(f32x4.abs(x), f32x4.splat(limit)));
}

/** The same for one number. */
// @ts-ignore: decorator
@inline
export function flush(x: f32, limit: f32): f32 {
  return abs(x) < limit ? 0 : x;
}

/** w - rate (g + decay w). */
export function sgdUpdate(n: i32, w: usize, g: usize, to: usize, rate: f32, decay: f32): void {
  const whole = (n & ~3) << 2;
  const bytes = n << 2;
  const rates = f32x4.splat(rate), decays = f32x4.splat(decay);
  let i = 0;
  for (; i < whole; i += 16) {
    const old = v128.load(w + i);
    const x = flush4(f32x4.add(v128.load(g + i), f32x4.mul(decays, old)), SMALLEST);
    v128.store(to + i, f32x4.sub(old, f32x4.mul(rates, x)));
  }
  for (; i < bytes; i += 4) {
    const old = load<f32>(w + i);
    store<f32>(to + i, old - rate * flush(load<f32>(g + i) + decay * old, SMALLEST));
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
    const x = flush4(f32x4.add(v128.load(g + i), f32x4.mul(decays, old)), SMALLEST);
    const next = flush4(f32x4.add(f32x4.mul(kept, v128.load(v + i)), x), SMALLEST);
    v128.store(v + i, next);
    const step = f32x4.add(f32x4.mul(aheads, next), f32x4.mul(freshes, x));
    v128.store(to + i, f32x4.sub(old, f32x4.mul(rates, step)));
  }
  for (; i < bytes; i += 4) {
    const old = load<f32>(w + i);
    const x = flush(load<f32>(g + i) + decay * old, SMALLEST);
    const next = flush(momentum * load<f32>(v + i) + x, SMALLEST);
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
    const x = flush4(f32x4.add(v128.load(g + i), f32x4.mul(decays, old)), SMALLEST);
    const first = flush4(f32x4.add(f32x4.mul(kept1, v128.load(m + i)), f32x4.mul(new1, x)), SMALLEST);
    const large = flush4(x, SMALLEST_ROOT);
    const squares = f32x4.add(f32x4.mul(kept2, v128.load(v + i)), f32x4.mul(new2, f32x4.mul(large, large)));
    const second = flush4(squares, SMALLEST_SQUARE);
    v128.store(m + i, first);
    v128.store(v + i, second);
    const root = f32x4.add(f32x4.sqrt(f32x4.div(second, scales2)), epsilons);
    const step = f32x4.mul(rates, f32x4.div(f32x4.div(first, scales1), root));
    v128.store(to + i, f32x4.sub(f32x4.mul(keeps, old), step));
  }
  for (; i < bytes; i += 4) {
    const old = load<f32>(w + i);
    const x = flush(load<f32>(g + i) + decay * old, SMALLEST);
    const first = flush(beta1 * load<f32>(m + i) + rest1 * x, SMALLEST);
    const large = flush(x, SMALLEST_ROOT);
    const second = flush(beta2 * load<f32>(v + i) + rest2 * (large * large), SMALLEST_SQUARE);
    store<f32>(m + i, first);
    store<f32>(v + i, second);
    store<f32>(to + i, keep * old - rate * (first / scale1 / (sqrt<f32>(second / scale2) + epsilon)));
  }
}
