/** How far something long is: what every `onProgress` of the library is called with, with more fields where there is more to say. */
export interface Progress {
  /** How many units are done. */
  done: number;
  /** How many there are; undefined where that is not known. */
  total?: number;
  /** What is counted. */
  unit: 'batches' | 'bytes' | 'images' | 'steps';
}
