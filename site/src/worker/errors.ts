import { DataError } from 'vgg-blocks/data';
import { WeightFileError } from 'vgg-blocks/weights';

/** What went wrong, as the page can say it in its own language. */
export interface Failure {
  kind: 'memory' | 'gpu' | 'file' | 'value' | 'other';
  /** What was thrown, in English. */
  message: string;
}

const MEMORY =
  /out of memory|\boom\b|cannot enlarge|allocation failed|invalid typed array length|memory access out of bounds|failed to (create|allocate)|exceeds the (maximum|limit)|larger than|too large|offset is out of bounds|array length/i;
const GPU = /context (was )?lost|device (is|was) lost|gpudevice|lost context/i;

/** Tells what a thrown value is about. `lost` says that the GPU is known to be gone. */
export function failureOf(error: unknown, lost: boolean): Failure {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof DataError || error instanceof WeightFileError) return { kind: 'file', message };
  if (lost || GPU.test(message)) return { kind: 'gpu', message };
  if (MEMORY.test(message)) return { kind: 'memory', message };
  return { kind: error instanceof RangeError ? 'value' : 'other', message };
}
