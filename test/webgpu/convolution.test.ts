import {
  backend_util,
  Conv2DBackpropInput,
  engine,
  FusedConv2D,
  type Tensor,
  tensor,
} from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { size } from '../../src/base/shapes.js';
import { convolution, type Geometry, inputGradient } from '../wasm/float64.js';
import { available, error, numbers, on, random } from './compare.js';

type Shape = [number, number, number, number];

interface Case {
  image: Shape;
  outChannels: number;
  side: 1 | 3;
  pad: 'same' | 'valid';
  relu: boolean;
}

/** Shapes for each tile, and for vectors of four channels in images, in filters, in both and in neither. */
const CASES: Case[] = [
  { image: [1, 1, 1, 5], outChannels: 3, side: 3, pad: 'same', relu: true },
  { image: [1, 5, 4, 4], outChannels: 130, side: 1, pad: 'same', relu: false },
  { image: [2, 9, 7, 1], outChannels: 16, side: 3, pad: 'same', relu: true },
  { image: [1, 7, 9, 3], outChannels: 28, side: 3, pad: 'valid', relu: true },
  { image: [3, 5, 7, 16], outChannels: 6, side: 3, pad: 'same', relu: false },
  { image: [1, 8, 11, 40], outChannels: 68, side: 3, pad: 'valid', relu: true },
  { image: [2, 8, 9, 128], outChannels: 4, side: 3, pad: 'same', relu: true },
];

const attrs = ({ pad, relu }: Case) => ({
  ...{ strides: 1, dilations: 1, dataFormat: 'NHWC', pad },
  activation: relu ? 'relu' : 'linear',
});

function geometry({ image, outChannels, side, pad }: Case): Geometry {
  const [batch, height, width, inChannels] = image;
  const info = backend_util.computeConv2DInfo(image, [side, side, inChannels, outChannels], 1, 1, pad);
  return {
    ...{ batch, height, width, inChannels, outChannels, rows: side, columns: side, stride: 1 },
    ...{ top: info.padInfo.top, left: info.padInfo.left },
    ...{ outHeight: info.outHeight, outWidth: info.outWidth },
  };
}

const NAMES = ['x', 'filter', 'bias', 'dy'] as const;

function shapesOf(one: Case): Record<(typeof NAMES)[number], number[]> {
  const { outHeight, outWidth } = geometry(one);
  const { image, outChannels, side } = one;
  return {
    x: image,
    filter: [side, side, image[3], outChannels],
    bias: [outChannels],
    dy: [image[0], outHeight, outWidth, outChannels],
  };
}

type Inputs = Record<(typeof NAMES)[number], Float32Array>;

function inputsOf(one: Case): Inputs {
  const shapes = shapesOf(one);
  return Object.fromEntries(NAMES.map((name, i) => [name, numbers(size(shapes[name]), i + 1)])) as Inputs;
}

/** The convolution of a case, and the gradient of its images. */
function both(one: Case, inputs: Inputs): Tensor[] {
  const shapes = shapesOf(one);
  const [x, filter, bias, dy] = NAMES.map((name) => tensor(inputs[name], shapes[name]));
  return [
    engine().runKernel(FusedConv2D, { x: x!, filter: filter!, bias: bias! }, attrs(one)),
    engine().runKernel(
      Conv2DBackpropInput,
      { dy: dy!, filter: filter! },
      { ...attrs(one), inputShape: one.image },
    ),
  ] as Tensor[];
}

describe.skipIf(!available)('convolutions of stride 1 on WebGPU', () => {
  test.each(CASES)('$image to $outChannels channels, $side x $side, $pad: as in float64', async (one) => {
    const inputs = inputsOf(one);
    const { x, filter, bias, dy } = inputs;
    const [y, dx] = await on('webgpu', () => both(one, inputs));
    const g = geometry(one);
    expect(error(y!, convolution(g, x, filter, bias, one.relu))).toBeLessThan(2e-6);
    expect(error(dx!, inputGradient(g, filter, dy))).toBeLessThan(2e-6);
  });

  test('NaN and infinity propagate to what reads them, through the ReLU, and nowhere else', async () => {
    const one: Case = { image: [1, 9, 6, 4], outChannels: 4, side: 3, pad: 'same', relu: true };
    const inputs = inputsOf(one);
    inputs.x.fill(1);
    inputs.filter.fill(1);
    const at = (row: number, column: number) => 4 * (6 * row + column);
    inputs.x[at(2, 2)] = Number.NaN;
    inputs.x[at(6, 2)] = Number.POSITIVE_INFINITY;
    const [y] = await on('webgpu', () => both(one, inputs));
    expect(y![at(1, 1)]).toBeNaN();
    expect(y![at(3, 3)]).toBeNaN();
    expect(y![at(7, 3)]).toBe(Number.POSITIVE_INFINITY);
    expect(y!.filter(Number.isFinite)).toHaveLength(4 * (54 - 18));
  });

  test('the same bits in every run', async () => {
    const inputs = inputsOf(CASES[4]!);
    expect(await on('webgpu', () => both(CASES[4]!, inputs))).toEqual(
      await on('webgpu', () => both(CASES[4]!, inputs)),
    );
  });

  test.each([
    { strides: 2, dilations: 1, activation: 'relu' },
    { strides: 1, dilations: 2, activation: 'relu' },
    { strides: 2, dilations: 1, activation: 'sigmoid' },
  ])('what is not covered is left to the backend: %o', async (others) => {
    const compute = () =>
      engine().runKernel(
        FusedConv2D,
        { x: random([1, 6, 6, 3], 1), filter: random([3, 3, 3, 4], 2), bias: random([4], 3) },
        { pad: 'same', dataFormat: 'NHWC', ...others },
      ) as Tensor;
    const [[expected], [actual]] = [await on('cpu', compute), await on('webgpu', compute)];
    expect(error(actual!, expected!)).toBeLessThan(1e-5);
  });

  test('the gradient of images from one larger than the output is left to the backend', async () => {
    const compute = () =>
      engine().runKernel(
        Conv2DBackpropInput,
        { dy: random([1, 5, 5, 4], 1), filter: random([3, 3, 2, 4], 2) },
        { strides: 1, pad: 'same', dataFormat: 'NHWC', inputShape: [1, 4, 4, 2] },
      ) as Tensor;
    const [[expected], [actual]] = [await on('cpu', compute), await on('webgpu', compute)];
    expect(error(actual!, expected!)).toBeLessThan(1e-6);
  });
});
