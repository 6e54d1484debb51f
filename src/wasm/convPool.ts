import { backend_util, type TensorInfo } from '@tensorflow/tfjs-core';
import type { ConvPool } from '../tfjs/kernels.js';
import { addressOf, type ConvInfo, checkFits, floats, withMemory } from './backend.js';
import { filterGradient } from './conv2dBackpropFilter.js';
import { turnedOf } from './conv2dBackpropInput.js';
import { withConvolution } from './convolution.js';
import { eachMapPart, numbersOf, poolingOf, poolMap, spreadToMap } from './pool.js';
import { type OwnCall, shareNumbers, type Tools } from './run.js';
import { sumRows } from './sums.js';

/** A convolution, its bias, ReLU and max pooling, some images at a time. */
export function convPool(call: OwnCall<'ConvPool'>): TensorInfo[] {
  const { backend, inputs, attrs } = call;
  const infos = infosOf(inputs.x, inputs.filter, attrs);
  const y = backend.makeOutput(infos.pool.outShape, 'float32');
  const choices = backend.makeOutput(infos.pool.outShape, 'bool');
  const [from, to, where] = [inputs.x, y, choices].map((tensor) => addressOf(backend, tensor));
  withConvolution(call, inputs, infos.conv, (compute) => {
    eachPart(call, infos, ({ conv, pool, inputsBefore, outputsBefore }, map) => {
      compute(conv, from! + 4 * inputsBefore, map);
      const pooled = { map, outputs: to! + 4 * outputsBefore, choices: where! + outputsBefore };
      poolMap(call, pool, pooled, attrs.relu);
    });
  });
  return [y, choices];
}

/** The gradients of the filter, the bias and the images, some images at a time. */
export function convPoolGrad(call: OwnCall<'ConvPoolGrad'>): TensorInfo[] {
  const { backend, inputs, attrs } = call;
  const infos = infosOf(inputs.x, inputs.filter, attrs);
  const { outChannels } = infos.conv;
  const shapes = { filter: inputs.filter.shape, bias: [outChannels], x: inputs.x.shape };
  const gradients = attrs.wanted.map((name) => backend.makeOutput(shapes[name], 'float32'));
  /** The address of a gradient; 0 if it is not wanted. */
  const to = (name: keyof typeof shapes) => addressOf(backend, gradients[attrs.wanted.indexOf(name)]);
  const [dy, choices, x] = [inputs.dy, inputs.choices, inputs.x].map((tensor) => addressOf(backend, tensor));

  const gradientsOf = (gradientOfX: (conv: ConvInfo, dy: number, dx: number) => void) => {
    const biasBytes = 4 * outChannels;
    if (to('bias')) floats(backend, to('bias'), outChannels).fill(0);
    eachPart(call, infos, ({ conv, pool, inputsBefore, outputsBefore }, map) => {
      const pooled = { map, outputs: dy! + 4 * outputsBefore, choices: choices! + outputsBefore };
      spreadToMap(call, pool, pooled);
      const addresses = { x: x! + 4 * inputsBefore, dy: map, gradient: to('filter') };
      if (to('filter'))
        filterGradient(call, conv, { ...addresses, use: inputsBefore === 0 ? 'write' : 'add' });
      if (to('bias')) {
        withMemory(backend, biasBytes, (sums) => {
          sumRows(call, map, conv.batchSize * conv.outHeight * conv.outWidth, outChannels, sums);
          shareNumbers(call, 'addNumbers', outChannels, [sums, to('bias')]);
        });
      }
      if (to('x')) gradientOfX(conv, map, to('x') + 4 * inputsBefore);
    });
  };
  if (to('x')) {
    const turned = turnedOf(infos.conv)!;
    withConvolution(call, { filter: inputs.filter, rotated: true }, turned, (compute) =>
      gradientsOf(({ batchSize }, dy, dx) => compute({ ...turned, batchSize }, dy, dx)),
    );
  } else gradientsOf(() => {});
  return gradients;
}

/** The shapes of a convolution and of the pooling of its map. */
interface Infos {
  conv: ConvInfo;
  pool: ConvInfo;
}

function infosOf(x: TensorInfo, filter: TensorInfo, { pad, pool }: ConvPool): Infos {
  type Shape = [number, number, number, number];
  const conv = backend_util.computeConv2DInfo(x.shape as Shape, filter.shape as Shape, 1, 1, pad);
  checkFits('Conv2D', conv);
  return { conv, pool: poolingOf(conv.outShape, pool) };
}

/** Some images of a batch, and how many numbers of the inputs and outputs come before them. */
interface Part extends Infos {
  inputsBefore: number;
  outputsBefore: number;
}

/** Runs `use` for some images of the batch at a time, with working memory for their map. */
function eachPart(tools: Tools, { conv, pool }: Infos, use: (part: Part, map: number) => void): void {
  const inputs = numbersOf(conv.inShape);
  eachMapPart(tools, pool, ({ pool, imagesBefore, outputsBefore }, map) => {
    const part = { conv: { ...conv, batchSize: pool.batchSize }, pool };
    use({ ...part, inputsBefore: imagesBefore * inputs, outputsBefore }, map);
  });
}
