import { div, mul, reshape, type Tensor, tensor2d, tidy } from '@tensorflow/tfjs-core';
import type { LayersModel, layers } from '@tensorflow/tfjs-layers';
import { checkArguments, MODEL } from '../base/arguments.js';
import { fail } from '../base/check.js';
import { rebuiltWith } from '../core/rebuilt.js';
import { graphOf } from '../tfjs/graph.js';
import { inUse } from '../tfjs/inUse.js';
import { checkCopy } from '../tfjs/sharedLayer.js';
import { freeCopy } from './freeCopy.js';
import { type Link, linksOf } from './links.js';
import { numbersOf } from './numbersOf.js';
import { type Ranges, scalesOf } from './scales.js';

/**
 * The same network with channels of like ranges, so that one scale for a whole kernel, as `saveModel` with `quantize` has it, suits all of
 * them: cross-layer equalization (Nagel et al. 2019, "Data-Free Quantization through Weight Equalization and Bias Correction",
 * section 4.1). What a channel puts out is divided by a number, and the next layer's weights for it are multiplied by the same. That
 * changes no output, because ReLU, pooling and dropout commute with positive scales. The numbers are chosen so that the largest weight of
 * each channel is the same in both layers.
 *
 * Scaled are pairs of `Conv2D` and `Dense` layers with nothing between them but ReLU, LeakyReLU, PReLU, pooling, padding, dropout and
 * flattening. Batch normalization (see {@link foldNorms}), other activations, branches and layers that are used several times are not
 * crossed. The inputs of the first layer and the outputs of the last stay as they are. The model is not changed.
 *
 * @returns a model with the same outputs, within float32 rounding; what it does not change shares its numbers. Dispose of both.
 * @throws RangeError when the model has several inputs, or a kernel has a number that is NaN or infinite; it is named.
 * @example
 * const equalized = await equalize(foldNorms(model));
 * await saveModel(equalized, fileSystem('public/vgg16'), { quantize: 'uint8' });
 */
export async function equalize(model: LayersModel): Promise<LayersModel> {
  checkArguments('equalize', { model }, { model: MODEL });
  return inUse('equalize', { model }, () => equalized('equalize', model));
}

/** As `equalize`, for the function that error messages name. */
export async function equalized(where: string, model: LayersModel): Promise<LayersModel> {
  checkCopy(where, model);
  const graph = graphOf(where, model);
  const links = linksOf(graph);
  const channels = new Map(links.map(({ to, channels }) => [to, channels]));
  const ranges = new Map<layers.Layer, Ranges>();
  for (const layer of new Set(links.flatMap(({ from, to }) => [from, to]))) {
    ranges.set(layer, await rangesOf(where, layer, channels.get(layer) ?? 1));
  }
  const scales = scalesOf(links, ranges);
  return rebuiltWith(where, graph, async (own) => {
    for (const layer of ranges.keys()) {
      const copy = own(layer, freeCopy(layer));
      scale(layer, copy, links, scales);
    }
  });
}

/** The largest magnitudes of a kernel, over its window. */
async function rangesOf(where: string, layer: layers.Layer, inputs: number): Promise<Ranges> {
  const kernel = layer.weights[0]!;
  const outputs = kernel.shape.at(-1)!;
  const largest = new Float32Array(inputs * outputs);
  for await (const { first, numbers } of numbersOf(kernel.read() as Tensor)) {
    let place = first % largest.length;
    for (const number of numbers) {
      const magnitude = Math.abs(number);
      if (!(magnitude < Number.POSITIVE_INFINITY)) {
        fail(where, `${kernel.originalName} has the number ${number}; use a model whose weights are finite.`);
      }
      if (magnitude > largest[place]!) largest[place] = magnitude;
      if (++place === largest.length) place = 0;
    }
  }
  return { inputs, outputs, largest };
}

/** Writes a layer's scaled kernel and bias into its copy. */
function scale(
  layer: layers.Layer,
  copy: layers.Layer,
  links: readonly Link[],
  scales: ReadonlyMap<Link, Float64Array>,
): void {
  const before = links.find(({ to }) => to === layer);
  const after = links.find(({ from }) => from === layer);
  const inputs = before && scales.get(before);
  const outputs = after && scales.get(after);
  const [kernel, bias] = copy.weights;
  const write = (weight: typeof kernel, compute: (value: Tensor) => Tensor) => {
    const value = tidy(() => compute(weight!.read() as Tensor));
    weight!.write(value);
    value.dispose();
  };
  const column = (factors: Float64Array) => tensor2d(Float32Array.from(factors), [factors.length, 1]);
  if (inputs) {
    write(kernel, (value) => {
      const rows = reshape(value, [-1, inputs.length, value.shape.at(-1)!]);
      return reshape(mul(rows, column(inputs)), value.shape);
    });
  }
  if (outputs) write(kernel, (value) => div(value, reshape(column(outputs), [-1])));
  if (bias && outputs) write(bias, (value) => div(value, reshape(column(outputs), [-1])));
}
