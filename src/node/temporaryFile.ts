import { open, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { checkArguments, FLOATS, NUMBERS, optionsOf, withFields } from '../base/arguments.js';
import { fail, wholeNumber } from '../base/check.js';
import { printedPath } from '../base/printable.js';
import type { OpenRowStore } from '../features/index.js';
import { makeFolders } from '../io/makeFolders.js';
import { forget, temporaryPath } from '../io/pendingFile.js';
import { PATH } from './path.js';
import { because, FILE_MODULES, openness } from './writeFile.js';

const SIZE = withFields('an object as { rows, rowLength }', 'rows', 'rowLength');

/** Options of {@link temporaryFile}. */
export interface TemporaryFileOptions {
  /** Where the file is created; default: the system's folder for temporary files. If that is in memory, choose one on disk. */
  folder?: string;
}

/**
 * A file for data that does not fit into memory, such as the features of `cacheFeatures`. It is unlinked as soon as it is
 * open, if the system allows it, so that nothing remains even if the process dies; otherwise `dispose` removes it.
 *
 * Opening, writing and reading throw an Error, one sentence with the folder, if the disk is full or the folder cannot be
 * written to.
 *
 * @example
 * const features = await cacheFeatures(lower, examples, { overflow: temporaryFile({ folder: '/data/tmp' }) });
 */
export function temporaryFile(options: TemporaryFileOptions = {}): OpenRowStore {
  const { folder = tmpdir() } = optionsOf('temporaryFile', options, { folder: PATH });

  return async (size) => {
    checkArguments('temporaryFile', { size }, { size: SIZE });
    const rows = wholeNumber('temporaryFile', 'rows', size.rows, 0);
    const rowLength = wholeNumber('temporaryFile', 'rowLength', size.rowLength, 0);
    const rowBytes = 4 * rowLength;
    const guarded = async <T>(use: () => Promise<T>): Promise<T> => {
      try {
        return await use();
      } catch (error) {
        throw new Error(`temporaryFile: the file in ${printedPath(folder)} failed: ${because(error)}`, {
          cause: error,
        });
      }
    };
    await guarded(() => makeFolders(FILE_MODULES, folder));
    await checkRoom(folder, rows * rowBytes);
    const path = await temporaryPath(FILE_MODULES, folder);
    const remove = () => rm(path, { force: true }).then(() => forget(path));
    const file = await guarded(() => open(path, 'wx+', 0o600)).catch((error: unknown) => {
      forget(path);
      throw error;
    });
    // Windows cannot unlink an open file.
    const named = await remove().then(
      () => false,
      () => true,
    );
    const state = openness('temporaryFile');
    let disposed = false;
    return {
      async write(first, values) {
        state.check();
        wholeNumber('temporaryFile', 'first', first, 0);
        checkArguments('temporaryFile', { values }, { values: FLOATS });
        const end = first * rowLength + values.length;
        if (values.length % Math.max(1, rowLength) !== 0 || end > rows * rowLength) {
          fail(
            'temporaryFile',
            `${values.length} numbers are to be written from row ${first} on, but there are ${rows} rows of ${rowLength}; pass whole rows that fit.`,
          );
        }
        await guarded(async () => {
          const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
          for (let at = 0; at < bytes.length; ) {
            const { bytesWritten } = await file.write(bytes, at, bytes.length - at, first * rowBytes + at);
            at += bytesWritten;
          }
        });
      },
      async read(wanted) {
        state.check();
        checkArguments('temporaryFile', { rows: wanted }, { rows: NUMBERS });
        for (const row of wanted) wholeNumber('temporaryFile', 'a row', row, 0, rows - 1);
        return guarded(async () => {
          const values = new Float32Array(wanted.length * rowLength);
          const bytes = new Uint8Array(values.buffer);
          for (const [i, row] of wanted.entries()) {
            for (let at = 0; at < rowBytes; ) {
              const { bytesRead } = await file.read(
                bytes,
                i * rowBytes + at,
                rowBytes - at,
                row * rowBytes + at,
              );
              if (bytesRead === 0) throw new Error(`it ends before row ${row}`);
              at += bytesRead;
            }
          }
          return values;
        });
      },
      async dispose() {
        if (disposed) return;
        disposed = true;
        state.end();
        await file.close();
        if (named) await remove();
      },
    };
  };
}

/** Throws if the disk is known to have too little room. */
async function checkRoom(folder: string, bytes: number): Promise<void> {
  const disk = await statfs(folder).catch(() => undefined);
  const free = disk ? disk.bavail * disk.bsize : Number.POSITIVE_INFINITY;
  if (free >= bytes) return;
  const gigabytes = (n: number) => `${(n / 1e9).toFixed(2)} GB`;
  throw new Error(
    `temporaryFile: the file needs ${gigabytes(bytes)} and ${folder} has ${gigabytes(free)} free; free some space or choose another folder.`,
  );
}
