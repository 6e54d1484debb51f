import { isReadable, textOf } from '../../base/check.js';
import { plain, printedPath } from '../../base/printable.js';
import { isError } from '../../base/realm.js';

/** The maximum length of a message, so that a file cannot flood a terminal with its names. */
const MAX_MESSAGE = 480;

/** The maximum length of a name from a file in a message. */
const MAX_NAME = 120;

/**
 * A weight file that cannot be used. The message is one sentence with the file, the faulty tensor if any, and the reason. It has
 * no control characters, which terminals obey, and fewer than 500 characters: of a longer reason, the middle is left out.
 */
export class WeightFileError extends Error {
  /** The path, the URL or the name of the file. */
  declare readonly file: string;
  /** The faulty tensor's name in the file; undefined if the file as a whole is faulty. */
  declare readonly tensor: string | undefined;
  /** The problem and what to do about it. */
  declare readonly reason: string;

  /** @param details the faulty tensor and the error that caused this one. */
  constructor(file: string, reason: string, details?: { tensor?: string; cause?: unknown }) {
    const { tensor, cause } = isReadable(details) ? (details ?? {}) : {};
    const subject = `${printedPath(textOf(file))}: ${tensor === undefined ? '' : `tensor '${printable(textOf(tensor))}': `}`;
    const why = plain(withoutMiddle(textOf(reason), MAX_MESSAGE - subject.length));
    super(`${subject}${why}`, cause === undefined ? undefined : { cause });
    // Not by a field, for which the CommonJS build would give the class another name.
    this.name = 'WeightFileError';
    this.file = file;
    this.tensor = tensor;
    this.reason = why;
  }

  /** True for errors of another copy of the library too: the ESM and CommonJS builds each have their own class. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    // A subclass inherits this method.
    // biome-ignore lint/complexity/noThisInStatic: see above.
    if (!Object.hasOwn(this, Symbol.hasInstance)) return super[Symbol.hasInstance](value);
    return isError(value) && value.name === 'WeightFileError' && 'reason' in value;
  }
}

/** A name from a file, made safe for a message: short, and without control characters. */
export function printable(name: string): string {
  return plain(name.length > MAX_NAME ? `${name.slice(0, MAX_NAME - 3)}...` : name);
}

/** A text without its middle, if it is too long: a sentence begins with what is wrong and ends with what to do. */
function withoutMiddle(text: string, length: number): string {
  if (text.length <= length) return text;
  const end = Math.floor(length / 3);
  return `${text.slice(0, length - end - 5)} ... ${text.slice(-end)}`;
}
