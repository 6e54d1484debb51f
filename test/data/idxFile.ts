import type { ImageSet } from '../../src/data/index.js';

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

/** The four files of a set, under their published names. */
export function idxFiles({
  trainSet,
  testSet,
}: {
  trainSet: ImageSet;
  testSet: ImageSet;
}): Record<string, Uint8Array> {
  return Object.fromEntries(
    Object.entries({ train: trainSet, t10k: testSet }).flatMap(
      ([name, { shape, length, images, labels }]) => [
        [`${name}-images-idx3-ubyte`, encodeIdx([length, shape[0], shape[1]], images)],
        [`${name}-labels-idx1-ubyte`, encodeIdx([length], labels)],
      ],
    ),
  );
}
