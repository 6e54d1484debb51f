/** The progress of a long operation. Every `onProgress` of the library is called with it; some add fields. */
export interface Progress {
  /** How many units are done. */
  done: number;
  /** How many units there are; undefined if unknown. */
  total?: number;
  /** The unit that is counted. */
  unit: 'batches' | 'bytes' | 'images' | 'steps';
}
