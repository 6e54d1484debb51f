import { DataError } from 'vgg-blocks/data';
import { WeightFileError } from 'vgg-blocks/weights';

/** What went wrong, in a form that the page can translate. */
export interface Failure {
  kind: 'memory' | 'gpu' | 'kernels' | 'file' | 'value' | 'canceled' | 'infinite' | 'other';
  /** The message of the thrown error, in English. */
  message: string;
}

const MEMORY =
  /out of memory|\boom\b|cannot enlarge|allocation failed|invalid typed array length|memory access out of bounds|failed to (create|allocate)|exceeds the (maximum|limit)|larger than|too large|offset is out of bounds|array length/i;
const GPU = /context (was )?lost|device (is|was) lost|gpudevice|lost context/i;
/** What this library says when the GPU could not run a kernel. */
const KERNELS = /(device|backend) reported an error/;

/** A network answers with numbers that are not finite. */
export class NotFiniteError extends Error {
  constructor() {
    super('The outputs of the network are infinite or not numbers.');
    this.name = 'NotFiniteError';
  }
}

/** Classifies a thrown value. `lost`: the GPU is known to be gone. */
export function failureOf(error: unknown, lost: boolean): Failure {
  const message = error instanceof Error ? error.message : String(error);
  if ((error as Error).name === 'AbortError') return { kind: 'canceled', message };
  if (error instanceof NotFiniteError) return { kind: 'infinite', message };
  if (error instanceof DataError || error instanceof WeightFileError) return { kind: 'file', message };
  if (lost || GPU.test(message)) return { kind: 'gpu', message };
  if (MEMORY.test(message)) return { kind: 'memory', message };
  if (KERNELS.test(message)) return { kind: 'kernels', message };
  return { kind: error instanceof RangeError ? 'value' : 'other', message };
}
