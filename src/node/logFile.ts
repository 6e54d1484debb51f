import { open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { BOOLEAN, BYTES, checkArguments, either, optionsOf, TEXT } from '../base/arguments.js';
import { fail } from '../base/check.js';
import { printedPath } from '../base/printable.js';
import { makeFolders } from '../io/makeFolders.js';
import { PATH } from './path.js';
import { because, FILE_MODULES, openness } from './writeFile.js';

/** A file that grows, for logs that are read while they are written. */
export interface LogFile {
  /** Appends all of the text or bytes, or nothing, after what was appended before. */
  append(chunk: string | Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** Options of {@link openLog}. */
export interface LogOptions {
  /** Keeps what an earlier process wrote; default false. */
  append?: boolean;
}

/** The files of open logs, since each log knows only its own end. */
const opened = new Set<string>();

/**
 * Opens a log. An append that fails, for instance because the disk is full, leaves what was there before, and a later one may
 * succeed.
 *
 * @throws Error, one sentence with the path, also from `append`; RangeError when this process has the file open as a log already.
 */
export async function openLog(path: string, options: LogOptions = {}): Promise<LogFile> {
  return openLogFor('openLog', path, options);
}

/** As `openLog`, for the function that error messages name. */
export async function openLogFor(where: string, path: string, options: LogOptions): Promise<LogFile> {
  checkArguments(where, { path }, { path: PATH });
  const { append = false } = optionsOf(where, options, { append: BOOLEAN });

  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw new Error(`${printedPath(path)} could not be written: ${because(error)}`, { cause: error });
    }
  };
  const file = await guarded(async () => {
    await makeFolders(FILE_MODULES, dirname(path));
    // Opening a pipe that nobody reads would wait forever, and what is read already cannot be written again.
    const isPipe = (await stat(path).catch(() => undefined))?.isFIFO();
    if (isPipe) throw Object.assign(new Error('ESPIPE: it is a pipe'), { code: 'ESPIPE' });
    // Created by an append, but opened for writing at positions.
    await (await open(path, 'a')).close();
    return open(path, 'r+');
  });
  const found = await file.stat();
  // Devices have no end.
  const id = found.isFile() ? `${found.dev}:${found.ino}` : undefined;
  if (id !== undefined && opened.has(id)) {
    await file.close();
    fail(where, `${printedPath(path)} is open as a log already; append to that one, or close it first.`);
  }
  if (id !== undefined) opened.add(id);
  const release = async () => {
    if (id !== undefined) opened.delete(id);
    await file.close();
  };
  let end = append ? found.size : 0;
  if (found.size > end) {
    await guarded(() => file.truncate(end)).catch(async (error: unknown) => {
      await release();
      throw error;
    });
  }
  const state = openness(where);
  return {
    async append(chunk) {
      state.check();
      if (chunk !== '') checkArguments(where, { chunk }, { chunk: either(TEXT, BYTES) });
      // The caller may write to it again before its turn comes.
      const bytes = typeof chunk === 'string' ? new TextEncoder().encode(chunk) : chunk.slice();
      const write = async () => {
        try {
          for (let at = 0; at < bytes.length; ) {
            at += (await file.write(bytes, at, bytes.length - at, end + at)).bytesWritten;
          }
        } catch (error) {
          await file.truncate(end).catch(() => {});
          throw error;
        }
        end += bytes.length;
      };
      await state.inOrder(() => guarded(write));
    },
    async close() {
      state.end();
      await state.inOrder(() => guarded(release));
    },
  };
}
