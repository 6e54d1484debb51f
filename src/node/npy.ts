import { encode } from '../weights/formats/numbers.js';
import { openPending } from './writeFile.js';

/** A NumPy file that grows row by row. */
export interface NpyWriter {
  /** Adds a row, as many numbers as `shape` multiplies to. */
  append(row: Float32Array): Promise<void>;
  /** Completes the file and gives it its name; its shape is `[rows, ...shape]`. */
  close(): Promise<void>;
  /** Takes away what was written. */
  discard(): Promise<void>;
}

/** Bytes of the header, whatever the number of rows: a multiple of 64, as the format has it. */
const HEADER = 128;
const DESCRIPTIONS = { f32: '<f4', f16: '<f2' } as const;

/**
 * Writes a `.npy` file (NumPy's format, version 1.0, rows first) of as many rows as come: `numpy.load` reads it, or maps it
 * with `mmap_mode`. Nothing but one row is held in memory, and the file has its name only when it is whole.
 *
 * @param shape of a row, e.g. `[4096]` or `[7, 7, 512]`.
 * @param dtype how numbers are stored; default `'f32'`. `'f16'` rounds to 11 bits and makes what is above 65504 infinite.
 * @throws Error, one sentence with the path, when it cannot be written; RangeError when a row has another length.
 * @example
 * const file = await npyWriter('features.npy', [4096]);
 * await file.append(await features.data());
 * await file.close();
 */
export async function npyWriter(
  path: string,
  shape: readonly number[],
  dtype: 'f32' | 'f16' = 'f32',
): Promise<NpyWriter> {
  const length = shape.reduce((product, side) => product * side, 1);
  const file = await openPending(path);
  let rows = 0;
  await file.append(headerOf([0, ...shape], dtype));
  return {
    async append(row) {
      if (row.length !== length) {
        throw new RangeError(`npyWriter: a row has ${row.length} numbers, and [${shape}] needs ${length}.`);
      }
      await file.append(encode(row, dtype === 'f16' ? 'F16' : 'F32'));
      rows++;
    },
    async close() {
      await file.begin(headerOf([rows, ...shape], dtype));
      await file.commit();
    },
    discard: file.discard,
  };
}

function headerOf(shape: readonly number[], dtype: keyof typeof DESCRIPTIONS): Uint8Array {
  const sides = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const text = `{'descr': '${DESCRIPTIONS[dtype]}', 'fortran_order': False, 'shape': (${sides}), }`;
  const header = new Uint8Array(HEADER).fill(0x20);
  header.set([0x93, ...new TextEncoder().encode('NUMPY'), 1, 0, HEADER - 10, 0]);
  header.set(new TextEncoder().encode(text), 10);
  header[HEADER - 1] = 0x0a;
  return header;
}
