import {
  _FusedMatMul,
  add,
  engine,
  expandDims,
  getBackend,
  matMul,
  pad,
  relu,
  slice,
  squeeze,
  type Tensor,
  type Tensor2D,
  tidy,
} from '@tensorflow/tfjs-core';

/**
 * The product of two matrices. tfjs's WebGL backend stores squares of 2x2 numbers, and if the inner dimension is odd, its product
 * counts what is beside the last column, which need not be 0: `exp` leaves 1 there. Gradients of a softmax over five classes are
 * wrong by percents in the layer below. So there, odd sides get a zero more.
 */
export function product(a: Tensor, b: Tensor, transposeA = false, transposeB = false): Tensor2D {
  const [x, y] = [a, b] as [Tensor2D, Tensor2D];
  if (!isOddOnWebgl(a, b)) return matMul(x, y, transposeA, transposeB);
  const shape: [rows: number, columns: number] = [a.shape[transposeA ? 1 : 0]!, b.shape[transposeB ? 0 : 1]!];
  return tidy(
    () =>
      slice(matMul(withEvenSides(x), withEvenSides(y), transposeA, transposeB), [0, 0], shape) as Tensor2D,
  );
}

/** What a dense layer computes: the product, plus the bias, then ReLU if it has one. */
export function affine(x: Tensor, weights: Tensor, bias: Tensor | undefined, hasRelu: boolean): Tensor2D {
  if (!isOddOnWebgl(x, weights)) return fusedProduct(x, weights, bias, hasRelu);
  return tidy(() => {
    const sums = bias ? add<Tensor2D>(product(x, weights), bias) : product(x, weights);
    return hasRelu ? relu(sums) : sums;
  });
}

/** By the backend's kernel: with gradients around it, tfjs's `fused.matMul` would compute bias and ReLU each by itself. */
function fusedProduct(x: Tensor, weights: Tensor, bias: Tensor | undefined, hasRelu: boolean): Tensor2D {
  return tidy(() => {
    // Kernels expect a batch of matrices.
    const [a, b] = [expandDims(x, 0), expandDims(weights, 0)];
    const product: Tensor = engine().runKernel(
      _FusedMatMul,
      { a, b, ...(bias && { bias }) },
      { transposeA: false, transposeB: false, activation: hasRelu ? 'relu' : 'linear' },
    );
    return squeeze(product, [0]) as Tensor2D;
  });
}

function isOddOnWebgl(...matrices: Tensor[]): boolean {
  return getBackend() === 'webgl' && matrices.some(({ shape }) => shape.some((side) => side % 2 === 1));
}

function withEvenSides(matrix: Tensor2D): Tensor2D {
  const [rows, columns] = matrix.shape;
  return pad(matrix, [
    [0, rows % 2],
    [0, columns % 2],
  ]);
}
