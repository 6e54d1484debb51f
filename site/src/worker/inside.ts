import { argMax, type Tensor, type Tensor4D, tidy } from '@tensorflow/tfjs-core';
import type { LayersModel, layers, SymbolicTensor } from '@tensorflow/tfjs-layers';
import type { ImageSet } from 'vgg-blocks/data';
import { featureExtractor, featureMapGrid, gradCam, kernelGrid } from 'vgg-blocks/features';
import { overlay, type RawImage } from 'vgg-blocks/images';
import { classifierOutputs, probabilitiesOf } from '../../../src/tfjs/classifier.js';
import { graphOf } from '../../../src/tfjs/graph.js';
import { fitted } from './data.js';
import { inputShape } from './image.js';

/** The probability of each class. */
export async function classify(model: LayersModel, input: Tensor4D): Promise<Float32Array> {
  const output = probabilities(model, input);
  try {
    return (await output.data()) as Float32Array;
  } finally {
    output.dispose();
  }
}

function probabilities(model: LayersModel, input: Tensor4D): Tensor {
  return tidy(() => {
    const kind = classifierOutputs('playground', graphOf('playground', model));
    return probabilitiesOf(model.predict(input) as Tensor, kind);
  });
}

/** Feature maps shown of a layer, at most. */
const MAX_MAPS = 64;
const MAPS_IN_A_ROW = 8;

/** A layer's first feature maps of an image, side by side. */
export async function featureMaps(
  model: LayersModel,
  input: Tensor4D,
  layer: string,
): Promise<{ image: RawImage; shape: number[]; maps: number }> {
  const extractor = featureExtractor(model, layer);
  const output = tidy(() => extractor.predict(input) as Tensor);
  try {
    const shape = output.shape.slice(1);
    const maps = Math.min(MAX_MAPS, shape[2]!);
    const image = await featureMapGrid(output, { scale: 1, columns: MAPS_IN_A_ROW });
    const tile = { height: shape[0]!, width: shape[1]!, count: maps, padding: 1 };
    return { image: withoutGaps(image, tile), shape, maps };
  } finally {
    output.dispose();
    extractor.dispose();
  }
}

/** The first layer's kernels, side by side and enlarged. */
export async function firstKernels(model: LayersModel): Promise<RawImage> {
  const [scale, padding] = [4, 2];
  const image = await kernelGrid(model, { scale, padding });
  const kernel = model.layers.find((layer) => layer.getClassName() === 'Conv2D')!.getWeights()[0]!;
  const [height, width, , count] = kernel.shape as [number, number, number, number];
  return withoutGaps(image, { height: scale * height, width: scale * width, count, padding });
}

/** The same grid, transparent between its tiles: the library's white would glare on a dark page. */
function withoutGaps(
  { data, width, height }: RawImage,
  tile: { height: number; width: number; count: number; padding: number },
): RawImage {
  const channels = data.length / (width * height);
  const across = Math.floor((width + tile.padding) / (tile.width + tile.padding));
  const rgba = new Uint8ClampedArray(4 * width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [row, top] = [Math.floor(y / (tile.height + tile.padding)), y % (tile.height + tile.padding)];
      const [column, left] = [Math.floor(x / (tile.width + tile.padding)), x % (tile.width + tile.padding)];
      if (top >= tile.height || left >= tile.width || row * across + column >= tile.count) continue;
      const [from, to] = [channels * (y * width + x), 4 * (y * width + x)];
      for (let k = 0; k < 3; k++) rgba[to + k] = data[from + (channels === 1 ? 0 : k)]!;
      rgba[to + 3] = 255;
    }
  }
  return { data: rgba, width, height };
}

/** Where a class is seen, according to a layer's maps. */
export interface ClassMap {
  image: RawImage;
  layer: string;
}

/** Where the model sees a class in an image, laid over the image. */
export async function classMap(
  model: LayersModel,
  input: Tensor4D,
  seen: RawImage,
  classIndex: number,
): Promise<ClassMap> {
  const layer = mapLayer(model);
  const map = await gradCam(model, input, { classIndex, layer });
  return { image: await overlay(enlarged(seen), map), layer };
}

/** Smaller maps do not show where something is; VGG's last ones are 14 high for 224 pixels. */
const MIN_MAP_HEIGHT = 7;

/** The last layer before a pooling whose maps are large enough. */
function mapLayer(model: LayersModel): string {
  const last = model.layers.filter((_, i) => model.layers[i + 1]?.getClassName() === 'MaxPooling2D');
  const height = (layer: layers.Layer) =>
    (layer.output as SymbolicTensor).shape[1] ?? Number.POSITIVE_INFINITY;
  return (last.findLast((layer) => height(layer) >= MIN_MAP_HEIGHT) ?? last[0]!).name;
}

/** Smaller images are enlarged to this width under a heat map, so that the map is smooth. */
const MIN_WIDTH = 224;

function enlarged({ data, width, height }: RawImage): RawImage {
  const scale = Math.max(1, Math.ceil(MIN_WIDTH / width));
  const large = new Uint8ClampedArray(4 * width * height * scale * scale);
  for (let y = 0; y < height * scale; y++) {
    for (let x = 0; x < width * scale; x++) {
      const from = 4 * (Math.floor(y / scale) * width + Math.floor(x / scale));
      large.set(data.subarray(from, from + 4), 4 * (y * width * scale + x));
    }
  }
  return { data: large, width: width * scale, height: height * scale };
}

/** A model's results on a test set. */
export interface Review {
  accuracy: number;
  /** Images by class: `confusion[actual][predicted]`. */
  confusion: number[][];
  /** The misclassified images whose true class got the lowest probability. */
  worst: { index: number; label: number; predicted: number; probability: number; right: number }[];
}

const WORST = 24;

/** Classifies a whole test set. */
export async function review(model: LayersModel, test: ImageSet, batchSize = 64): Promise<Review> {
  const classes = model.outputs[0]!.shape.at(-1)!;
  const confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  const wrong: Review['worst'] = [];
  let index = 0;
  let correct = 0;
  for (const { xs, ys } of fitted(test, inputShape(model)).batches({ batchSize })) {
    const output = probabilities(model, xs);
    const best = argMax(output, -1);
    try {
      const [labels, predicted, p] = await Promise.all([ys.data(), best.data(), output.data()]);
      for (let i = 0; i < labels.length; i++, index++) {
        const [label, guess] = [labels[i]!, predicted[i]!];
        confusion[label]![guess]!++;
        if (label === guess) correct++;
        else {
          const [probability, right] = [p[i * classes + guess]!, p[i * classes + label]!];
          wrong.push({ index, label, predicted: guess, probability, right });
        }
      }
    } finally {
      for (const tensor of [xs, ys, output, best]) tensor.dispose();
    }
  }
  const worst = wrong.sort((a, b) => a.right - b.right || b.probability - a.probability).slice(0, WORST);
  return { accuracy: correct / Math.max(1, index), confusion, worst };
}
