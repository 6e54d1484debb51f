// A separate module, for `vgg-blocks/images`.

/** Fractional bits of the weights. */
const PRECISION_BITS: i32 = 22;
/** Half of one, for rounding. */
const HALF: i32 = 1 << (PRECISION_BITS - 1);

/**
 * Weighted sums of pixels along rows, rounded to bytes: RGB images, from `rows` rows of `rowBytes` bytes to as many of `width`
 * pixels. 16 bytes behind either image are read or written.
 *
 * @param filter for each output pixel, as i32: the offset in bytes of the first input pixel, their number, and `stride` weights.
 */
export function alongRows(
  from: usize,
  rowBytes: i32,
  rows: i32,
  to: usize,
  width: i32,
  filter: usize,
  stride: i32,
): void {
  const step = <usize>(stride + 2) << 2;
  for (let y = 0; y < rows; y++) {
    let entry = filter;
    for (let x = 0; x < width; x++) {
      let at = from + <usize>i32.load(entry);
      let weight = entry + 8;
      const end = weight + (<usize>i32.load(entry, 4) << 2);
      let sum = i32x4.splat(HALF);
      while (weight < end) {
        // Red, green, blue, and the next pixel's red, which the next pixel overwrites.
        const pixel = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(at)));
        sum = i32x4.add(sum, i32x4.mul(pixel, v128.load32_splat(weight)));
        at += 3;
        weight += 4;
      }
      const bytes = i32x4.shr_s(sum, PRECISION_BITS);
      v128.store32_lane(to, narrow(bytes, bytes, bytes, bytes), 0);
      to += 3;
      entry += step;
    }
    from += <usize>rowBytes;
  }
}

/**
 * Weighted sums along columns, rounded to bytes, to `height` rows of `rowBytes` bytes. 16 bytes behind either image are read or
 * written.
 *
 * @param filter as for `alongRows`, with offsets of input rows.
 */
export function alongColumns(
  from: usize,
  rowBytes: i32,
  to: usize,
  height: i32,
  filter: usize,
  stride: i32,
): void {
  const step = <usize>(stride + 2) << 2;
  for (let y = 0; y < height; y++) {
    const start = from + <usize>i32.load(filter);
    const end = filter + 8 + (<usize>i32.load(filter, 4) << 2);
    for (let x = 0; x < rowBytes; x += 16) {
      let at = start + <usize>x;
      let a = i32x4.splat(HALF);
      let b = a;
      let c = a;
      let d = a;
      for (let weight = filter + 8; weight < end; weight += 4) {
        const bytes = v128.load(at);
        const low = i16x8.extend_low_i8x16_u(bytes);
        const high = i16x8.extend_high_i8x16_u(bytes);
        const w = v128.load32_splat(weight);
        a = i32x4.add(a, i32x4.mul(i32x4.extend_low_i16x8_u(low), w));
        b = i32x4.add(b, i32x4.mul(i32x4.extend_high_i16x8_u(low), w));
        c = i32x4.add(c, i32x4.mul(i32x4.extend_low_i16x8_u(high), w));
        d = i32x4.add(d, i32x4.mul(i32x4.extend_high_i16x8_u(high), w));
        at += <usize>rowBytes;
      }
      // The next row overwrites what this one leaves behind its end.
      v128.store(
        to + <usize>x,
        narrow(
          i32x4.shr_s(a, PRECISION_BITS),
          i32x4.shr_s(b, PRECISION_BITS),
          i32x4.shr_s(c, PRECISION_BITS),
          i32x4.shr_s(d, PRECISION_BITS),
        ),
      );
    }
    to += <usize>rowBytes;
    filter += step;
  }
}

/** Sixteen numbers as bytes, at most 255. */
@inline
function narrow(a: v128, b: v128, c: v128, d: v128): v128 {
  return i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d));
}
