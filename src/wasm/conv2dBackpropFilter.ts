import { backend_util, type Conv2DBackpropFilterAttrs, type TensorInfo, util } from '@tensorflow/tfjs-core';
import { type Call, channelsLast, output, release, run, type WasmBackend } from './run.js';

/**
 * How many numbers of the input or of the output's gradient are worked on at once. The copies that the convolution
 * needs then stay below a hundred megabytes, whatever the batch; smaller pieces are slower, much larger ones leave the
 * processor's cache. Sums over pieces also round less than one long sum.
 */
const PIECE = 2 ** 21;

/**
 * The gradient of a convolution with respect to its filter, `[filterHeight, filterWidth, inChannels, outChannels]`,
 * a few images at a time.
 */
export function conv2dBackpropFilter({
  backend,
  inputs: { x, dy },
  attrs,
}: Call<{ x: TensorInfo; dy: TensorInfo }, Conv2DBackpropFilterAttrs>): TensorInfo {
  channelsLast('Conv2DBackpropFilter', attrs.dataFormat);
  const batch = x.shape[0]!;
  const perImage = Math.max(util.sizeFromShape(x.shape), util.sizeFromShape(dy.shape)) / batch;
  const images = Math.max(1, Math.floor(PIECE / perImage));
  if (batch <= images) return ofPiece(backend, x, dy, attrs);
  let sum: TensorInfo | undefined;
  for (let first = 0; first < batch; first += images) {
    const piece = [x, dy].map((whole) => someImages(backend, whole, first, Math.min(images, batch - first)));
    const gradient = ofPiece(backend, piece[0]!, piece[1]!, attrs);
    release(backend, ...piece);
    const before: TensorInfo | undefined = sum;
    sum = before ? run(backend, 'Add', { a: before, b: gradient }) : gradient;
    if (before) release(backend, before, gradient);
  }
  return sum!;
}

/**
 * It is a convolution itself: of the input with the output's gradient as the filter, where the batch takes the place
 * of the channels and the forward pass's strides are dilations. So the backend's own fast convolution computes it.
 */
function ofPiece(
  backend: WasmBackend,
  x: TensorInfo,
  dy: TensorInfo,
  { strides, pad, dimRoundingMode, filterShape }: Conv2DBackpropFilterAttrs,
): TensorInfo {
  const shape = x.shape as [number, number, number, number];
  const info = backend_util.computeConv2DInfo(shape, filterShape, strides, 1, pad, dimRoundingMode);
  const { top, left } = info.padInfo;
  const dilations = [info.strideHeight, info.strideWidth];
  // Padding after the input that gives as many output rows as the filter has. Where the strides left rows of the input
  // over it would be less than none; then there are output rows too many, which are cut off.
  const bottom = info.filterHeight + (info.outHeight - 1) * info.strideHeight - info.inHeight - top;
  const right = info.filterWidth + (info.outWidth - 1) * info.strideWidth - info.inWidth - left;

  const image = run(backend, 'Transpose', { x }, { perm: [3, 1, 2, 0] });
  const filter = run(backend, 'Transpose', { x: dy }, { perm: [1, 2, 0, 3] });
  const padding = [
    [0, 0],
    [top, Math.max(0, bottom)],
    [left, Math.max(0, right)],
    [0, 0],
  ];
  const attrs = { strides: [1, 1], dilations, pad: padding, dataFormat: 'NHWC' };
  let byChannel = run(backend, 'Conv2D', { x: image, filter }, attrs);
  release(backend, image, filter);
  if (bottom < 0 || right < 0) {
    const size = [info.inChannels, info.filterHeight, info.filterWidth, info.outChannels];
    const cut = run(backend, 'Slice', { x: byChannel }, { begin: [0, 0, 0, 0], size });
    release(backend, byChannel);
    byChannel = cut;
  }
  const gradient = run(backend, 'Transpose', { x: byChannel }, { perm: [1, 2, 0, 3] });
  release(backend, byChannel);
  return gradient;
}

/** A copy of `count` images. The backend's `Slice` copies the whole batch out of its memory first. */
function someImages(backend: WasmBackend, whole: TensorInfo, first: number, count: number): TensorInfo {
  const shape = whole.shape.slice(1);
  const size = util.sizeFromShape(shape);
  const { info, target, source } = output(backend, whole, [count, ...shape]);
  target.set(source.subarray(first * size, (first + count) * size));
  return info;
}
