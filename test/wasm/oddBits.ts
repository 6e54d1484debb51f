/** NaNs of both signs, quiet and signaling, with several payloads. */
export const NANS = [
  0x7fc00000, 0xffc00000, 0x7f800001, 0xff800001, 0x7fffffff, 0xffffffff, 0x7fd12345, 0xffd12345,
];

/** Infinities, zeros, subnormal numbers, the least normal ones and the largest of all. */
export const OTHERS = [
  ...[0x7f800000, 0xff800000, 0, 0x80000000, 1, 0x80000001, 0x7fffff, 0x807fffff],
  ...[0x00800000, 0x80800000, 0x7f7fffff, 0xff7fffff],
];

/** The numbers of such bits. */
export const floats = (bits: number[]) => new Float32Array(Uint32Array.from(bits).buffer);
