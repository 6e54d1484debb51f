/** An image as rows of pixels, three bytes each (RGB). */
export interface RgbImage {
  data: Uint8Array;
  width: number;
  height: number;
}

/** An image as bytes, row by row: gray, gray and alpha, RGB or RGBA. A browser's `ImageData` is one. */
export interface RawImage {
  /** `width * height` pixels of 1, 2, 3 or 4 bytes. */
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}
