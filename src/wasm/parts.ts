import type { Operand } from './operands.js';
import type { ConvInfo } from './run.js';

/** Some images of a convolution's batch, or some rows of the only one: a convolution itself. */
export interface Part {
  info: ConvInfo;
  /** Bytes of the input, and of the output, that lie before those of this part. */
  before: { input: number; output: number };
}

/** Multiplications and additions of a part from which on another thread is worth waking: some 0.4 ms of work. */
const MIN_WORK = 2 ** 23;

/**
 * A convolution in so many parts, or in fewer where it is small. Images are shared out; the rows of a single image are, in
 * multiples of `rows`, lest tiles of outputs be cut. The first part is never the largest.
 */
export function partsOf(info: ConvInfo, most: number, rows: number): Part[] {
  const { batchSize, outHeight, outWidth, outChannels, inChannels, filterHeight, filterWidth } = info;
  const work = batchSize * outHeight * outWidth * outChannels * inChannels * filterHeight * filterWidth;
  const units = batchSize > 1 ? batchSize : Math.ceil(outHeight / rows);
  const count = Math.max(1, Math.min(most, units, Math.floor(work / MIN_WORK)));
  return shares(units, count).map(([from, to]) =>
    batchSize > 1 ? images(info, from, to) : band(info, from * rows, Math.min(to * rows, outHeight)),
  );
}

/** So many shares of some units, each from one up to but not including another. The first is never the largest. */
export function shares(units: number, count: number): [from: number, to: number][] {
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

/** Rows of an image's output, and the rows of its input that they are made of. */
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

/** A part's own images or rows of a convolution's input. */
export function inputOf({ info, before }: Part, input: number, use: Operand['use']): Operand {
  const { batchSize, inHeight, inWidth, inChannels } = info;
  return { address: input + before.input, bytes: 4 * batchSize * inHeight * inWidth * inChannels, use };
}

/** Those of its output. */
export function outputOf({ info, before }: Part, output: number, use: Operand['use']): Operand {
  const { batchSize, outHeight, outWidth, outChannels } = info;
  return { address: output + before.output, bytes: 4 * batchSize * outHeight * outWidth * outChannels, use };
}
