import { slice, type Tensor, type Tensor4D, tidy } from '@tensorflow/tfjs-core';
import type { LayersModel, layers, SymbolicTensor } from '@tensorflow/tfjs-layers';
import { featureExtractor } from 'vgg-blocks/features';
import { kindOf, rowsOf } from '../../../src/core/inspect.js';
import { graphOf } from '../../../src/tfjs/graph.js';
import { type Row, type Stage, stagesOf } from '../state/stages.js';
import { type Detail, type Maps, rangeOf, type Step } from '../state/sum.js';

/** A stage with small maps of an image, as bytes from the smallest to the largest number of the whole output. */
export interface Traced extends Stage {
  low: number;
  high: number;
  /** `count` maps of `height` x `width` bytes one after another; of a vector, all numbers as one map of width 1. */
  maps: { bytes: Uint8Array; height: number; width: number; count: number };
}

/** All stages for an image, one of them with all of its numbers. */
export interface Trace {
  stages: Traced[];
  chosen: number;
  detail: Detail;
  /** The network's output, if it is a vector. */
  output?: Float32Array;
}

/** Maps of each stage, and of the stage that is shown as a whole. */
const FEW = 3;
const MANY = 64;
/** Pixels along the side of a small map, at most. */
const SMALL = 64;

interface Known {
  stages: Stage[];
  extractor: LayersModel;
  /** The maps that the strip shows of each stage: those that vary most over the first image. */
  picked: Map<Stage, number[]>;
}
const known = new WeakMap<LayersModel, Known>();

/**
 * The forward pass on an image.
 *
 * @param name the stage to show as a whole, by the name of its first layer; otherwise the first convolution.
 */
export async function trace(model: LayersModel, input: Tensor4D, name?: string): Promise<Trace> {
  const { stages, extractor, picked } = knownOf(model);
  const outputs = [input, ...tidy(() => [extractor.predict(input) as Tensor | Tensor[]].flat())];
  try {
    const numbers = await Promise.all(outputs.map(mapsOf));
    const traced = stages.map((stage, i): Traced => {
      const maps = numbers[i]!;
      const { low, high } = rangeOf(maps.data);
      if (!picked.has(stage)) picked.set(stage, liveliest(maps));
      const shape = outputs[i]!.shape.slice(1);
      return { ...stage, shape, low, high, maps: smallMaps(maps, picked.get(stage)!, low, high) };
    });
    const named = traced.findIndex((stage) => stage.name === name);
    const first = traced.findIndex(({ kind }) => kind === 'conv');
    const chosen = named >= 0 ? named : Math.max(0, first);
    const last = outputs.at(-1)!;
    return {
      stages: traced,
      chosen,
      detail: await detailOf(model, traced[chosen]!, numbers[Math.max(0, chosen - 1)]!, numbers[chosen]!),
      output: last.rank === 2 ? numbers.at(-1)!.data : undefined,
    };
  } finally {
    for (const output of outputs.slice(1)) output.dispose();
  }
}

function knownOf(model: LayersModel): Known {
  const before = known.get(model);
  if (before) return before;
  const stages = stagesOf(rows(model));
  const extractor = featureExtractor(
    model,
    stages.slice(1).map(({ layers }) => layers.at(-1)!),
  );
  const found = { stages, extractor, picked: new Map() };
  known.set(model, found);
  return found;
}

/** The layers of a model, whatever their kinds. */
function rows(model: LayersModel): Row[] {
  try {
    return [...rowsOf('playground', model)];
  } catch {
    const { input, calls } = graphOf('playground', model);
    return [input, ...calls].map(({ layer }): Row => {
      const kind = kindOf(layer.getClassName());
      return {
        name: layer.name,
        kind: kind === 'flatten' || kind === 'permute' || kind === 'input' ? kind : 'other',
        inputShape: sizes(layer.input),
        outputShape: sizes(layer.output),
        window: [1, 1],
        strides: [1, 1],
        params: layer.countParams(),
        macs: 0,
      };
    });
  }
}

function sizes(tensors: SymbolicTensor | SymbolicTensor[]): number[] {
  return [tensors]
    .flat()[0]!
    .shape.slice(1)
    .map((size) => size ?? 0);
}

/** A tensor's numbers; those of a vector are channels of a single pixel. */
async function mapsOf(tensor: Tensor): Promise<Maps> {
  const data = (await tensor.data()) as Float32Array;
  const [height, width, channels] = tensor.rank === 4 ? tensor.shape.slice(1) : [1, 1, data.length];
  return { data, height: height!, width: width!, channels: channels! };
}

/** The maps with the largest variance, in their order. */
function liveliest({ data, channels }: Maps): number[] {
  const pixels = data.length / channels;
  const variance = Array.from({ length: channels }, (_, channel) => {
    let [sum, squares] = [0, 0];
    for (let i = channel; i < data.length; i += channels) {
      sum += data[i]!;
      squares += data[i]! ** 2;
    }
    return { channel, spread: squares / pixels - (sum / pixels) ** 2 };
  });
  return variance
    .sort((a, b) => b.spread - a.spread)
    .slice(0, FEW)
    .map(({ channel }) => channel)
    .sort((a, b) => a - b);
}

/** Maps as bytes, made smaller by averaging. */
function smallMaps(maps: Maps, picked: readonly number[], low: number, high: number): Traced['maps'] {
  const scale = 255 / Math.max(1e-12, high - low);
  if (maps.height * maps.width === 1) {
    const bytes = Uint8Array.from(maps.data.subarray(0, MANY), (value) => Math.round((value - low) * scale));
    return { bytes, height: bytes.length, width: 1, count: 1 };
  }
  const block = Math.ceil(Math.max(maps.height, maps.width) / SMALL);
  const [height, width] = [Math.floor(maps.height / block), Math.floor(maps.width / block)];
  const bytes = new Uint8Array(picked.length * height * width);
  picked.forEach((channel, k) => {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        let sum = 0;
        for (let i = 0; i < block * block; i++) {
          const pixel = (y * block + Math.floor(i / block)) * maps.width + x * block + (i % block);
          sum += maps.data[pixel * maps.channels + channel]!;
        }
        bytes[(k * height + y) * width + x] = Math.round((sum / block ** 2 - low) * scale);
      }
    }
  });
  return { bytes, height, width, count: picked.length };
}

async function detailOf(model: LayersModel, stage: Traced, input: Maps, whole: Maps): Promise<Detail> {
  const { low, high, maps: _, ...rest } = stage;
  const shown = Math.min(MANY, whole.channels);
  const output = { ...whole, channels: shown, data: firstOf(whole.data, whole.channels, shown) };
  const isDense = stage.kind === 'dense';
  const flat = { data: input.data, height: 1, width: 1, channels: input.data.length };
  const detail = { stage: rest, input: isDense ? flat : input, output, low, high, steps: [] };
  const [first, ...behind] = stage.layers.map((name) => model.getLayer(name));
  if (!(isDense ? !isReordered(model, first!) : stage.kind === 'conv' && !isDilated(first!))) return detail;
  const [kernel, bias] = await Promise.all(first!.getWeights().map((weight) => firstUnits(weight, shown)));
  return {
    ...detail,
    kernel: kernel!,
    bias,
    steps: (await Promise.all([activationStep(first!), ...behind.map(stepOf)])).filter(
      (step) => step !== undefined,
    ),
  };
}

function isDilated(layer: layers.Layer): boolean {
  return [layer.getConfig().dilationRate ?? 1].flat().some((rate) => rate !== 1);
}

/** Whether the numbers before a dense layer are put into another order. */
function isReordered(model: LayersModel, dense: layers.Layer): boolean {
  const at = model.layers.indexOf(dense);
  return model.layers.slice(Math.max(0, at - 2), at).some((layer) => layer.getClassName() === 'Permute');
}

/** A layer's weights for its first maps or units. */
async function firstUnits(weight: Tensor, count: number): Promise<Float32Array> {
  const size = [...weight.shape.slice(0, -1), count];
  const part = slice(weight, new Array<number>(size.length).fill(0), size);
  try {
    return (await part.data()) as Float32Array;
  } finally {
    part.dispose();
  }
}

/** The first of each so many numbers. */
function firstOf(data: Float32Array, of: number, count: number): Float32Array {
  return of === count ? data : data.filter((_, i) => i % of < count);
}

function activationStep(layer: layers.Layer): Step | undefined {
  const name = String(layer.getConfig().activation ?? 'linear');
  if (name === 'linear') return undefined;
  return name === 'relu' ? { kind: 'relu' } : { kind: 'other', name };
}

/** What a layer behind a convolution does. */
async function stepOf(layer: layers.Layer): Promise<Step | undefined> {
  const config = layer.getConfig();
  switch (layer.getClassName()) {
    case 'Dropout':
      return undefined;
    case 'Activation':
      return activationStep(layer);
    case 'ReLU':
      return config.maxValue == null && config.max_value == null
        ? { kind: 'relu' }
        : { kind: 'other', name: 'ReLU' };
    case 'BatchNormalization':
      return normStep(layer);
    default:
      return { kind: 'other', name: layer.getClassName() };
  }
}

/** A normalization of the channels as `scale * x + shift`. */
async function normStep(layer: layers.Layer): Promise<Step> {
  const [gamma, beta, mean, variance] = await Promise.all(
    ['gamma', 'beta', 'moving_mean', 'moving_variance'].map((name) =>
      layer.weights
        .find(({ originalName }) => originalName.endsWith(name))
        ?.read()
        .data(),
    ),
  );
  const epsilon = Number(layer.getConfig().epsilon);
  const scale = Array.from(variance!, (value, i) => (gamma?.[i] ?? 1) / Math.sqrt(value + epsilon));
  const shift = scale.map((factor, i) => (beta?.[i] ?? 0) - mean![i]! * factor);
  return { kind: 'norm', scale, shift };
}
