import { depthwiseConv2d, type Tensor4D, tensor } from '@tensorflow/tfjs-core';

/**
 * Images smoothed by a Gaussian, with zeros around them.
 *
 * @param deviation its standard deviation in pixels.
 * @param radius the pixels on each side that it covers.
 */
export function blurred(x: Tensor4D, deviation: number, radius: number): Tensor4D {
  const weights = Array.from({ length: 2 * radius + 1 }, (_, i) =>
    Math.exp(-((i - radius) ** 2) / (2 * deviation ** 2)),
  );
  const total = weights.reduce((a, b) => a + b);
  const channels = x.shape[3];
  const kernel = weights.flatMap((weight) => new Array<number>(channels).fill(weight / total));
  const along = (image: Tensor4D, shape: [number, number]) =>
    depthwiseConv2d(image, tensor(kernel, [...shape, channels, 1]) as Tensor4D, 1, 'same');
  return along(along(x, [weights.length, 1]), [1, weights.length]);
}
