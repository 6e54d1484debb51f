/**
 * Winograd's minimal filtering of 3x3 convolutions (Lavin & Gray 2015, arXiv:1509.09308): along an axis, F(m) computes m outputs
 * from m + 2 inputs as A' ((G g) * (B' d)), with m + 2 multiplications instead of 3m.
 *
 * F(2) evaluates at the points 0, 1, -1 and infinity; F(4) at 0, +-sqrt(1/2), +-sqrt(2) and infinity, which round less than the
 * usual 0, +-1, +-2 and cost the same.
 */
export type Outputs = 2 | 4;

type Matrix = readonly (readonly number[])[];

const h = Math.SQRT1_2;
const r = Math.SQRT2;

const MATRICES: Record<Outputs, Record<'filter' | 'input' | 'output', Matrix>> = {
  2: {
    filter: [
      [1, 0, 0],
      [0.5, 0.5, 0.5],
      [0.5, -0.5, 0.5],
      [0, 0, 1],
    ],
    input: [
      [1, 0, -1, 0],
      [0, 1, 1, 0],
      [0, -1, 1, 0],
      [0, -1, 0, 1],
    ],
    output: [
      [1, 1, 1, 0],
      [0, 1, -1, 1],
    ],
  },
  4: {
    filter: [
      [1, 0, 0],
      [-2 / 3, -r / 3, -1 / 3],
      [-2 / 3, r / 3, -1 / 3],
      [1 / 6, r / 6, 1 / 3],
      [1 / 6, -r / 6, 1 / 3],
      [0, 0, 1],
    ],
    input: [
      [1, 0, -2.5, 0, 1, 0],
      [0, -r, -2, h, 1, 0],
      [0, r, -2, -h, 1, 0],
      [0, -h, -0.5, r, 1, 0],
      [0, h, -0.5, -r, 1, 0],
      [0, 1, 0, -2.5, 0, 1],
    ],
    output: [
      [1, 1, 1, 1, 1, 0],
      [0, h, -h, r, -r, 0],
      [0, 0.5, 0.5, 2, 2, 0],
      [0, h / 2, -h / 2, 2 * r, -2 * r, 1],
    ],
  },
};

/**
 * WGSL of a transform of both axes, from numbers or vectors `from0_0`, `from0_1`, ... (by row and column) to `to0_0`, `to0_1`, ...
 */
export function transform(
  outputs: Outputs,
  which: 'filter' | 'input' | 'output',
  from: string,
  to: string,
): string {
  const matrix = MATRICES[outputs][which];
  const [rows, columns] = [matrix.keys(), matrix[0]!.keys()].map((keys) => [...keys]) as [number[], number[]];
  const half = `${from}Half`;
  const weighted = (row: number, term: (k: number) => string) =>
    matrix[row]!.flatMap((factor, k) => {
      if (factor === 0) return [];
      return factor === 1 ? [term(k)] : [`${factor} * ${term(k)}`];
    }).join(' + ');
  return [
    ...rows.flatMap((i) =>
      columns.map((j) => `let ${half}${i}_${j} = ${weighted(i, (k) => `${from}${k}_${j}`)};`),
    ),
    ...rows.flatMap((i) =>
      rows.map((j) => `let ${to}${i}_${j} = ${weighted(j, (k) => `${half}${i}_${k}`)};`),
    ),
  ].join('\n');
}
