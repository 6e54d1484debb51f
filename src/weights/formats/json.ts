import { WeightFileError } from './error.js';
import type { WeightFile } from './file.js';
import { MAX_HEADER_BYTES } from './limits.js';

/** Whether a file begins like a JSON object. */
export function isJson(head: Uint8Array): boolean {
  return /^\s*\{/.test(new TextDecoder().decode(head.subarray(0, 64)));
}

/**
 * The object in a JSON file.
 *
 * @throws WeightFileError when it is too long or not JSON.
 */
export async function readJson(file: WeightFile): Promise<Record<string, unknown>> {
  if (file.size > MAX_HEADER_BYTES) {
    throw new WeightFileError(
      file.name,
      `it is JSON of ${file.size} bytes, more than the limit of ${MAX_HEADER_BYTES}; use the model.json of a tfjs model.`,
    );
  }
  try {
    return Object(JSON.parse(new TextDecoder().decode(await file.read(0, file.size))));
  } catch (cause) {
    if (cause instanceof WeightFileError) throw cause;
    throw new WeightFileError(
      file.name,
      'it begins like JSON but is not; use the model.json of a tfjs model.',
      { cause },
    );
  }
}
