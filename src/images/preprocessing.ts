/** How pictures are made ready for a set of weights. The set and its recipe belong together. */
export interface Preprocessing {
  /** The order of the colours. */
  channels: 'RGB' | 'BGR';
  /** What white is before mean and deviation are applied. */
  white: 1 | 255;
  /** Subtracted from each channel, in the order of `channels`. */
  mean: readonly [number, number, number];
  /** What each channel is divided by then. */
  std: readonly [number, number, number];
  /** The shorter side after resizing, or both sides where the picture is stretched. */
  resize: { shorterSide: number } | { height: number; width: number };
  /** Side of the square that is cut from the middle. */
  crop: number;
  interpolation: 'bilinear' | 'nearest';
  /** Whether resizing averages over what it leaves out. */
  antialias: boolean;
}
