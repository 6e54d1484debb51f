/** An IDX file of unsigned bytes. */
export function encodeIdx(dims: readonly number[], values: Uint8Array, type = 8): Uint8Array {
  const bytes = new Uint8Array(4 + 4 * dims.length + values.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, (type << 8) | dims.length);
  dims.forEach((length, axis) => {
    view.setUint32(4 + 4 * axis, length);
  });
  bytes.set(values, 4 + 4 * dims.length);
  return bytes;
}
