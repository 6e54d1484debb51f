/** Steps whose curvature is remembered. */
const MEMORY = 10;

/** Curvature below this says nothing (PyTorch's bound). */
const LEAST_CURVATURE = 1e-10;

/**
 * L-BFGS (Nocedal 1980; Nocedal & Wright, algorithm 7.4), which Gatys et al. minimize with: says where the last ten
 * gradients suggest that the minimum is. PyTorch's `optim.LBFGS` without a line search goes there.
 */
export class Lbfgs {
  readonly #rate: number;
  #moves: Float32Array[] = [];
  #changes: Float32Array[] = [];
  #last: { numbers: Float32Array; gradient: Float32Array } | undefined;

  constructor(rate: number) {
    this.#rate = rate;
  }

  /** Where to go from numbers with this gradient: what to add to them. Both arrays are kept until the next call. */
  move(numbers: Float32Array, gradient: Float32Array): Float32Array {
    if (this.#last) this.#remember(minus(numbers, this.#last.numbers), minus(gradient, this.#last.gradient));
    this.#last = { numbers, gradient };
    const direction = this.#direction(gradient);
    // Without a curvature nothing says how far the first move is to go.
    const length =
      this.#moves.length > 0 ? this.#rate : Math.min(1, 1 / sumOfAbsolutes(gradient)) * this.#rate;
    return direction.map((one) => length * one);
  }

  /** Forgets what the gradients were; says whether there was anything to forget. */
  forget(): boolean {
    const had = this.#moves.length > 0;
    [this.#moves, this.#changes, this.#last] = [[], [], undefined];
    return had;
  }

  #remember(move: Float32Array, change: Float32Array): void {
    if (!(dot(move, change) > LEAST_CURVATURE)) return;
    this.#moves.push(move);
    this.#changes.push(change);
    if (this.#moves.length > MEMORY) {
      this.#moves.shift();
      this.#changes.shift();
    }
  }

  /** The two loops: less the gradient, times the inverse of the curvature that the moves have shown. */
  #direction(gradient: Float32Array): Float32Array {
    const q = gradient.map((g) => -g);
    const pairs = this.#moves.map((move, i) => {
      const change = this.#changes[i]!;
      return { move, change, curvature: dot(move, change), share: 0 };
    });
    for (let i = pairs.length - 1; i >= 0; i--) {
      const pair = pairs[i]!;
      pair.share = dot(pair.move, q) / pair.curvature;
      add(q, pair.change, -pair.share);
    }
    const newest = pairs.at(-1);
    if (newest) {
      const scale = newest.curvature / dot(newest.change, newest.change);
      for (let i = 0; i < q.length; i++) q[i]! *= scale;
    }
    for (const { move, change, curvature, share } of pairs) add(q, move, share - dot(change, q) / curvature);
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
