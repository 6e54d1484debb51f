/** A number as Protocol Buffers write it: seven bits a byte, the lowest first (protobuf.dev/programming-guides/encoding). */
export function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) | 128, ...varint(Math.floor(value / 128))];
}

/** How a field is written: a number, 8 bytes, bytes after their length, 4 bytes. */
export const WIRE = { varint: 0, eight: 1, bytes: 2, four: 5 } as const;

/** What stands before a field: its number and how it is written. */
export function tag(number: number, wire: keyof typeof WIRE): number[] {
  return varint(number * 8 + WIRE[wire]);
}
