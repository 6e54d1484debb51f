import {
  add,
  concat,
  dispose,
  div,
  reshape,
  square,
  sub,
  sum,
  type Tensor,
  type Tensor2D,
  tidy,
} from '@tensorflow/tfjs-core';
import type { layers } from '@tensorflow/tfjs-layers';
import { held } from '../tfjs/held.js';
import { product } from '../tfjs/product.js';
import { SymmetricMatrix } from './symmetric.js';

/** A dense layer's kernel, `[inputs, outputs]`. */
export function kernelOf(layer: layers.Layer): Tensor2D {
  return layer.weights[0]!.read() as Tensor2D;
}

/** What sums of squares in float32 may be off by. */
const ROUNDING = 1e-5;
/** Rows that are collected before they are multiplied. */
const ROWS = 256;

/**
 * What calibration images show of a dense layer: the mean of its inputs, their mean variance, and the covariance of its outputs before
 * bias and activation, or of its inputs where it has fewer of them.
 */
export class LayerStatistics {
  /** Whether the covariance is that of the outputs. */
  readonly ofOutputs: boolean;
  private rows = 0;
  private waiting: Tensor2D[] = [];
  private waitingRows = 0;
  /** Sums over the rows: of the inputs, and of their squares. */
  private sums: { inputs: Tensor; squares: Tensor } | undefined;
  /** The sum of the outer products, until `covariance` makes it that. */
  private readonly products: SymmetricMatrix;
  private isCentered = false;

  constructor(private readonly kernel: Tensor2D) {
    const [inputs, outputs] = kernel.shape;
    this.ofOutputs = outputs <= inputs;
    this.products = new SymmetricMatrix(Math.min(inputs, outputs));
  }

  /** Takes in what the layer is given for a batch, `[..., inputs]`, which stays the caller's. */
  add(given: Tensor): void {
    const [inputs] = this.kernel.shape;
    const before = this.sums;
    const [sums, squares, rows] = held(() => {
      const x = reshape(given, [-1, inputs]) as Tensor2D;
      const own = { inputs: sum(x, 0), squares: sum(square(x)) };
      return [
        before ? add(before.inputs, own.inputs) : own.inputs,
        before ? add(before.squares, own.squares) : own.squares,
        this.ofOutputs ? product(x, this.kernel) : x.clone(),
      ];
    });
    if (before) dispose([before.inputs, before.squares]);
    this.sums = { inputs: sums!, squares: squares! };
    this.waiting.push(rows as Tensor2D);
    this.waitingRows += rows!.shape[0]!;
    if (this.waitingRows >= ROWS) this.finish();
  }

  /** Takes in rows that wait; to be called after the last batch. */
  finish(): void {
    if (this.waiting.length === 0) return;
    const rows = concat(this.waiting);
    this.products.addProducts(rows);
    dispose([rows, ...this.waiting]);
    this.rows += this.waitingRows;
    [this.waiting, this.waitingRows] = [[], 0];
  }

  /** The mean of the inputs, `[1, inputs]`, a new tensor. */
  meanInputs(): Tensor2D {
    return tidy(() => reshape(div(this.sums!.inputs, this.rows), [1, -1])) as Tensor2D;
  }

  /** The mean variance of an input. */
  async meanVariance(): Promise<number> {
    const variance = tidy(() => {
      const mean = this.meanInputs();
      const squares = sub(div(this.sums!.squares, this.rows), sum(square(mean)));
      return div(squares, this.kernel.shape[0]);
    });
    return (await variance.data().finally(() => variance.dispose()))[0]!;
  }

  /** Whether the inputs vary, beyond float32 rounding; those that are not finite do. */
  async vary(): Promise<boolean> {
    const [variance, squares] = tidy(() => {
      const mean = this.meanInputs();
      const all = div(this.sums!.squares, this.rows);
      return [sub(all, sum(square(mean))), all];
    });
    const [[left], [whole]] = await Promise.all([variance!.data(), squares!.data()]).finally(() =>
      dispose([variance!, squares!]),
    );
    return !(left! <= ROUNDING * whole!) || whole === 0;
  }

  /**
   * The covariance of the outputs or, unless `ofOutputs`, of the inputs. No more rows can be added. It may be disposed
   * before the statistics.
   */
  covariance(): SymmetricMatrix {
    if (this.isCentered) return this.products;
    this.isCentered = true;
    this.products.divide(this.rows);
    tidy(() => {
      const mean = this.meanInputs();
      this.products.subtractProduct(this.ofOutputs ? product(mean, this.kernel) : mean);
    });
    return this.products;
  }

  dispose(): void {
    dispose([...this.waiting, ...Object.values(this.sums ?? {})]);
    this.products.dispose();
    [this.waiting, this.sums] = [[], undefined];
  }
}
