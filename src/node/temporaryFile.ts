import { randomBytes } from 'node:crypto';
import { mkdir, open, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OpenRowStore } from '../features/index.js';
import { because } from './writeFile.js';

/** Where a temporary file is put. */
export interface TemporaryFileOptions {
  /** Default: the system's folder for temporary files, which may lie in memory; then name one on a disk. */
  folder?: string;
}

/**
 * A file for what does not fit into memory, such as `cacheFeatures`' features. It loses its name as soon as it is open, where the
 * system allows that, so that nothing is left even of a process that dies; elsewhere it is removed when it is disposed.
 *
 * Opening, writing and reading throw an Error, one sentence with the folder, when there is no room or the folder cannot be
 * written to.
 *
 * @example
 * const features = await cacheFeatures(lower, examples, { overflow: temporaryFile({ folder: '/data/tmp' }) });
 */
export function temporaryFile({ folder = tmpdir() }: TemporaryFileOptions = {}): OpenRowStore {
  return async ({ rows, rowLength }) => {
    const path = join(folder, `vgg-blocks-${randomBytes(6).toString('hex')}.tmp`);
    const rowBytes = 4 * rowLength;
    const guarded = async <T>(use: () => Promise<T>): Promise<T> => {
      try {
        return await use();
      } catch (error) {
        throw new Error(`the temporary file in ${folder} failed: ${because(error)}`, { cause: error });
      }
    };
    await guarded(() => mkdir(folder, { recursive: true }));
    await checkRoom(folder, rows * rowBytes);
    const file = await guarded(() => open(path, 'wx+', 0o600));
    // Windows keeps the name of what is open.
    const named = await rm(path).then(
      () => false,
      () => true,
    );
    let disposed = false;
    return {
      write: (first, values) =>
        guarded(async () => {
          const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
          for (let at = 0; at < bytes.length; ) {
            const { bytesWritten } = await file.write(bytes, at, bytes.length - at, first * rowBytes + at);
            at += bytesWritten;
          }
        }),
      read: (wanted) =>
        guarded(async () => {
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
        }),
      async dispose() {
        if (disposed) return;
        disposed = true;
        await file.close();
        if (named) await rm(path, { force: true });
      },
    };
  };
}

/** Throws when the disk has less room than is needed; where nobody knows, writing will tell. */
async function checkRoom(folder: string, bytes: number): Promise<void> {
  const disk = await statfs(folder).catch(() => undefined);
  const free = disk ? disk.bavail * disk.bsize : Number.POSITIVE_INFINITY;
  if (free >= bytes) return;
  const gigabytes = (n: number) => `${(n / 1e9).toFixed(2)} GB`;
  throw new Error(
    `the temporary file would take ${gigabytes(bytes)} and ${folder} has ${gigabytes(free)} left; free some space or choose another folder.`,
  );
}
