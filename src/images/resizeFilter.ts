/** The input pixels of each output pixel along one axis, as numbers of 32 bits. */
export interface Filter {
  /** `count` entries of `stride + 2` numbers: the first input pixel, how many there are, and the weight of each in units of 2^-22. */
  entries: Int32Array;
  count: number;
  stride: number;
}

/** Fractional bits of the weights: the weighted sum of bytes stays below 2^31. */
export const PRECISION_BITS = 22;

/** The filter of the output pixels from `start` on, as PIL computes it. */
export function filterOf(from: number, to: number, start: number, outputs: number): Filter {
  const scale = from / to;
  const support = Math.max(1, scale);
  const stride = Math.ceil(support) * 2 + 1;
  const triangle = new Float64Array(stride);
  const entries = new Int32Array(outputs * (stride + 2));
  for (let i = 0; i < outputs; i++) {
    const center = (start + i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - support + 0.5));
    const count = Math.min(from, Math.trunc(center + support + 0.5)) - first;
    let sum = 0;
    for (let k = 0; k < count; k++) {
      triangle[k] = Math.max(0, 1 - Math.abs((k + first - center + 0.5) / support));
      sum += triangle[k]!;
    }
    const entry = i * (stride + 2);
    entries[entry] = first;
    entries[entry + 1] = count;
    for (let k = 0; k < count; k++) {
      entries[entry + 2 + k] = Math.trunc(0.5 + (triangle[k]! / sum) * 2 ** PRECISION_BITS);
    }
  }
  return { entries, count: outputs, stride };
}
