import {
  filter3, filter4, filter6,
  gradient3, gradient4, gradient6,
  input3, input4, input6, inputEdge,
  output3, output4, output6, outputEdge,
  taps3, taps4, taps6,
} from './winograd';

/*
 * The transforms of Winograd's minimal filtering in two dimensions: along columns and then along rows.
 */

/**
 * B' d B of a tile whose rows and pixels are `rowStep` and `pixelStep` bytes apart. `work` holds 36 vectors. A tile of F(4x4) that is not
 * `tall` or not `wide` has two outputs or fewer along that axis, and fewer results.
 */
export function transformInput(
  points: i32, tall: bool, wide: bool, from: usize, rowStep: usize, pixelStep: usize, to: usize, step: usize, factors: usize, work: usize,
): void {
  if (points == 6) {
    const across = wide ? 6 : 4;
    for (let j = 0; j < across; j++) {
      let at = from + j * pixelStep;
      const d0 = v128.load(at);
      at += rowStep;
      const d1 = v128.load(at);
      at += rowStep;
      const d2 = v128.load(at);
      at += rowStep;
      const d3 = v128.load(at);
      if (tall) {
        at += rowStep;
        const d4 = v128.load(at);
        at += rowStep;
        input6(d0, d1, d2, d3, d4, v128.load(at), factors, work + (j << 4), 96);
      } else {
        inputEdge(d0, d1, d2, d3, factors, work + (j << 4), 96);
      }
    }
    for (let i = 0; i < 6; i++) {
      const at = work + i * 96;
      if (wide) {
        input6(v128.load(at), v128.load(at, 16), v128.load(at, 32), v128.load(at, 48), v128.load(at, 64), v128.load(at, 80), factors, to, step);
      } else {
        inputEdge(v128.load(at), v128.load(at, 16), v128.load(at, 32), v128.load(at, 48), factors, to, step);
      }
      to += 6 * step;
      if (!tall && i == 2) {
        i += 2;
        to += 12 * step;
      }
    }
  } else if (points == 4) {
    for (let j = 0; j < 4; j++) {
      const at = from + j * pixelStep;
      input4(v128.load(at), v128.load(at + rowStep), v128.load(at + 2 * rowStep), v128.load(at + 3 * rowStep), work + (j << 4), 64);
    }
    for (let i = 0; i < 4; i++) {
      const at = work + (i << 6);
      input4(v128.load(at), v128.load(at, 16), v128.load(at, 32), v128.load(at, 48), to, step);
      to += 4 * step;
    }
  } else {
    for (let j = 0; j < 2; j++) {
      const at = from + j * pixelStep;
      input3(v128.load(at), v128.load(at + rowStep), work + (j << 4), 32);
    }
    for (let i = 0; i < 3; i++) {
      const at = work + (i << 5);
      input3(v128.load(at), v128.load(at, 16), to, step);
      to += 3 * step;
    }
  }
}

/** A' m A: the outputs of a tile, row by row, into `to`, row by row. `work` holds 24 vectors. `tall` and `wide` as in `transformInput`. */
export function transformOutput(points: i32, tall: bool, wide: bool, from: usize, step: usize, to: usize, factors: usize, work: usize): void {
  if (points == 6) {
    const down = 6 * step;
    for (let j = 0; j < 6; j++) {
      let at = from + j * step;
      const m0 = v128.load(at);
      at += down;
      const m1 = v128.load(at);
      at += down;
      const m2 = v128.load(at);
      if (tall) {
        at += down;
        const m3 = v128.load(at);
        at += down;
        const m4 = v128.load(at);
        at += down;
        output6(m0, m1, m2, m3, m4, v128.load(at), factors, work + (j << 4), 96);
      } else {
        at += 3 * down;
        outputEdge(m0, m1, m2, v128.load(at), factors, work + (j << 4), 96);
      }
      if (!wide && j == 2) j += 2;
    }
    const rows = tall ? 4 : 2;
    for (let i = 0; i < rows; i++) {
      const at = work + i * 96;
      if (wide) {
        output6(v128.load(at), v128.load(at, 16), v128.load(at, 32), v128.load(at, 48), v128.load(at, 64), v128.load(at, 80), factors, to + (i << 6), 16);
      } else {
        outputEdge(v128.load(at), v128.load(at, 16), v128.load(at, 32), v128.load(at, 80), factors, to + (i << 6), 16);
      }
    }
  } else if (points == 4) {
    const down = 4 * step;
    for (let j = 0; j < 4; j++) {
      const at = from + j * step;
      output4(v128.load(at), v128.load(at + down), v128.load(at + 2 * down), v128.load(at + 3 * down), work + (j << 4), 64);
    }
    for (let i = 0; i < 2; i++) {
      const at = work + (i << 6);
      output4(v128.load(at), v128.load(at, 16), v128.load(at, 32), v128.load(at, 48), to + (i << 5), 16);
    }
  } else {
    const down = 3 * step;
    for (let j = 0; j < 3; j++) {
      const at = from + j * step;
      output3(v128.load(at), v128.load(at + down), v128.load(at + 2 * down), work + (j << 4), 48);
    }
    for (let i = 0; i < 2; i++) {
      const at = work + i * 48;
      output3(v128.load(at), v128.load(at, 16), v128.load(at, 32), to + (i << 5), 16);
    }
  }
}

/** A y A' of a tile of the output's gradient. `work` holds 24 vectors. */
export function transformGradient(points: i32, from: usize, rowStep: usize, pixelStep: usize, to: usize, step: usize, work: usize): void {
  if (points == 6) {
    for (let j = 0; j < 4; j++) {
      const at = from + j * pixelStep;
      gradient6(v128.load(at), v128.load(at + rowStep), v128.load(at + 2 * rowStep), v128.load(at + 3 * rowStep), work + (j << 4), 64);
    }
    for (let i = 0; i < 6; i++) {
      const at = work + (i << 6);
      gradient6(v128.load(at), v128.load(at, 16), v128.load(at, 32), v128.load(at, 48), to, step);
      to += 6 * step;
    }
  } else if (points == 4) {
    for (let j = 0; j < 2; j++) {
      const at = from + j * pixelStep;
      gradient4(v128.load(at), v128.load(at + rowStep), work + (j << 4), 32);
    }
    for (let i = 0; i < 4; i++) {
      const at = work + (i << 5);
      gradient4(v128.load(at), v128.load(at, 16), to, step);
      to += 4 * step;
    }
  } else {
    for (let j = 0; j < 2; j++) {
      const at = from + j * pixelStep;
      gradient3(v128.load(at), v128.load(at + rowStep), work + (j << 4), 32);
    }
    for (let i = 0; i < 3; i++) {
      const at = work + (i << 5);
      gradient3(v128.load(at), v128.load(at, 16), to, step);
      to += 3 * step;
    }
  }
}

/** G g G' of nine consecutive taps. `work` holds 18 vectors. */
export function transformFilter(points: i32, taps: usize, to: usize, step: usize, work: usize): void {
  if (points == 6) {
    for (let j = 0; j < 3; j++) {
      const at = taps + (j << 4);
      filter6(v128.load(at), v128.load(at, 48), v128.load(at, 96), work + (j << 4), 48);
    }
    for (let i = 0; i < 6; i++) {
      const at = work + i * 48;
      filter6(v128.load(at), v128.load(at, 16), v128.load(at, 32), to, step);
      to += 6 * step;
    }
  } else if (points == 4) {
    for (let j = 0; j < 3; j++) {
      const at = taps + (j << 4);
      filter4(v128.load(at), v128.load(at, 48), v128.load(at, 96), work + (j << 4), 48);
    }
    for (let i = 0; i < 4; i++) {
      const at = work + i * 48;
      filter4(v128.load(at), v128.load(at, 16), v128.load(at, 32), to, step);
      to += 4 * step;
    }
  } else {
    for (let j = 0; j < 3; j++) {
      const at = taps + (j << 4);
      filter3(v128.load(at), v128.load(at, 48), v128.load(at, 96), work + (j << 4), 48);
    }
    for (let i = 0; i < 3; i++) {
      const at = work + i * 48;
      filter3(v128.load(at), v128.load(at, 16), v128.load(at, 32), to, step);
      to += 3 * step;
    }
  }
}

/** G' u G: nine taps, `step` bytes apart in `to`. `work` holds 18 vectors. */
export function transformTaps(points: i32, from: usize, fromStep: usize, to: usize, step: usize, work: usize): void {
  if (points == 6) {
    const down = 6 * fromStep;
    for (let j = 0; j < 6; j++) {
      const at = from + j * fromStep;
      taps6(v128.load(at), v128.load(at + down), v128.load(at + 2 * down), v128.load(at + 3 * down), v128.load(at + 4 * down), v128.load(at + 5 * down), work + (j << 4), 96);
    }
    for (let i = 0; i < 3; i++) {
      const at = work + i * 96;
      taps6(v128.load(at), v128.load(at, 16), v128.load(at, 32), v128.load(at, 48), v128.load(at, 64), v128.load(at, 80), to + 3 * i * step, step);
    }
  } else if (points == 4) {
    const down = 4 * fromStep;
    for (let j = 0; j < 4; j++) {
      const at = from + j * fromStep;
      taps4(v128.load(at), v128.load(at + down), v128.load(at + 2 * down), v128.load(at + 3 * down), work + (j << 4), 64);
    }
    for (let i = 0; i < 3; i++) {
      const at = work + (i << 6);
      taps4(v128.load(at), v128.load(at, 16), v128.load(at, 32), v128.load(at, 48), to + 3 * i * step, step);
    }
  } else {
    const down = 3 * fromStep;
    for (let j = 0; j < 3; j++) {
      const at = from + j * fromStep;
      taps3(v128.load(at), v128.load(at + down), v128.load(at + 2 * down), work + (j << 4), 48);
    }
    for (let i = 0; i < 3; i++) {
      const at = work + i * 48;
      taps3(v128.load(at), v128.load(at, 16), v128.load(at, 32), to + 3 * i * step, step);
    }
  }
}
