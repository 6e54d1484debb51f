import { DataError } from 'vgg-blocks/data';
import { WeightFileError } from 'vgg-blocks/weights';
import { isNetwork } from '../connection.js';

/** What can be wrong with a file; `foreign` is a network, but not a VGG. */
export type FileFault = 'damaged' | 'unknown' | 'foreign' | 'parts' | 'other';

/** What went wrong, in a form that the page can translate. */
export interface Failure {
  kind: 'memory' | 'gpu' | 'kernels' | 'file' | 'value' | 'canceled' | 'infinite' | 'network' | 'other';
  /** What is wrong with a file. */
  fault?: FileFault;
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

/** What is wrong with a weight file, by the library's sentence. */
function faultOf(reason: string): FileFault {
  if (/damaged|truncated|cut off|get it again/.test(reason)) return 'damaged';
  if (/needs the weight file/.test(reason)) return 'parts';
  if (/VGG/.test(reason)) return 'foreign';
  return /^it is /.test(reason) ? 'unknown' : 'other';
}

/** Classifies a thrown value. `lost`: the GPU is known to be gone. */
export function failureOf(error: unknown, lost: boolean): Failure {
  const message = error instanceof Error ? error.message : String(error);
  if ((error as Error).name === 'AbortError') return { kind: 'canceled', message };
  if (error instanceof NotFiniteError) return { kind: 'infinite', message };
  if (error instanceof DataError)
    return { kind: 'file', fault: error.fault === 'damaged' ? 'damaged' : 'other', message };
  if (error instanceof WeightFileError) return { kind: 'file', fault: faultOf(error.reason), message };
  if (isNetwork(message)) return { kind: 'network', message };
  if (lost || GPU.test(message)) return { kind: 'gpu', message };
  if (MEMORY.test(message)) return { kind: 'memory', message };
  if (KERNELS.test(message)) return { kind: 'kernels', message };
  return { kind: error instanceof RangeError ? 'value' : 'other', message };
}
