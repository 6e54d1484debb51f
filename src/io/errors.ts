import { textOf } from '../base/check.js';
import { plain, printedPath } from '../base/printable.js';
import { isError, messageOf } from '../base/realm.js';
import { systemReason } from '../base/systemReason.js';
import { neverFetched } from './neverFetched.js';

/** The fault of a source: it does not exist, it cannot be read, or its bytes are wrong. */
export type DataFault = 'missing' | 'unreadable' | 'damaged';

/** A file, download or set of images that cannot be used. The message is one sentence that says what to do. */
export class DataError extends Error {
  /** The path, the URL or the name of the source. */
  declare readonly source: string;
  /** What is wrong with it. */
  declare readonly fault: DataFault;

  /** @param where the function that was called, if the message is to begin with it. */
  constructor(source: string, fault: DataFault, sentence: string, cause?: unknown, where?: string) {
    super(
      `${where === undefined ? '' : `${textOf(where)}: `}${printedPath(textOf(source))}: ${plain(textOf(sentence))}`,
      cause === undefined ? undefined : { cause },
    );
    // Not by a field, for which the CommonJS build would give the class another name.
    this.name = 'DataError';
    this.source = source;
    this.fault = fault;
  }

  /** True for errors of another copy of the library too: the ESM and CommonJS builds each have their own class. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    // A subclass inherits this method.
    // biome-ignore lint/complexity/noThisInStatic: see above.
    if (!Object.hasOwn(this, Symbol.hasInstance)) return super[Symbol.hasInstance](value);
    return isError(value) && value.name === 'DataError' && 'fault' in value;
  }
}

/** The error of a function that read a source; others than of a source are its own. */
export function calledBy(where: string, error: unknown): unknown {
  if (!(error instanceof DataError)) return error;
  const { source, fault, message, cause } = error;
  return new DataError(source, fault, message.slice(`${printedPath(source)}: `.length), cause, where);
}

/** The message of a thrown value, with the reason that `fetch` hides in its cause; of a failed system call, in words. */
export function reason(error: unknown): string {
  const words = systemReason(error);
  if (words !== undefined) return words;
  if (error instanceof DataError) return messageOf(error);
  const never = neverFetched(error)?.words;
  if (never !== undefined) return never;
  if (!isError(error) || !isError(error.cause)) return messageOf(error);
  const cause = telling(error.cause);
  const known = systemReason(error.cause) ?? systemReason(cause);
  return known ?? (cause.message === '' ? messageOf(error) : `${messageOf(error)} (${cause.message})`);
}

/** An error, or, where it has no message, as those of `DecompressionStream` in Node 24, the one behind it that has. */
function telling(error: Error): Error {
  const behind = error.cause ?? (error as Partial<AggregateError>).errors?.[0];
  return error.message === '' && isError(behind) ? telling(behind) : error;
}

/** A broken connection; another one may succeed. Never thrown outside this folder. */
export class ConnectionError extends Error {
  override readonly name: string = 'ConnectionError';
}

/** A server that is busy or broken for now: status 429 or 5xx. Never thrown outside this folder. */
export class BusyError extends ConnectionError {
  override readonly name = 'BusyError';

  /**
   * @param final what to throw if it stays so.
   * @param waitMs how long the server asks to wait, in milliseconds.
   */
  constructor(
    readonly final: DataError,
    readonly waitMs: number,
  ) {
    super(final.message);
  }
}
