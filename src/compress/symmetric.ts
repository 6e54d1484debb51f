import {
  add,
  concat,
  dispose,
  eye,
  keep,
  mul,
  slice,
  square as squareOf,
  sub,
  sum,
  type Tensor,
  type Tensor2D,
  tidy,
  zeros,
} from '@tensorflow/tfjs-core';
import { product } from '../tfjs/product.js';
import type { Operator } from './svd.js';

/** Columns that are kept as one. */
const PANEL = 512;

/** Columns of the upper triangle: what is above the diagonal's square, if anything, and the square. */
interface Panel {
  first: number;
  width: number;
  above?: Tensor2D;
  square: Tensor2D;
}

/**
 * A symmetric matrix, `[size, size]`, such as `W^T W`: only its upper triangle is kept and computed, panel by panel, so that sums
 * of products take half the memory and half the time, and little more while they grow.
 */
export class SymmetricMatrix implements Operator {
  private readonly panels: Panel[] = [];

  /** Zeros. */
  constructor(readonly size: number) {
    for (let first = 0; first < size; first += PANEL) {
      const width = Math.min(PANEL, size - first);
      const above = first > 0 ? keep(zeros([first, width]) as Tensor2D) : undefined;
      this.panels.push({
        first,
        width,
        ...(above && { above }),
        square: keep(zeros([width, width]) as Tensor2D),
      });
    }
  }

  /** The multiplications and additions of {@link addProducts} a row. */
  get costOfRow(): number {
    return this.panels.reduce((cost, { first, width }) => cost + (first + width) * width, 0);
  }

  /** Adds `rows^T rows`. */
  addProducts(rows: Tensor2D): void {
    for (const panel of this.panels) {
      const { first, width } = panel;
      tidy(() => {
        const own = columnsOf(rows, first, width);
        replace(panel, 'square', (before) => add(before, product(own, own, true)));
        replace(panel, 'above', (before) => add(before, product(columnsOf(rows, 0, first), own, true)));
      });
    }
  }

  /** Divides by a number. */
  divide(by: number): void {
    const factor = 1 / by;
    for (const panel of this.panels) {
      for (const part of PARTS) replace(panel, part, (before) => mul(before, factor));
    }
  }

  /** Adds another one of this size, times a factor. */
  add(other: SymmetricMatrix, factor: number): void {
    for (const [i, panel] of this.panels.entries()) {
      for (const part of PARTS) {
        replace(panel, part, (before) => add(before, mul(other.panels[i]![part]!, factor)));
      }
    }
  }

  /** Subtracts `row^T row`, of a row `[1, size]`. */
  subtractProduct(row: Tensor2D): void {
    for (const panel of this.panels) {
      const { first, width } = panel;
      tidy(() => {
        const own = columnsOf(row, first, width);
        replace(panel, 'square', (before) => sub(before, product(own, own, true)));
        replace(panel, 'above', (before) => sub(before, product(columnsOf(row, 0, first), own, true)));
      });
    }
  }

  apply(columns: Tensor2D): Tensor2D {
    let total: Tensor2D | undefined;
    for (const { first, width, above, square } of this.panels) {
      const before = total;
      total = tidy(() => {
        const own = slice(columns, [first, 0], [width, -1]);
        const diagonal = product(square, own);
        if (!above) return diagonal;
        const upper = add(before!, product(above, own));
        const lower = add(diagonal, product(above, slice(columns, [0, 0], [first, -1]), true));
        return concat([upper, lower]) as Tensor2D;
      });
      before?.dispose();
    }
    return total!;
  }

  /** The sum of the eigenvalues. */
  async trace(): Promise<number> {
    let total = 0;
    for (const { square, width } of this.panels) {
      const diagonal = tidy(() => sum(mul(square, eye(width))));
      total += (await diagonal.data().finally(() => diagonal.dispose()))[0]!;
    }
    return total;
  }

  /** The sum of the squared eigenvalues. */
  async squares(): Promise<number> {
    let total = 0;
    for (const { above, square } of this.panels) {
      const own = tidy(() => {
        const inner = sum(squareOf(square));
        return above ? add(inner, mul(sum(squareOf(above)), 2)) : inner;
      });
      total += (await own.data().finally(() => own.dispose()))[0]!;
    }
    return total;
  }

  dispose(): void {
    for (const { above, square } of this.panels) dispose(above ? [above, square] : square);
  }
}

const PARTS = ['above', 'square'] as const;

/** Puts another tensor in place of a part, if there is one, which is disposed. */
function replace(panel: Panel, part: (typeof PARTS)[number], by: (before: Tensor2D) => Tensor): void {
  const before = panel[part];
  if (!before) return;
  panel[part] = keep(tidy(() => by(before))) as Tensor2D;
  before.dispose();
}

function columnsOf(rows: Tensor2D, first: number, width: number): Tensor2D {
  return slice(rows, [0, first], [-1, width]);
}
