import { getBackend, memory } from '@tensorflow/tfjs-core';
import type { LayersModel, layers } from '@tensorflow/tfjs-layers';
import { size } from '../base/shapes.js';
import { graphOf } from '../tfjs/graph.js';
import { layerShapes } from '../tfjs/imageSize.js';
import { memoryLimits } from '../tfjs/memory.js';
import { layersWithin } from '../tfjs/models.js';

/** What a run keeps besides the weights. */
export interface StepOfRun {
  /** The shape of an example. */
  shape: readonly number[];
  batchSize: number;
  /** Numbers of the optimizer's state for each trained weight. */
  slots: number;
  /** Whether it keeps the average and the best weights. */
  average: boolean;
  best: boolean;
  /** Predicts the examples of a step before it. */
  teacher?: LayersModel;
}

/** How many examples fit into a step. */
export interface Room {
  /** In one piece; 0 if not even one does, infinite where the backend's memory is not known. */
  whole: number;
  /** In each of several parts, beside the sums of gradients and the images of the batch. */
  part: number;
  /** Bytes of an example's activations. */
  bytesPerExample: number;
  /** What a step of so many examples needs and what there is, as text: '5.10 GB of 4.19 GB'. */
  needed(examples: number): string;
}

/**
 * Bytes beside those that are counted: what WebAssembly's memory grows by at a time, and kernels' working memory. Without parts,
 * steps of VGG-11 and VGG-16 in batches of 1 to 128 needed up to 72 MB more than `cost()` counts, most of them less than it.
 */
const MARGIN = 1e8;

/** With parts, the wasm kernels keep the transforms of filters, which took up to 10.4 times the filters. */
const TRANSFORMS = 11;

/**
 * How many examples fit into a step of `train` on the current backend, beside all tensors that exist: from the bytes that `cost()`
 * counts for training, and what parts need in addition.
 */
export function roomForStep(model: LayersModel, run: StepOfRun): Room {
  const { total = Number.POSITIVE_INFINITY, tensor = Number.POSITIVE_INFINITY } = memoryLimits();
  const own = bytesPerExample(model, run.shape);
  const taught = run.teacher && bytesPerExample(run.teacher, run.shape);
  // Predicting needs a layer's inputs and outputs at a time.
  const activations = Math.max(own.activations, 2 * (taught?.largest ?? 0));
  const largest = Math.max(own.largest, taught?.largest ?? 0);
  const input = 4 * size(run.shape);
  const weights = bytesOf(model.weights);
  const trained = bytesOf(model.trainableWeights);
  const kept = weights + trained * (1 + run.slots + Number(run.average)) + weights * Number(run.best);
  const room = total - (memory().numBytes - weights) - MARGIN;
  const sums = trained + TRANSFORMS * filterBytes(model) + run.batchSize * input;
  const fitting = (fixed: number) =>
    Math.max(0, Math.floor(Math.min((room - fixed) / activations, tensor / largest)));
  return {
    whole: fitting(kept),
    part: fitting(kept + sums),
    bytesPerExample: activations,
    needed(examples) {
      return total < Number.POSITIVE_INFINITY
        ? `${sizeText(kept + examples * activations)} of ${sizeText(Math.max(0, room))}`
        : `a tensor of ${sizeText(examples * largest)}, where ${sizeText(tensor)} are allowed`;
    },
  };
}

/** The bytes of an example's activations, all and those of the largest layer. */
function bytesPerExample(
  model: LayersModel,
  shape: readonly number[],
): { activations: number; largest: number } {
  const sizes = [4 * size(shape)];
  const copies: number[] = [];
  const graph = graphOf('train', model);
  for (const { call, shapes } of layerShapes(graph, graph.outputs, [1, ...shape])) {
    const { layer } = call;
    const isView = ['Flatten', 'Reshape'].includes(layer.getClassName());
    if (!isView) sizes.push(...shapes.map((one) => 4 * size(one as number[])));
    if (getBackend() === 'webgl') copies.push(...shapes.map((one) => windowBytes(layer, one as number[])));
  }
  const activations = sizes.reduce((sum, bytes) => sum + bytes);
  return { activations, largest: Math.max(...sizes, ...copies) };
}

/** The texels of WebGL's copy of all windows of a convolution, in bytes: it has four numbers in one. */
function windowBytes(layer: layers.Layer, output: readonly number[]): number {
  const filter = layer.weights.find(({ shape }) => shape.length === 4)?.shape as number[] | undefined;
  if (!filter || layer.getClassName() !== 'Conv2D' || filter[0]! * filter[1]! === 1) return 0;
  return size(filter.slice(0, 3)) * size(output.slice(0, 3));
}

function bytesOf(weights: LayersModel['weights']): number {
  return weights.reduce((sum, weight) => sum + 4 * size(weight.shape as number[]), 0);
}

function filterBytes(model: LayersModel): number {
  const filters = layersWithin(model).flatMap(({ weights }) =>
    weights.filter(({ shape }) => shape.length === 4),
  );
  return bytesOf(filters);
}

function sizeText(bytes: number): string {
  return bytes < 1e9 ? `${(bytes / 1e6).toPrecision(3)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}
