import { backend_util, type MaxPoolAttrs, type TensorInfo } from '@tensorflow/tfjs-core';
import type { Pooling } from '../tfjs/kernels.js';
import { wholePixels } from '../tfjs/wholePixels.js';

/** The windows of a max pooling, for WGSL that computes a number `i`, or four where channels are a multiple of 4. */
export interface Windows {
  /** The pooled images. */
  outShape: [batch: number, height: number, width: number, channels: number];
  isVector: boolean;
  /** Names the code. */
  name: string;
  /**
   * WGSL that runs `each` for the pixels of the window of output `i`, in their order: `at` is a pixel's number of x, and `place` counts
   * the pixels of a whole window. Behind it, `isOutside` is whether the window is all padding.
   */
  ofOutput(each: string): string;
  /**
   * WGSL that runs `each` for the windows that have input `i`: `out` is a window's output, and `place` that of the input in it.
   */
  ofInput(each: string): string;
  /** WGSL within `ofInput` that runs `each` for the pixels of that window, with their `at` and `otherPlace`. */
  ofSameWindow(each: string): string;
}

/** The attributes of tfjs's kernels for a pooling. */
export function attrsOf({ size, strides, pad }: Pooling): MaxPoolAttrs {
  return { filterSize: size, strides, pad };
}

export function windowsOf(
  x: TensorInfo,
  { filterSize, strides, pad, dimRoundingMode }: MaxPoolAttrs,
): Windows {
  const info = backend_util.computePool2DInfo(
    x.shape as [number, number, number, number],
    ...([filterSize, strides, 1, pad, dimRoundingMode] as const),
  );
  wholePixels('MaxPool', info);
  const { inHeight, inWidth, outHeight, outWidth, filterHeight, filterWidth } = info;
  const { strideHeight, strideWidth, inChannels, outShape } = info;
  const { top, left } = info.padInfo;
  const isVector = inChannels % 4 === 0;
  const channels = isVector ? inChannels / 4 : inChannels;
  const pixels = (place: string, each: string) => `
  for (var r = max(0, fromRow); r < min(${inHeight}, fromRow + ${filterHeight}); r++) {
    for (var c = max(0, fromColumn); c < min(${inWidth}, fromColumn + ${filterWidth}); c++) {
      let at = ((image * ${inHeight} + r) * ${inWidth} + c) * ${channels} + channel;
      let ${place} = (r - fromRow) * ${filterWidth} + c - fromColumn;
      ${each}
    }
  }`;
  return {
    ...{ outShape, isVector },
    name: `${[...x.shape.slice(1), ...outShape.slice(1), filterHeight, filterWidth, strideHeight, strideWidth, top, left]}`,
    ofOutput: (each) => `
  let channel = i % ${channels};
  let pixel = i / ${channels};
  let fromRow = pixel / ${outWidth} % ${outHeight} * ${strideHeight} - ${top};
  let fromColumn = pixel % ${outWidth} * ${strideWidth} - ${left};
  let image = pixel / ${outHeight * outWidth};
  let isOutside = fromRow >= ${inHeight} || fromRow + ${filterHeight} <= 0 ||
    fromColumn >= ${inWidth} || fromColumn + ${filterWidth} <= 0;
  ${pixels('place', each)}`,
    ofInput: (each) => `
  let channel = i % ${channels};
  let pixel = i / ${channels};
  let column = pixel % ${inWidth};
  let row = pixel / ${inWidth} % ${inHeight};
  let image = pixel / ${inWidth * inHeight};
  let firstDown = max(0, row + ${top - filterHeight + strideHeight}) / ${strideHeight};
  let lastDown = min(${outHeight - 1}, (row + ${top}) / ${strideHeight});
  let firstAcross = max(0, column + ${left - filterWidth + strideWidth}) / ${strideWidth};
  let lastAcross = min(${outWidth - 1}, (column + ${left}) / ${strideWidth});
  for (var down = firstDown; down <= lastDown; down++) {
    for (var across = firstAcross; across <= lastAcross; across++) {
      let fromRow = down * ${strideHeight} - ${top};
      let fromColumn = across * ${strideWidth} - ${left};
      let out = ((image * ${outHeight} + down) * ${outWidth} + across) * ${channels} + channel;
      let place = (row - fromRow) * ${filterWidth} + column - fromColumn;
      ${each}
    }
  }`,
    ofSameWindow: (each) => pixels('otherPlace', each),
  };
}
