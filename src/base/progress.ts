/** The progress of a long operation. Every `onProgress` callback receives it, some with further fields. */
export interface Progress {
  /** Units done. */
  done: number;
  /** Units in all; undefined if unknown. */
  total?: number;
  /** The unit counted. */
  unit: 'batches' | 'bytes' | 'images' | 'layers' | 'steps';
}
