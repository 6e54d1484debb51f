import { checkArguments, FLOATS, NUMBERS, optionsOf } from '../base/arguments.js';
import { oneOf, wholeNumber } from '../base/check.js';
import { size } from '../base/shapes.js';
import { encode } from '../weights/formats/numbers.js';
import { PATH } from './path.js';
import { openness, openPending } from './writeFile.js';

/** Options of {@link npyWriter}. */
export interface NpyOptions {
  /** How numbers are stored; default `'f32'`. `'f16'` keeps 11 significant bits and makes values above 65504 infinite. */
  dtype?: 'f32' | 'f16';
}

/** A NumPy file that grows row by row. */
export interface NpyWriter {
  /** Appends a row with all numbers of the shape, after those appended before. */
  append(row: Float32Array): Promise<void>;
  /** Completes the file and gives it its name; its shape is `[rows, ...shape]`. */
  close(): Promise<void>;
  /** Deletes the unfinished file. */
  discard(): Promise<void>;
}

/** Bytes of the header, enough for any number of rows; the format requires a multiple of 64. */
const HEADER = 128;
const DESCRIPTIONS = { f32: '<f4', f16: '<f2' } as const;

/**
 * Writes a `.npy` file (NumPy's format 1.0, C order) row by row; `numpy.load` reads it, or maps it with `mmap_mode`. Only
 * one row is in memory at a time, and the file gets its name once it is complete.
 *
 * @param shape of a row, e.g. `[4096]` or `[7, 7, 512]`.
 * @throws Error, one sentence with the path, if the file cannot be written; RangeError if a row has another length.
 * @example
 * const file = await npyWriter('features.npy', [4096]);
 * await file.append(await features.data());
 * await file.close();
 */
export async function npyWriter(
  path: string,
  shape: readonly number[],
  options: NpyOptions = {},
): Promise<NpyWriter> {
  checkArguments('npyWriter', { path, shape }, { path: PATH, shape: NUMBERS });
  const { dtype = 'f32' } = optionsOf('npyWriter', options, { dtype: 1 });

  oneOf('npyWriter', 'dtype', dtype, ['f32', 'f16']);
  for (const side of shape) wholeNumber('npyWriter', 'shape', side);
  const length = size(shape);
  const file = await openPending(path);
  let rows = 0;
  try {
    await file.append(headerOf([0, ...shape], dtype));
    // Fails on a pipe now, not after all rows.
    await file.begin(headerOf([0, ...shape], dtype));
  } catch (error) {
    await file.discard();
    throw error;
  }
  const state = openness('npyWriter');
  return {
    async append(row) {
      state.check();
      checkArguments('npyWriter', { row }, { row: FLOATS });
      if (row.length !== length) {
        throw new RangeError(`npyWriter: a row has ${row.length} numbers; [${shape}] needs ${length}.`);
      }
      // The caller may write to it again before its turn comes.
      const bytes = encode(row.slice(), dtype === 'f16' ? 'F16' : 'F32');
      await state.inOrder(async () => {
        await file.append(bytes);
        rows++;
      });
    },
    async close() {
      state.check();
      state.end();
      await state.inOrder(async () => {
        await file.begin(headerOf([rows, ...shape], dtype));
        await file.commit();
      });
    },
    async discard() {
      state.end();
      await state.inOrder(() => file.discard());
    },
  };
}

function headerOf(shape: readonly number[], dtype: keyof typeof DESCRIPTIONS): Uint8Array {
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const text = `{'descr': '${DESCRIPTIONS[dtype]}', 'fortran_order': False, 'shape': (${tuple}), }`;
  const header = new Uint8Array(HEADER).fill(0x20);
  header.set([0x93, ...new TextEncoder().encode('NUMPY'), 1, 0, HEADER - 10, 0]);
  header.set(new TextEncoder().encode(text), 10);
  header[HEADER - 1] = 0x0a;
  return header;
}
