import { type Tensor, tensor } from '@tensorflow/tfjs-core';
import type { LayersModel, layers } from '@tensorflow/tfjs-layers';
import { dequantize, quantize } from '../src/weights/formats/quantization.js';

/** Steps of the integral. */
const STEPS = 400;
/** Of how many independent values a maximum over 2x2 is taken to be: neighbors are alike. */
const IN_WINDOW = 2;

/**
 * Takes from the biases what rounding to uint8 adds to the mean of each channel, as Nagel et al. 2019 do without images (section 4.2): batch
 * normalization says that a channel is normal around its beta with the deviation gamma, and what ReLU and pooling make of that is the
 * next layer's mean input. Layers behind no normalization stay. Zeros around maps are ignored.
 *
 * @param model with batch normalization.
 * @param folded the same without, as `foldNorms` returns it.
 * @param copy of that, or of the equalized one, whose biases are changed.
 */
export function correctByStatistics(model: LayersModel, folded: LayersModel, copy: LayersModel): void {
  const means = meansOf(model);
  const before = folded.layers.filter(hasKernel);
  const all = copy.layers.filter(hasKernel);
  // Biases change as they are visited, and the scales follow from those before.
  const scales = all.map((layer, i) => {
    const [own, scaled] = [numbersOf(before[i]!.weights[1]!), numbersOf(layer.weights[1]!)];
    return own.map((bias, channel) => (scaled[channel] === 0 ? 1 : bias / scaled[channel]!));
  });
  for (const [i, layer] of all.entries()) {
    const given = i === 0 ? undefined : means.get(all[i - 1]!.name);
    if (!given) continue;
    const expected = given.map((mean, channel) => mean / scales[i - 1]![channel]!);
    const [kernel, bias] = [numbersOf(layer.weights[0]!), numbersOf(layer.weights[1]!)];
    const rounded = dequantize(quantize(kernel, 'uint8'));
    const corrected = Float32Array.from(bias);
    for (const [k, weight] of kernel.entries()) {
      const input = Math.floor(k / bias.length) % expected.length;
      corrected[k % bias.length]! -= (rounded[k]! - weight) * expected[input]!;
    }
    const value = tensor(corrected, [bias.length]);
    layer.weights[1]!.write(value);
    value.dispose();
  }
}

const hasKernel = (layer: layers.Layer) => /^(Conv2D|Dense)$/.test(layer.getClassName());

const numbersOf = (weight: layers.Layer['weights'][number]) =>
  (weight.read() as Tensor).dataSync() as Float32Array;

/** The mean of each channel behind the normalization, ReLU and pooling of a layer. */
function meansOf(model: LayersModel): Map<string, number[]> {
  const means = new Map<string, number[]>();
  for (const [i, norm] of model.layers.entries()) {
    if (norm.getClassName() !== 'BatchNormalization') continue;
    const [gamma, beta] = norm.weights.map(numbersOf) as [Float32Array, Float32Array];
    const isPooled = model.layers[i + 2]?.getClassName() === 'MaxPooling2D';
    const of = (center: number, channel: number) =>
      meanOfLargest(center, Math.abs(gamma[channel]!), isPooled ? IN_WINDOW : 1);
    means.set(model.layers[i - 1]!.name, Array.from(beta, of));
  }
  return means;
}

/** The mean of the largest of zero and several independent normal values: the integral of P(largest > t) over t > 0. */
function meanOfLargest(center: number, deviation: number, count: number): number {
  if (deviation === 0) return Math.max(0, center);
  const step = (Math.max(0, center) + 8 * deviation) / STEPS;
  let sum = 0;
  for (let i = 0; i < STEPS; i++) sum += 1 - normal(((i + 0.5) * step - center) / deviation) ** count;
  return sum * step;
}

/** The normal distribution, to 7e-8 (Abramowitz and Stegun 26.2.17). */
function normal(x: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(x));
  const polynomial = [1.330274429, -1.821255978, 1.781477937, -0.356563782, 0.31938153].reduce(
    (sum, factor) => (sum + factor) * t,
    0,
  );
  const tail = (Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)) * polynomial;
  return x >= 0 ? 1 - tail : tail;
}
