// A separate module, for `vgg-blocks/weights`.

/** How numbers are stored. */
const F32 = 0;
const F16 = 1;
const BF16 = 2;

/** The exponent bits of a float32: all ones only in NaN and infinity. */
const EXPONENT: i32 = 0x7f800000;
/** Added to an exponent of all ones, this overflows into the sign bit. */
const CARRY: i32 = 0x00800000;

/**
 * Transposes rows of `[out, channels, window]` into the whole `[window, channels, out]`, as float32, in blocks of 4x4 numbers:
 * four columns at a time, from the first row to the last.
 *
 * @param to the address of the first row's first number in the whole.
 * @param type the rows' number type: 0 for float32, 1 for float16, 2 for bfloat16.
 * @returns whether any of the numbers is NaN or infinite.
 */
export function scatterRows(
  from: usize,
  rows: i32,
  window: i32,
  channels: i32,
  out: i32,
  to: usize,
  type: i32,
): bool {
  if (type == F16) return scatter(F16, from, rows, window, channels, out, to);
  if (type == BF16) return scatter(BF16, from, rows, window, channels, out, to);
  return scatter(F32, from, rows, window, channels, out, to);
}

@inline
function scatter(type: i32, from: usize, rows: i32, window: i32, channels: i32, out: i32, to: usize): bool {
  const columns = window * channels;
  const size: usize = type == F32 ? 4 : 2;
  const step = <usize>columns * size;
  const fours = rows & ~3;
  let special = i32x4.splat(0);
  let column = 0;
  for (; column + 4 <= columns; column += 4) {
    let a = to + place(column, window, channels, out);
    let b = to + place(column + 1, window, channels, out);
    let c = to + place(column + 2, window, channels, out);
    let d = to + place(column + 3, window, channels, out);
    let at = from + <usize>column * size;
    for (let row = 0; row < fours; row += 4) {
      const w = fourAt(type, at);
      const x = fourAt(type, at + step);
      const y = fourAt(type, at + 2 * step);
      const z = fourAt(type, at + 3 * step);
      special = v128.or(special, v128.or(v128.or(signs(w), signs(x)), v128.or(signs(y), signs(z))));
      const lowWX = v128.shuffle<u32>(w, x, 0, 4, 1, 5);
      const highWX = v128.shuffle<u32>(w, x, 2, 6, 3, 7);
      const lowYZ = v128.shuffle<u32>(y, z, 0, 4, 1, 5);
      const highYZ = v128.shuffle<u32>(y, z, 2, 6, 3, 7);
      v128.store(a, v128.shuffle<u64>(lowWX, lowYZ, 0, 2));
      v128.store(b, v128.shuffle<u64>(lowWX, lowYZ, 1, 3));
      v128.store(c, v128.shuffle<u64>(highWX, highYZ, 0, 2));
      v128.store(d, v128.shuffle<u64>(highWX, highYZ, 1, 3));
      at += 4 * step;
      a += 16;
      b += 16;
      c += 16;
      d += 16;
    }
  }
  // The rest: the columns after the last block, and in the other columns the rows after the last block.
  for (let one = 0; one < columns; one++) {
    const first = one < column ? fours : 0;
    const target = to + place(one, window, channels, out);
    for (let row = first; row < rows; row++) {
      const at = from + <usize>row * step + <usize>one * size;
      const number = float(type, i32x4.splat(type == F32 ? i32.load(at) : <i32>load<u16>(at)));
      special = v128.or(special, signs(number));
      v128.store32_lane(target + (<usize>row << 2), number, 0);
    }
  }
  return i32x4.bitmask(special) != 0;
}

/** Four stored numbers as float32. */
@inline
function fourAt(type: i32, at: usize): v128 {
  return float(type, type == F32 ? v128.load(at) : v128.load16x4_u(at));
}

/** Numbers as float32; each lane has the stored bits of one. */
@inline
function float(type: i32, bits: v128): v128 {
  if (type == F32) return bits;
  if (type == BF16) return i32x4.shl(bits, 16);
  const magnitude = i32x4.shl(v128.and(bits, i32x4.splat(0x7fff)), 13);
  // With the exponent of a float16, a float32 is 2^112 times too small, subnormals included.
  const number = f32x4.mul(magnitude, f32x4.splat(5192296858534827628530496329220096.0));
  const special = i32x4.ge_s(magnitude, i32x4.splat(0x7c00 << 13));
  const sign = i32x4.shl(v128.and(bits, i32x4.splat(0x8000)), 16);
  return v128.or(v128.or(number, sign), v128.and(special, i32x4.splat(EXPONENT)));
}

/** The offset in bytes of a column's first number in the whole. */
@inline
function place(column: i32, window: i32, channels: i32, out: i32): usize {
  const channel = column / window;
  return (<usize>((column - channel * window) * channels + channel) * <usize>out) << 2;
}

/** Sets the sign bit in each lane that is NaN or infinite. */
@inline
function signs(numbers: v128): v128 {
  return i32x4.add(v128.and(numbers, i32x4.splat(EXPONENT)), i32x4.splat(CARRY));
}
