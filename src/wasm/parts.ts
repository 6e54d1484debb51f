import type { ConvInfo } from './backend.js';
import type { Operand } from './operands.js';

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
  const count = Math.max(1, Math.min(maximum, Math.floor(work / MIN_WORK)));
  return rangesOf(units, count).map(([from, to]) =>
    batchSize > 1 ? images(info, from, to) : band(info, from * rows, Math.min(to * rows, outHeight)),
  );
}

/** Divides units into at most `maximum` ranges, with the end excluded; none is empty, and the first is never the largest. */
export function rangesOf(units: number, maximum: number): [from: number, to: number][] {
  const count = Math.min(maximum, units);
  const start = (i: number) => Math.floor((i * units) / count);
  return Array.from({ length: count }, (_, i) => [start(i), start(i + 1)]);
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

/** A part's images or rows of the convolution's input. */
export function inputOf({ info, before }: Part, input: number, use: Operand['use']): Operand {
  const { batchSize, inHeight, inWidth, inChannels } = info;
  return { address: input + before.input, bytes: 4 * batchSize * inHeight * inWidth * inChannels, use };
}

/** A part's images or rows of the output. */
export function outputOf({ info, before }: Part, output: number, use: Operand['use']): Operand {
  const { batchSize, outHeight, outWidth, outChannels } = info;
  return { address: output + before.output, bytes: 4 * batchSize * outHeight * outWidth * outChannels, use };
}
