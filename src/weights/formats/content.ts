/** Bytes whose number is known before they are made, so that a file is put together in one buffer, without copies. */
export interface Content {
  readonly size: number;
  /** Writes them; `into` has `size` bytes, all of them zero. */
  write(into: Uint8Array): Promise<void>;
}

/** A tensor for a file. */
export interface NewTensor {
  name: string;
  dtype: 'F32' | 'F16' | 'BF16' | 'I64';
  shape: readonly number[];
  content: Content;
}

/** Bytes that exist already. */
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

/** The bytes in a buffer of their own. */
export async function bytesOf(content: Content): Promise<Uint8Array> {
  const bytes = new Uint8Array(content.size);
  await content.write(bytes);
  return bytes;
}
