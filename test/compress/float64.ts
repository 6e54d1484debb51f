import type { Tensor } from '@tensorflow/tfjs-core';
import type { LayersModel, layers } from '@tensorflow/tfjs-layers';

/** A map in float64, `[height, width, channels]`, or a vector as 1x1. */
interface Map64 {
  sides: [height: number, width: number, channels: number];
  values: Float64Array;
}

/** What a chain of a VGG's layers computes of one image, in float64 throughout. */
export async function predict64(model: LayersModel, image: Float32Array): Promise<Float64Array> {
  let x: Map64 = {
    sides: model.inputs[0]!.shape.slice(1) as [number, number, number],
    values: Float64Array.from(image),
  };
  for (const layer of model.layers) x = await applied(layer, x);
  return x.values;
}

async function applied(layer: layers.Layer, x: Map64): Promise<Map64> {
  const weights = await Promise.all(layer.weights.map((weight) => (weight.read() as Tensor).data()));
  const { activation, epsilon } = layer.getConfig();
  const relu = (y: Map64): Map64 =>
    activation === 'relu' ? { ...y, values: y.values.map((one) => Math.max(0, one)) } : y;
  const [height, width, channels] = x.sides;
  switch (layer.getClassName()) {
    case 'Conv2D': {
      const [kernel, bias] = weights;
      const out = layer.weights[0]!.shape.at(-1)!;
      const values = new Float64Array(height * width * out);
      for (let i = 0; i < values.length; i++) {
        const [o, column, row] = [i % out, Math.floor(i / out) % width, Math.floor(i / (out * width))];
        let sum = bias?.[o] ?? 0;
        for (let tap = 0; tap < 9; tap++) {
          const [r, c] = [row + Math.floor(tap / 3) - 1, column + (tap % 3) - 1];
          if (r < 0 || c < 0 || r >= height || c >= width) continue;
          for (let k = 0; k < channels; k++) {
            sum += x.values[(r * width + c) * channels + k]! * kernel![(tap * channels + k) * out + o]!;
          }
        }
        values[i] = sum;
      }
      return relu({ sides: [height, width, out], values });
    }
    case 'Dense': {
      const [kernel, bias] = weights;
      const out = layer.weights[0]!.shape[1]!;
      const values = Float64Array.from(bias!);
      for (const [i, one] of x.values.entries()) {
        for (let o = 0; o < out; o++) values[o] = values[o]! + one * kernel![i * out + o]!;
      }
      return relu({ sides: [1, 1, out], values });
    }
    case 'BatchNormalization': {
      const [gamma, beta, mean, variance] = weights;
      const values = x.values.map((one, i) => {
        const k = i % channels;
        return ((one - mean![k]!) / Math.sqrt(variance![k]! + (epsilon as number))) * gamma![k]! + beta![k]!;
      });
      return { ...x, values };
    }
    case 'ReLU':
    case 'Activation':
      return { ...x, values: x.values.map((one) => Math.max(0, one)) };
    case 'MaxPooling2D': {
      const [h, w] = [height / 2, width / 2];
      const values = new Float64Array(h * w * channels).map((_, i) => {
        const [k, column, row] = [i % channels, Math.floor(i / channels) % w, Math.floor(i / (channels * w))];
        const at = (dr: number, dc: number) =>
          x.values[((2 * row + dr) * width + 2 * column + dc) * channels + k]!;
        return Math.max(at(0, 0), at(0, 1), at(1, 0), at(1, 1));
      });
      return { sides: [h, w, channels], values };
    }
    case 'InputLayer':
    case 'Flatten':
    case 'Dropout':
      return x;
    default:
      throw new Error(`no float64 of ${layer.getClassName()}`);
  }
}
