import { add, mul, sub, type Tensor4D, tensor4d } from '@tensorflow/tfjs-core';
import { fail, wholeNumber } from '../../base/check.js';
import { type BatchOptions, ofVersions } from './batches.js';
import type { Subject } from './subject.js';

/** Options of occlusion. */
export interface OcclusionOptions extends BatchOptions {
  /** Side of the square that covers the image, in pixels. Default: an eighth of the image's shorter side. */
  window?: number;
  /** Pixels from one position of the square to the next. Default: half of the window. */
  stride?: number;
}

/**
 * Occlusion sensitivity (Zeiler & Fergus 2014, section 4.2): how much the class's logit falls when a square covers a part of the
 * image. As in Captum, a pixel gets the mean of the squares that cover it, and squares end at the image's edges.
 *
 * @param baseline what the square shows, shaped like the image.
 * @returns `height * width` numbers, negative where covering raises the logit.
 */
export async function occlusion(
  subject: Subject,
  baseline: Tensor4D,
  options: OcclusionOptions,
): Promise<Float32Array> {
  const { where, x, score } = subject;
  const [, height, width] = x.shape;
  const { window = Math.ceil(Math.min(height, width) / 8) } = options;
  wholeNumber(where, 'window', window);
  const { stride = Math.ceil(window / 2) } = options;
  wholeNumber(where, 'stride', stride);
  if (window > Math.min(height, width) || stride > window) {
    fail(
      where,
      `window is ${window} and stride ${stride} for an image of ${width}x${height}; the window must fit into the image, and the stride must be at most the window, so that every pixel is covered.`,
    );
  }
  const across = Math.ceil((width - window) / stride) + 1;
  const count = across * (Math.ceil((height - window) / stride) + 1);
  /** The pixels that a square covers. */
  const covered = (index: number): number[] => {
    const [top, left] = [Math.floor(index / across) * stride, (index % across) * stride];
    const pixels: number[] = [];
    for (let y = top; y < Math.min(height, top + window); y++) {
      for (let x = left; x < Math.min(width, left + window); x++) pixels.push(y * width + x);
    }
    return pixels;
  };
  // The first version is the image itself.
  const scores = await ofVersions(
    subject,
    1 + count,
    (i, x) => {
      const mask = new Float32Array(height * width);
      if (i > 0) for (const pixel of covered(i - 1)) mask[pixel] = 1;
      return add(x, mul(sub(baseline, x), tensor4d(mask, [1, height, width, 1])));
    },
    score,
    options,
  );
  const falls = new Float64Array(height * width);
  const squares = new Float64Array(height * width);
  for (let i = 0; i < count; i++) {
    for (const pixel of covered(i)) {
      falls[pixel]! += scores[0]! - scores[1 + i]!;
      squares[pixel]!++;
    }
  }
  return Float32Array.from(falls, (fall, pixel) => fall / squares[pixel]!);
}
