/** Convolutions and their gradients summed in float64, by plain loops: what the kernels are held against. */

export interface Geometry {
  batch: number;
  height: number;
  width: number;
  inChannels: number;
  outChannels: number;
  /** Sides of the filter. */
  rows: number;
  columns: number;
  stride: number;
  top: number;
  left: number;
  outHeight: number;
  outWidth: number;
}

/** Calls `visit` with the places, in x, filter and y, of the factors and the sum of each product. */
function products(g: Geometry, visit: (x: number, filter: number, y: number) => void): void {
  for (let n = 0; n < g.batch; n++) {
    for (let i = 0; i < g.outHeight; i++) {
      for (let j = 0; j < g.outWidth; j++) {
        const y = ((n * g.outHeight + i) * g.outWidth + j) * g.outChannels;
        for (let r = 0; r < g.rows; r++) {
          const row = i * g.stride + r - g.top;
          if (row < 0 || row >= g.height) continue;
          for (let s = 0; s < g.columns; s++) {
            const column = j * g.stride + s - g.left;
            if (column < 0 || column >= g.width) continue;
            const x = ((n * g.height + row) * g.width + column) * g.inChannels;
            const filter = (r * g.columns + s) * g.inChannels * g.outChannels;
            for (let c = 0; c < g.inChannels; c++) {
              for (let o = 0; o < g.outChannels; o++) visit(x + c, filter + c * g.outChannels + o, y + o);
            }
          }
        }
      }
    }
  }
}

type Numbers = ArrayLike<number>;

export function convolution(
  g: Geometry,
  x: Numbers,
  filter: Numbers,
  bias?: Numbers,
  relu = false,
): Float64Array {
  const y = new Float64Array(g.batch * g.outHeight * g.outWidth * g.outChannels);
  products(g, (a, b, to) => {
    y[to]! += x[a]! * filter[b]!;
  });
  return y.map((sum, i) => {
    const value = sum + (bias?.[i % g.outChannels] ?? 0);
    return relu && value < 0 ? 0 : value;
  });
}

export function filterGradient(g: Geometry, x: Numbers, dy: Numbers): Float64Array {
  const gradient = new Float64Array(g.rows * g.columns * g.inChannels * g.outChannels);
  products(g, (a, to, b) => {
    gradient[to]! += x[a]! * dy[b]!;
  });
  return gradient;
}

export function inputGradient(g: Geometry, filter: Numbers, dy: Numbers): Float64Array {
  const gradient = new Float64Array(g.batch * g.height * g.width * g.inChannels);
  products(g, (to, a, b) => {
    gradient[to]! += filter[a]! * dy[b]!;
  });
  return gradient;
}

/** The largest difference as a fraction of the largest expected value; NaN where either has one. */
export function error(actual: Numbers, expected: Numbers): number {
  let [difference, largest] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    const here = Math.abs(actual[i]! - expected[i]!);
    // A comparison that takes NaN for the worst.
    if (!(here <= difference)) difference = here;
    largest = Math.max(largest, Math.abs(expected[i]!));
  }
  return largest === 0 ? difference : difference / largest;
}
