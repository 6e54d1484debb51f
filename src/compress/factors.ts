import {
  add,
  dispose,
  div,
  eye,
  maximum,
  mul,
  reshape,
  slice,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  tidy,
  transpose,
  zeros,
} from '@tensorflow/tfjs-core';
import { owning } from '../base/owning.js';
import { product } from '../tfjs/product.js';
import type { LayerStatistics } from './calibrate.js';
import { type Operator, orthonormal, randomMatrix } from './svd.js';

/**
 * How much every input counts besides what calibration images show of it, as a fraction of the inputs' mean variance: few images show
 * few of the inputs vary.
 */
const PRIOR = 0.01;

/** The size of a layer's output error by the direction of the outputs, and of the whole output. */
export interface OutputPower {
  operator: Operator;
  /** The sum of all eigenvalues. */
  total: number;
  dispose(): void;
}

/**
 * What a dense layer puts out, as an operator on the outputs: `W^T C W`, with the covariance C of the inputs as calibration images show
 * it, or the identity without any. The best approximation of rank r projects the outputs on the r largest eigenvectors.
 */
export async function outputPower(
  kernel: Tensor2D,
  statistics: LayerStatistics | undefined,
): Promise<OutputPower> {
  const [inputs, outputs] = kernel.shape;
  if (outputs <= inputs) {
    const gram = tidy(() => {
      const plain = gramMatrix(kernel);
      if (!statistics) return plain;
      return add(statistics.covariance(), mul(plain, mul(statistics.meanVariance(), PRIOR))) as Tensor2D;
    });
    const total = await read(tidy(() => sum(mul(gram, eye(outputs)))));
    return {
      operator: { size: outputs, apply: (columns) => product(gram, columns) },
      total,
      dispose: () => gram.dispose(),
    };
  }
  const covariance =
    statistics &&
    tidy(
      () => add(statistics.covariance(), mul(eye(inputs), mul(statistics.meanVariance(), PRIOR))) as Tensor2D,
    );
  const weighted = (columns: Tensor2D) => (covariance ? product(covariance, columns) : columns);
  const total = await read(tidy(() => sum(mul(kernel, weighted(kernel)))));
  return {
    operator: {
      size: outputs,
      apply: (columns) => tidy(() => product(kernel, weighted(product(kernel, columns)), true)),
    },
    total,
    dispose: () => covariance?.dispose(),
  };
}

async function read(scalar: Tensor): Promise<number> {
  try {
    return (await scalar.data())[0]!;
  } finally {
    scalar.dispose();
  }
}

/** Rows that are multiplied at once: the backend makes a transposed copy of them. */
const BLOCK = 2048;

/** `W^T W`. */
function gramMatrix(kernel: Tensor2D): Tensor2D {
  const [inputs] = kernel.shape;
  let total = zeros([kernel.shape[1], kernel.shape[1]]) as Tensor2D;
  for (let first = 0; first < inputs; first += BLOCK) {
    const before = total;
    total = tidy(() => {
      const rows = slice(kernel, [first, 0], [Math.min(BLOCK, inputs - first), -1]);
      return add(before, product(rows, rows, true)) as Tensor2D;
    });
    before.dispose();
  }
  return total;
}

/** Two matrices in place of a kernel, `[inputs, rank]` and `[rank, outputs]`, and the bias where it changes. */
export interface Factors {
  first: Tensor2D;
  second: Tensor2D;
  bias?: Tensor1D;
}

/**
 * A kernel W of rank r as two matrices: `W V` and `V^T` for the r orthonormal directions V of the outputs, scaled alike and rotated at
 * random, so that no column of the one and no row of the other is larger than the rest. A scale for each matrix then rounds them
 * best (as Chee et al. 2023 make weights incoherent): the columns of `W V` alone may differ a thousandfold.
 */
export async function factorsOf(
  kernel: Tensor2D,
  directions: Tensor2D,
  rank: number,
  bias: Tensor | undefined,
  statistics: LayerStatistics | undefined,
): Promise<Factors> {
  return owning(async (own) => {
    const random = own(randomMatrix(rank, rank, 1), dispose);
    const rotation = own(await orthonormal(random), dispose);
    const [first, second] = tidy(() => {
      const wanted = slice(directions, [0, 0], [-1, rank]);
      const inner = product(kernel, wanted);
      const scale = maximum(sqrt(sqrt(sum(square(inner), 0, true))), 1e-15);
      return [
        product(div(inner, scale), rotation),
        product(rotation, mul(transpose(wanted), reshape(scale, [-1, 1])), true),
      ];
    });
    return { first: first as Tensor2D, second: second as Tensor2D, ...(statistics && { bias: corrected() }) };

    /** The bias that keeps the mean of the outputs. */
    function corrected(): Tensor1D {
      return tidy(() => {
        const mean = statistics!.meanInputs();
        const lost = sub(
          product(mean, kernel),
          product(product(mean, first as Tensor2D), second as Tensor2D),
        );
        const shift = reshape(lost, [-1]) as Tensor1D;
        return bias ? add(bias, shift) : shift;
      }) as Tensor1D;
    }
  });
}
