import {
  add,
  concat,
  dispose,
  div,
  keep,
  mul,
  reshape,
  slice,
  square,
  sub,
  sum,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  tensor2d,
  tidy,
  transpose,
} from '@tensorflow/tfjs-core';
import { owning } from '../base/owning.js';
import { held } from '../tfjs/held.js';
import { product } from '../tfjs/product.js';
import type { LayerStatistics } from './calibrate.js';
import type { Size } from './ranks.js';
import { type Operator, orthonormal, randomMatrix } from './svd.js';
import { SymmetricMatrix } from './symmetric.js';
import { UNSEEN, type Work } from './work.js';

/**
 * How much every input counts besides what calibration images show of it, as a fraction of the inputs' mean variance: few images show
 * few of the inputs vary.
 */
const PRIOR = 0.01;

/** What a dense layer puts out by the direction of its outputs, in all and by the weights alone. */
export interface OutputPower {
  operator: Operator;
  /** The sum of all eigenvalues. */
  total: number;
  /** The sum of their squares, if it is known. */
  squares?: number;
  /** `W^T W`: what any inputs give. */
  plain: Operator;
  plainTotal: number;
  /** How much of `plain` is in `operator` besides what images show; 0 if there are none. */
  prior: number;
  dispose(): void;
}

/**
 * What a dense layer puts out, as an operator on the outputs: `W^T C W`, with the covariance C of the inputs as calibration images show
 * it, or the identity without any. The best approximation of rank r projects the outputs on the r largest eigenvectors.
 */
export async function outputPower(
  kernel: Tensor2D,
  statistics: LayerStatistics | undefined,
  work: Work = UNSEEN,
): Promise<OutputPower> {
  return kernel.shape[1] <= kernel.shape[0]
    ? tallPower(kernel, statistics, work)
    : widePower(kernel, statistics);
}

/** Of a layer with at least as many inputs as outputs: by the matrix. */
async function tallPower(
  kernel: Tensor2D,
  statistics: LayerStatistics | undefined,
  work: Work,
): Promise<OutputPower> {
  const plain = new SymmetricMatrix(kernel.shape[1]);
  try {
    await eachBlock(kernel, async (rows) => {
      plain.addProducts(rows);
      await work.spend(rows.shape[0] * plain.costOfRow);
    });
    const plainTotal = await plain.trace();
    const dispose = () => plain.dispose();
    if (!statistics) {
      const squares = await plain.squares();
      return { operator: plain, total: plainTotal, squares, plain, plainTotal, prior: 0, dispose };
    }
    const prior = PRIOR * (await statistics.meanVariance());
    const operator = statistics.covariance();
    operator.add(plain, prior);
    return {
      ...{ operator, plain, plainTotal, prior },
      ...{ total: await operator.trace(), squares: await operator.squares() },
      dispose: () => {
        plain.dispose();
        operator.dispose();
      },
    };
  } catch (error) {
    plain.dispose();
    throw error;
  }
}

/** The work of {@link outputPower}. */
export function costOfPower({ inputs, outputs }: Size): number {
  // Half of a square, and its diagonal.
  return outputs <= inputs ? (inputs * outputs * (outputs + Math.min(outputs, 512))) / 2 : 0;
}

/** Of one with more outputs: by the covariance of the inputs, which is smaller. */
async function widePower(kernel: Tensor2D, statistics: LayerStatistics | undefined): Promise<OutputPower> {
  const size = kernel.shape[1];
  const covariance = statistics?.covariance();
  const prior = statistics ? PRIOR * (await statistics.meanVariance()) : 0;
  const around = (weighted: (rows: Tensor2D) => Tensor2D): Operator => ({
    size,
    apply: (columns) => tidy(() => product(kernel, weighted(product(kernel, columns)), true)),
  });
  const plain = around((rows) => rows);
  const plainTotal = await read(tidy(() => sum(square(kernel))));
  if (!covariance) return { operator: plain, total: plainTotal, plain, plainTotal, prior, dispose: () => {} };
  const weighted = (rows: Tensor2D): Tensor2D => add(covariance.apply(rows), mul(rows, prior));
  const total = await read(tidy(() => sum(mul(kernel, weighted(kernel)))));
  return {
    ...{ operator: around(weighted), total, plain, plainTotal, prior },
    dispose: () => covariance.dispose(),
  };
}

/** The squared length of `W v` for each direction v, a column. */
export async function squaredLengths(plain: Operator, directions: Tensor2D): Promise<Float64Array> {
  const squares = tidy(() => sum(mul(directions, plain.apply(directions)), 0));
  const numbers = await squares.data().finally(() => squares.dispose());
  return Float64Array.from(numbers, (one) => Math.max(0, one));
}

async function read(scalar: Tensor): Promise<number> {
  try {
    return (await scalar.data())[0]!;
  } finally {
    scalar.dispose();
  }
}

/** Rows that are multiplied at once: few enough that work on all of a large layer can be seen and stopped. */
const BLOCK = 512;

/** Calls back with some rows of a matrix after another. */
async function eachBlock(matrix: Tensor2D, use: (rows: Tensor2D) => Promise<void>): Promise<void> {
  const [count] = matrix.shape;
  for (let first = 0; first < count; first += BLOCK) {
    const rows = slice(matrix, [first, 0], [Math.min(BLOCK, count - first), -1]);
    await use(rows).finally(() => rows.dispose());
  }
}

/** The work of {@link factorsOf}. */
export function costOfFactors({ inputs, outputs }: Size, rank: number): number {
  return inputs * outputs * rank;
}

/** Two matrices in place of a kernel, `[inputs, rank]` and `[rank, outputs]`, and the bias of the layer, if it has one. */
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
  { vectors, lengths }: { vectors: Tensor2D; lengths: Float64Array },
  rank: number,
  bias: Tensor | undefined,
  statistics: LayerStatistics | undefined,
  work: Work = UNSEEN,
): Promise<Factors> {
  return owning(async (own) => {
    const random = own(randomMatrix(rank, rank, 1), dispose);
    const rotation = own(await orthonormal(random), dispose);
    const scales = Float32Array.from(lengths.subarray(0, rank), (one) => Math.max(one ** 0.25, 1e-15));
    const [inward, outward] = held(() => {
      const wanted = slice(vectors, [0, 0], [-1, rank]);
      const scale = tensor2d(scales, [rank, 1]);
      return [product(wanted, div(rotation, scale)), product(rotation, mul(transpose(wanted), scale), true)];
    });
    own(inward!, dispose);
    const second = outward as Tensor2D;
    const blocks = own([] as Tensor2D[], dispose);
    try {
      await eachBlock(kernel, async (rows) => {
        blocks.push(keep(product(rows, inward as Tensor2D)));
        await work.spend(rows.size * rank);
      });
      const first = keep(concat(blocks) as Tensor2D);
      const newBias = statistics ? corrected(first) : (bias?.clone() as Tensor1D | undefined);
      if (newBias) keep(newBias);
      return { first, second, ...(newBias && { bias: newBias }) };
    } catch (error) {
      second.dispose();
      throw error;
    }

    /** The bias that keeps the mean of the outputs. */
    function corrected(first: Tensor2D): Tensor1D {
      return tidy(() => {
        const mean = statistics!.meanInputs();
        const lost = sub(product(mean, kernel), product(product(mean, first), second));
        const shift = reshape(lost, [-1]) as Tensor1D;
        return bias ? add(bias, shift) : shift;
      }) as Tensor1D;
    }
  });
}
