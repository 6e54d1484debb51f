import type { ConvInfo } from './backend.js';
import { rangesOf } from './tasks.js';

/** Some images of a convolution's batch, or some rows of its only image; itself a convolution. */
export interface Part {
  info: ConvInfo;
  /** Bytes of the input and of the output before this part. */
  before: { input: number; output: number };
}

/** The minimum number of multiplications and additions in a part that is worth waking a thread: about 0.4 ms of work. */
const MIN_WORK = 2 ** 23;

/**
 * Divides a convolution into at most `maximum` parts, fewer if it is small. A part has some of the images, or some rows of a
 * single image, in multiples of `rows` so that no tile of outputs is split. The first part is never the largest.
 */
export function partsOf(info: ConvInfo, maximum: number, rows: number): Part[] {
  const { batchSize, outHeight, outWidth, outChannels, inChannels, filterHeight, filterWidth } = info;
  const work = batchSize * outHeight * outWidth * outChannels * inChannels * filterHeight * filterWidth;
  const units = batchSize > 1 ? batchSize : Math.ceil(outHeight / rows);
  return rangesOf(units, Math.min(maximum, Math.floor(work / MIN_WORK))).map(([from, to]) =>
    batchSize > 1 ? images(info, from, to) : band(info, from * rows, Math.min(to * rows, outHeight)),
  );
}

function images(info: ConvInfo, from: number, to: number): Part {
  return {
    info: { ...info, batchSize: to - from },
    before: {
      input: 4 * from * info.inHeight * info.inWidth * info.inChannels,
      output: 4 * from * info.outHeight * info.outWidth * info.outChannels,
    },
  };
}

/** Rows of an image's output, and the rows of its input that they depend on. */
function band(info: ConvInfo, from: number, to: number): Part {
  const { inHeight, strideHeight, filterHeight, padInfo } = info;
  const top = from * strideHeight - padInfo.top;
  const first = Math.min(inHeight, Math.max(0, top));
  const end = Math.min(inHeight, Math.max(first, (to - 1) * strideHeight - padInfo.top + filterHeight));
  return {
    info: {
      ...info,
      inHeight: end - first,
      outHeight: to - from,
      padInfo: { ...padInfo, top: Math.max(0, first - top) },
    },
    before: {
      input: 4 * first * info.inWidth * info.inChannels,
      output: 4 * from * info.outWidth * info.outChannels,
    },
  };
}
