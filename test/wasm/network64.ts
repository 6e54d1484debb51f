/** A VGG and its gradients computed in float64 by plain loops, from the first layer to the last and back. */

import type { LayersModel } from '@tensorflow/tfjs-layers';
import { convolution, filterGradient, type Geometry, inputGradient } from './float64.js';

/** What a layer did with one image, and how its gradient comes back. */
export interface Step {
  name: string;
  kind: 'Conv2D' | 'MaxPooling2D' | 'Dense';
  output: Float64Array;
  /** Of each input of the ReLU 1 where it is let through, of a pooling's 1 where it is the maximum, else 0. */
  chosen: Float32Array;
  backward(dy: Float64Array): { dx: Float64Array; kernel?: Float64Array; bias?: Float64Array };
}

/**
 * Runs one image, [side, side, channels] in a row, through a model of convolutions, poolings and dense layers, where all
 * but the last have a ReLU.
 */
export async function run64(model: LayersModel, image: Float32Array): Promise<Step[]> {
  const steps: Step[] = [];
  let x: Float64Array = Float64Array.from(image);
  let side = model.inputs[0]!.shape[1]!;
  for (const layer of model.layers) {
    const [kernel, bias] = await Promise.all(layer.getWeights().map((weight) => weight.data()));
    const shape = layer.getWeights()[0]?.shape ?? [];
    const kind = layer.getClassName();
    let step: Omit<Step, 'name' | 'kind'>;
    if (kind === 'Conv2D') step = convolved(x, side, kernel!, shape, bias!);
    else if (kind === 'MaxPooling2D') step = pooled(x, side);
    else if (kind === 'Dense') step = connected(x, kernel!, bias!, layer !== model.layers.at(-1));
    else continue;
    if (kind === 'MaxPooling2D') side /= 2;
    steps.push({ name: layer.name, kind, ...step });
    x = step.output;
  }
  return steps;
}

/** The gradients of `Σ dy · logits` by the weights' names, and that of the image as `image`. */
export function gradients64(steps: Step[], dy: Float32Array): Map<string, Float64Array> {
  const gradients = new Map<string, Float64Array>();
  let gradient: Float64Array = Float64Array.from(dy);
  for (const { name, backward } of steps.toReversed()) {
    const { dx, kernel, bias } = backward(gradient);
    if (kernel && bias) gradients.set(`${name}/kernel`, kernel).set(`${name}/bias`, bias);
    gradient = dx;
  }
  return gradients.set('image', gradient);
}

type Numbers = ArrayLike<number>;

function convolved(x: Float64Array, side: number, kernel: Numbers, shape: number[], bias: Numbers) {
  const [rows, columns, inChannels, outChannels] = shape as [number, number, number, number];
  const image = { batch: 1, height: side, width: side, inChannels, outChannels };
  const rest = { stride: 1, top: 1, left: 1, outHeight: side, outWidth: side };
  const g: Geometry = { ...image, ...rest, rows, columns };
  const output = convolution(g, x, kernel, bias, true);
  const chosen = passed(output);
  return {
    output,
    chosen,
    backward(dy: Float64Array) {
      const past = dy.map((value, i) => value * chosen[i]!);
      const db = new Float64Array(outChannels);
      past.forEach((value, i) => {
        db[i % outChannels]! += value;
      });
      return { dx: inputGradient(g, kernel, past), kernel: filterGradient(g, x, past), bias: db };
    },
  };
}

function pooled(x: Float64Array, side: number) {
  const channels = x.length / side ** 2;
  const half = side / 2;
  const places = Array.from({ length: x.length / 4 }, (_, at) => {
    const [row, column] = [Math.floor(at / channels / half), Math.floor(at / channels) % half];
    const place = (i: number, j: number) =>
      ((2 * row + i) * side + 2 * column + j) * channels + (at % channels);
    const window = [place(0, 0), place(0, 1), place(1, 0), place(1, 1)];
    return window.reduce((best, one) => (x[one]! > x[best]! ? one : best));
  });
  const chosen = new Float32Array(x.length);
  for (const place of places) chosen[place] = 1;
  return {
    output: Float64Array.from(places, (place) => x[place]!),
    chosen,
    backward(dy: Float64Array) {
      const dx = new Float64Array(x.length);
      places.forEach((place, i) => {
        dx[place] = dy[i]!;
      });
      return { dx };
    },
  };
}

function connected(x: Float64Array, kernel: Numbers, bias: Numbers, relu: boolean) {
  const units = bias.length;
  const output = Float64Array.from({ length: units }, (_, unit) => {
    const sum = x.reduce((sum, value, i) => sum + value * kernel[i * units + unit]!, bias[unit]!);
    return relu ? Math.max(0, sum) : sum;
  });
  const chosen = relu ? passed(output) : new Float32Array(units).fill(1);
  return {
    output,
    chosen,
    backward(dy: Float64Array) {
      const past = dy.map((value, i) => value * chosen[i]!);
      const dx = x.map((_, i) => past.reduce((sum, value, j) => sum + value * kernel[i * units + j]!, 0));
      const dw = Float64Array.from(
        { length: kernel.length },
        (_, i) => x[Math.floor(i / units)]! * past[i % units]!,
      );
      return { dx, kernel: dw, bias: past };
    },
  };
}

const passed = (output: Float64Array) => Float32Array.from(output, (value) => Number(value > 0));
