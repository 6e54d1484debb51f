import type { EncodedDtype } from './numbers.js';

/** Bytes whose number is known before they are written, so that a file is assembled in one buffer, without copies. */
export interface Content {
  readonly size: number;
  /** Writes the bytes; `into` has `size` bytes, all zero. */
  write(into: Uint8Array): Promise<void>;
}

/** A tensor for a file. */
export interface NewTensor {
  name: string;
  dtype: EncodedDtype | 'I64';
  shape: readonly number[];
  content: Content;
}

/** Existing bytes. */
export function contentOf(bytes: Uint8Array): Content {
  return { size: bytes.length, write: async (into) => into.set(bytes) };
}

/** Contents one after the other. */
export function concatenated(parts: readonly Content[]): Content {
  return {
    size: parts.reduce((sum, { size }) => sum + size, 0),
    async write(into) {
      let at = 0;
      for (const part of parts) {
        await part.write(into.subarray(at, at + part.size));
        at += part.size;
      }
    },
  };
}

/** The bytes in a new buffer. */
export async function bytesOf(content: Content): Promise<Uint8Array> {
  const bytes = new Uint8Array(content.size);
  await content.write(bytes);
  return bytes;
}
