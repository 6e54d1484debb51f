import { PANEL } from './gemm';

/**
 * B's panels: B is `[rows, n]`, its numbers `rowStep` and `columnStep` bytes apart. The panels are `panelStep` bytes apart,
 * with zeros for missing columns.
 */
export function pack(rows: i32, n: i32, b: usize, rowStep: usize, columnStep: usize, panels: usize, panelStep: usize): void {
  let whole = 0;
  if (columnStep == 4) {
    // Row by row, as in memory: down the columns, each number would be on another page.
    whole = n & ~7;
    for (let i = 0; i < rows; i++) {
      let from = b + i * rowStep;
      let to = panels + i * PANEL;
      for (let j = 0; j < whole; j += 8) {
        v128.store(to, v128.load(from));
        v128.store(to, v128.load(from, 16), 16);
        from += 32;
        to += panelStep;
      }
    }
    panels += (whole >> 3) * panelStep;
  }
  for (let j = whole; j < n; j += 8) {
    const columns = min(8, n - j);
    let from = b + j * columnStep;
    let to = panels;
    let i = 0;
    if (columns == 8 && rowStep == 4) {
      for (; i + 4 <= rows; i += 4) {
        transpose(from, columnStep, to, PANEL);
        transpose(from + 4 * columnStep, columnStep, to + 16, PANEL);
        from += 16;
        to += 4 * PANEL;
      }
    }
    for (; i < rows; i++) {
      packRow(from, columnStep, columns, to);
      from += rowStep;
      to += PANEL;
    }
    panels += panelStep;
  }
}

function packRow(from: usize, columnStep: usize, columns: i32, panel: usize): void {
  for (let i = 0; i < 8; i++) {
    store<f32>(panel + (i << 2), i < columns ? load<f32>(from + i * columnStep) : 0);
  }
}

/** Four numbers of each of four columns become four rows of a panel, `row` bytes apart. Returns the sums of the rows. */
// @ts-ignore: decorator
@inline
export function transpose(from: usize, columnStep: usize, panel: usize, row: usize): v128 {
  const c0 = v128.load(from);
  const c1 = v128.load(from + columnStep);
  const c2 = v128.load(from + 2 * columnStep);
  const c3 = v128.load(from + 3 * columnStep);
  const low01 = v128.shuffle<f32>(c0, c1, 0, 4, 1, 5);
  const high01 = v128.shuffle<f32>(c0, c1, 2, 6, 3, 7);
  const low23 = v128.shuffle<f32>(c2, c3, 0, 4, 1, 5);
  const high23 = v128.shuffle<f32>(c2, c3, 2, 6, 3, 7);
  v128.store(panel, v128.shuffle<f32>(low01, low23, 0, 1, 4, 5));
  v128.store(panel + row, v128.shuffle<f32>(low01, low23, 2, 3, 6, 7));
  v128.store(panel + 2 * row, v128.shuffle<f32>(high01, high23, 0, 1, 4, 5));
  v128.store(panel + 3 * row, v128.shuffle<f32>(high01, high23, 2, 3, 6, 7));
  return f32x4.add(f32x4.add(c0, c1), f32x4.add(c2, c3));
}
