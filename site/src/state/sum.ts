import { padsOf, type Stage } from './stages.js';

/** Numbers of a layer, `[height, width, channels]`. */
export interface Maps {
  data: Float32Array;
  height: number;
  width: number;
  channels: number;
}

/** What a stage does with each sum after the bias; a normalization has a factor and a summand for each map. */
export type Step =
  | { kind: 'norm'; scale: readonly number[]; shift: readonly number[] }
  | { kind: 'relu' }
  | { kind: 'other'; name: string };

/** A stage with all of its numbers for an image. */
export interface Detail {
  stage: Stage;
  input: Maps;
  /** The first maps. */
  output: Maps;
  /** The smallest and the largest number of the whole output, so that all maps share a scale. */
  low: number;
  high: number;
  /**
   * Of a convolution: the kernels of the shown maps, `[height, width, input channels, maps]`. A dense layer is one with a window
   * of a single pixel, whose channels are its inputs.
   */
  kernel?: Float32Array;
  bias?: Float32Array;
  steps: readonly Step[];
}

/** An input channel's part of a sum. */
interface Part {
  channel: number;
  /** The window, row by row; undefined for the zeros around the input. */
  inputs: (number | undefined)[];
  weights: number[];
  sum: number;
}

/** How a number of a convolution comes about. */
export interface Sum {
  /** The parts of the input channels, in their order. */
  parts: Part[];
  bias: number;
  /** Of all parts and the bias. */
  total: number;
  /** The value after each step, as far as this page can compute it. */
  after: { step: Step; value: number | undefined }[];
  /** What the network itself computed. */
  value: number;
}

/** One number of a stage's output. */
export interface Place {
  map: number;
  y: number;
  x: number;
}

/** The smallest and the largest of some numbers. */
export interface Range {
  low: number;
  high: number;
}

export function rangeOf(data: Float32Array): Range {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of data) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return { low, high };
}

/** Where a number lies in a range, from 0 to 1. */
export function fractionOf(value: number, { low, high }: Range): number {
  return (value - low) / (high - low || 1);
}

/** The input channels by the size of their part of a sum, the largest first. */
export function byPart(detail: Detail, place: Place): number[] {
  const { parts } = sumAt(detail, place);
  return parts.sort((a, b) => Math.abs(b.sum) - Math.abs(a.sum)).map(({ channel }) => channel);
}

export function at({ data, width, channels }: Maps, y: number, x: number, channel: number): number {
  return data[(y * width + x) * channels + channel]!;
}

/** The numbers of an input channel in the window of a place, row by row; undefined outside of the input. */
export function inputsAt({ stage, input }: Detail, { y, x }: Place, channel: number): (number | undefined)[] {
  const [above, before] = padsOf(stage);
  const [rows, columns] = stage.window;
  const found: (number | undefined)[] = [];
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      const [row, column] = [y * stage.strides[0] - above + i, x * stage.strides[1] - before + j];
      const inside = row >= 0 && column >= 0 && row < input.height && column < input.width;
      found.push(inside ? at(input, row, column, channel) : undefined);
    }
  }
  return found;
}

/** The sum behind one number of a convolution's output, step by step. */
export function sumAt(detail: Detail, place: Place): Sum {
  const { kernel, input, output, steps } = detail;
  const { map } = place;
  const bias = detail.bias?.[map] ?? 0;
  const parts: Part[] = [];
  for (let channel = 0; channel < input.channels; channel++) {
    const inputs = inputsAt(detail, place, channel);
    const weights = inputs.map((_, i) => kernel![(i * input.channels + channel) * output.channels + map]!);
    const sum = inputs.reduce<number>((total, value, i) => total + (value ?? 0) * weights[i]!, 0);
    parts.push({ channel, inputs, weights, sum });
  }
  const total = parts.reduce((before, { sum }) => before + sum, bias);
  let value: number | undefined = total;
  const after = steps.map((step) => {
    value = value === undefined ? undefined : next(value, step, map);
    return { step, value };
  });
  return { parts, bias, total, after, value: at(output, place.y, place.x, map) };
}

function next(value: number, step: Step, map: number): number | undefined {
  if (step.kind === 'relu') return Math.max(0, value);
  return step.kind === 'norm' ? value * step.scale[map]! + step.shift[map]! : undefined;
}
