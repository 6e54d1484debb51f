import { shown } from '../../base/check.js';
import { checkCoverage, checkDtype, checkNames, checkOverlaps, checkShape, type Span } from './checks.js';
import { WeightFileError } from './error.js';
import type { WeightFile } from './file.js';
import { MAX_HEADER_BYTES } from './limits.js';
import { viewOf } from './numbers.js';
import { byteLength, type Dtype, type StoredTensor, spanOf } from './tensor.js';

/** Whether a file begins like safetensors: a header's length, then an opening brace. */
export function isSafetensors(head: Uint8Array): boolean {
  return head.length >= 9 && head[8] === 0x7b && head[7] === 0 && head[6] === 0;
}

/**
 * The tensors of a safetensors file, https://huggingface.co/docs/safetensors: 8 bytes for the header's length, the
 * header as JSON (`{"name": {"dtype", "shape", "data_offsets"}}`, offsets counted from the header's end), the data.
 *
 * @throws WeightFileError when the header is not such JSON, a span leaves the file, two overlap, one does not fit its shape, or
 *   bytes belong to no tensor.
 */
export async function readSafetensors(
  file: WeightFile,
): Promise<{ tensors: StoredTensor[]; metadata: Record<string, unknown> }> {
  const length = Number(viewOf(await file.read(0, 8)).getBigUint64(0, true));
  if (length > MAX_HEADER_BYTES) {
    throw new WeightFileError(
      file.name,
      `its header claims ${length} bytes, more than the limit of ${MAX_HEADER_BYTES}; it is damaged or not a safetensors file.`,
    );
  }
  const { entries, metadata } = parseHeader(file.name, await file.read(8, length));
  const start = 8 + length;
  const spans: Span[] = [];
  const tensors = entries.map(([tensor, entry]): StoredTensor => {
    const dtype = checkDtype(file.name, tensor, entry.dtype);
    const shape = checkShape(file.name, tensor, entry.shape);
    const [begin, end] = checkOffsets(file, start, tensor, entry.data_offsets);
    if (end - begin !== byteLength({ dtype, shape })) {
      throw new WeightFileError(
        file.name,
        `its shape [${shape}] needs ${byteLength({ dtype, shape })} bytes of ${dtype}, but the header gives it ${end - begin}; the file is damaged.`,
        { tensor },
      );
    }
    spans.push({ tensor, offset: begin, length: end - begin });
    return { name: tensor, dtype, shape, open: () => spanOf(file, start + begin) };
  });
  checkOverlaps(file.name, spans);
  checkCoverage(file.name, spans, file.size - start);
  return { tensors, metadata };
}

/**
 * The epsilon of batch normalization in a file's metadata, undefined if it has none.
 *
 * @throws WeightFileError when it is not a number above 0 and of at most 1.
 */
export function epsilonOf(
  file: string,
  { batch_norm_epsilon: text }: Record<string, unknown>,
): number | undefined {
  if (text === undefined) return undefined;
  const epsilon = typeof text === 'string' ? Number(text) : Number.NaN;
  if (epsilon > 0 && epsilon <= 1) return epsilon;
  throw new WeightFileError(
    file,
    `its metadata has the batch_norm_epsilon ${shown(text)}, but it must be above 0 and at most 1; correct it, or save the file without.`,
  );
}

interface Described {
  dtype?: unknown;
  shape?: unknown;
  data_offsets?: unknown;
}

function parseHeader(
  file: string,
  bytes: Uint8Array,
): { entries: [name: string, entry: Described][]; metadata: Record<string, unknown> } {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new WeightFileError(file, 'its header is not JSON; it is damaged or not a safetensors file.', {
      cause,
    });
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) {
    throw new WeightFileError(
      file,
      'its header is JSON but not a table of tensors; it is not a safetensors file.',
    );
  }
  const entries = Object.entries(header).filter(([name]) => name !== '__metadata__');
  checkNames(
    file,
    entries.map(([name]) => name),
  );
  for (const [tensor, entry] of entries) {
    if (typeof entry !== 'object' || entry === null) {
      throw new WeightFileError(file, 'its entry in the header is not a table; the file is damaged.', {
        tensor,
      });
    }
    const lacking = ['dtype', 'shape', 'data_offsets'].find((field) => !Object.hasOwn(entry, field));
    if (lacking !== undefined) {
      throw new WeightFileError(
        file,
        `its entry in the header has no ${lacking}; the file is damaged, so get it again.`,
        { tensor },
      );
    }
  }
  return { entries, metadata: Object((header as { __metadata__?: unknown }).__metadata__) };
}

function checkOffsets(
  file: WeightFile,
  start: number,
  tensor: string,
  offsets: unknown,
): [begin: number, end: number] {
  const numbers = Array.isArray(offsets) && offsets.length === 2 && offsets.every(Number.isSafeInteger);
  const [begin, end] = numbers ? (offsets as [number, number]) : [-1, -1];
  if (begin < 0 || end < begin || start + end > file.size) {
    throw new WeightFileError(
      file.name,
      `its bytes should be at ${shown(offsets)} of ${file.size - start}; the file is truncated or damaged, so get it again.`,
      { tensor },
    );
  }
  return [begin, end];
}

/**
 * The bytes before the data of a safetensors file with these tensors in order: the length, the header, and spaces up to a
 * multiple of 8.
 */
export function safetensorsHeader(
  tensors: readonly { name: string; dtype: Dtype; shape: readonly number[] }[],
  metadata: Record<string, string>,
): Uint8Array {
  let at = 0;
  const entries = tensors.map(({ name, dtype, shape }) => {
    const begin = at;
    at += byteLength({ dtype, shape });
    return [name, { dtype, shape, data_offsets: [begin, at] }] as const;
  });
  const json = JSON.stringify({ __metadata__: metadata, ...Object.fromEntries(entries) });
  const text = new TextEncoder().encode(json);
  const header = new Uint8Array(8 + Math.ceil(text.length / 8) * 8).fill(0x20);
  viewOf(header).setBigUint64(0, BigInt(header.length - 8), true);
  header.set(text, 8);
  return header;
}
