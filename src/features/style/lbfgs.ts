/** Number of steps whose curvature is kept. */
const MEMORY = 10;

/** Smaller curvature is ignored (PyTorch's bound). */
const MIN_CURVATURE = 1e-10;

/**
 * L-BFGS (Nocedal 1980; Nocedal & Wright, algorithm 7.4), the optimizer of Gatys et al.: moves to the minimum that the last ten
 * gradients suggest, like PyTorch's `optim.LBFGS` without a line search.
 */
export class Lbfgs {
  readonly #rate: number;
  #moves: Float32Array[] = [];
  #changes: Float32Array[] = [];
  #last: { numbers: Float32Array; gradient: Float32Array } | undefined;

  constructor(rate: number) {
    this.#rate = rate;
  }

  /** The amounts to add to `numbers`, from the gradient there. Both arrays are kept until the next call. */
  move(numbers: Float32Array, gradient: Float32Array): Float32Array {
    if (this.#last) this.#remember(minus(numbers, this.#last.numbers), minus(gradient, this.#last.gradient));
    this.#last = { numbers, gradient };
    const direction = this.#direction(gradient);
    // Without curvature the length of the first move is unknown; PyTorch's choice.
    const length =
      this.#moves.length > 0 ? this.#rate : Math.min(1, 1 / sumOfAbsolutes(gradient)) * this.#rate;
    return direction.map((one) => length * one);
  }

  /** Forgets earlier gradients; returns whether there were any. */
  forget(): boolean {
    const had = this.#moves.length > 0;
    [this.#moves, this.#changes, this.#last] = [[], [], undefined];
    return had;
  }

  #remember(move: Float32Array, change: Float32Array): void {
    if (!(dot(move, change) > MIN_CURVATURE)) return;
    this.#moves.push(move);
    this.#changes.push(change);
    if (this.#moves.length > MEMORY) {
      this.#moves.shift();
      this.#changes.shift();
    }
  }

  /** The two-loop recursion: minus the inverse of the estimated curvature, times the gradient. */
  #direction(gradient: Float32Array): Float32Array {
    const q = gradient.map((g) => -g);
    const pairs = this.#moves.map((move, i) => {
      const change = this.#changes[i]!;
      return { move, change, curvature: dot(move, change), alpha: 0 };
    });
    for (let i = pairs.length - 1; i >= 0; i--) {
      const pair = pairs[i]!;
      pair.alpha = dot(pair.move, q) / pair.curvature;
      add(q, pair.change, -pair.alpha);
    }
    const newest = pairs.at(-1);
    if (newest) {
      const scale = newest.curvature / dot(newest.change, newest.change);
      for (let i = 0; i < q.length; i++) q[i]! *= scale;
    }
    for (const { move, change, curvature, alpha } of pairs) add(q, move, alpha - dot(change, q) / curvature);
    return q;
  }
}

function minus(a: Float32Array, b: Float32Array): Float32Array {
  return a.map((one, i) => one - b[i]!);
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function add(into: Float32Array, numbers: Float32Array, factor: number): void {
  for (let i = 0; i < into.length; i++) into[i]! += factor * numbers[i]!;
}

function sumOfAbsolutes(numbers: Float32Array): number {
  return numbers.reduce((sum, one) => sum + Math.abs(one), 0);
}
