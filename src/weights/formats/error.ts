import { isError } from '../../base/realm.js';

/** A weight file that cannot be used. The message is one sentence with the file, the faulty tensor if any, and the reason. */
export class WeightFileError extends Error {
  /** The path, the URL or the name of the file. */
  declare readonly file: string;
  /** The faulty tensor's name in the file; undefined if the file as a whole is faulty. */
  declare readonly tensor: string | undefined;
  /** The problem and what to do about it. */
  declare readonly reason: string;

  constructor(file: string, reason: string, { tensor, cause }: { tensor?: string; cause?: unknown } = {}) {
    super(
      `${file}: ${tensor === undefined ? '' : `tensor '${printable(tensor)}': `}${reason}`,
      cause === undefined ? undefined : { cause },
    );
    // Not by a field, for which the CommonJS build would give the class another name.
    this.name = 'WeightFileError';
    this.file = file;
    this.tensor = tensor;
    this.reason = reason;
  }

  /** True for errors of another copy of the library too: the ESM and CommonJS builds each have their own class. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    // A subclass inherits this method.
    // biome-ignore lint/complexity/noThisInStatic: see above.
    if (!Object.hasOwn(this, Symbol.hasInstance)) return super[Symbol.hasInstance](value);
    return isError(value) && value.name === 'WeightFileError' && 'reason' in value;
  }
}

/** A name from a file, made safe for a message: short, and without control characters, which terminals would obey. */
export function printable(name: string): string {
  const plain = name.replace(/\p{C}/gu, '\ufffd');
  return plain.length > 120 ? `${plain.slice(0, 117)}...` : plain;
}
