import { matMul, type Tensor, type Tensor3D, tensor3d, tidy } from '@tensorflow/tfjs-core';

/**
 * Maps `[batch, rows, columns]` enlarged to `height` x `width`, as PyTorch's `interpolate` does in its mode `'bilinear'` with
 * `align_corners=False`. Two matrix products, because tfjs's `resizeBilinear` has a wrong gradient for half-pixel centers.
 */
export function enlargedBilinear(maps: Tensor3D, height: number, width: number): Tensor3D {
  const [, rows, columns] = maps.shape;
  if (rows === height && columns === width) return maps;
  return tidy(() => {
    const tall: Tensor = matMul(weightsOf(height, rows), maps);
    return matMul(tall, weightsOf(width, columns), false, true) as Tensor3D;
  });
}

/** `[1, length, positions]`: the weights of the positions that each pixel of an axis is interpolated from. */
function weightsOf(length: number, positions: number): Tensor {
  const weights = new Float32Array(length * positions);
  for (let i = 0; i < length; i++) {
    const at = Math.max(0, ((i + 0.5) * positions) / length - 0.5);
    const first = Math.min(positions - 1, Math.floor(at));
    const second = Math.min(positions - 1, first + 1);
    weights[i * positions + first]! += 1 - (at - first);
    weights[i * positions + second]! += at - first;
  }
  return tensor3d(weights, [1, length, positions]);
}
