import { argMax, type Tensor, type Tensor4D, tensor2d, tidy } from '@tensorflow/tfjs-core';
import type { LayersModel, layers, SymbolicTensor } from '@tensorflow/tfjs-layers';
import type { ImageSet } from 'vgg-blocks/data';
import { explain } from 'vgg-blocks/features';
import { overlay, type RawImage } from 'vgg-blocks/images';
import { classifierOutputs, probabilitiesOf } from '../../../src/tfjs/classifier.js';
import { graphOf } from '../../../src/tfjs/graph.js';
import type { HeatMethod } from '../state/inside.js';
import { fitted } from './data.js';
import { inputShape } from './image.js';

/** The probability of each class, of a model's output for one image. */
export async function classify(model: LayersModel, output: Float32Array): Promise<Float32Array> {
  const result = tidy(() => asProbabilities(model, tensor2d(output, [1, output.length])));
  try {
    return (await result.data()) as Float32Array;
  } finally {
    result.dispose();
  }
}

function asProbabilities(model: LayersModel, output: Tensor): Tensor {
  return probabilitiesOf(output, classifierOutputs('playground', graphOf('playground', model)));
}

/** Where a class is seen, according to a layer's maps. */
export interface ClassMap {
  image: RawImage;
  /** Whose maps it was computed from, if of one layer. */
  layer?: string;
}

/** Where the model sees a class in an image, laid over the image. */
export async function classMap(
  model: LayersModel,
  input: Tensor4D,
  seen: RawImage,
  { classIndex, method }: { classIndex: number; method: HeatMethod },
): Promise<ClassMap> {
  const layer = /cam/.test(method) ? mapLayer(model) : undefined;
  const map = await explain(model, input, { classIndex, method, ...(layer && { layer }) });
  return { image: await overlay(enlarged(seen), map), layer };
}

/** Smaller maps do not show where something is; VGG's last ones are 14 high for 224 pixels. */
const MIN_MAP_HEIGHT = 7;

/** The last layer before a pooling whose maps are large enough. */
function mapLayer(model: LayersModel): string | undefined {
  const last = model.layers.filter((_, i) => model.layers[i + 1]?.getClassName() === 'MaxPooling2D');
  const height = (layer: layers.Layer) =>
    (layer.output as SymbolicTensor).shape[1] ?? Number.POSITIVE_INFINITY;
  return (last.findLast((layer) => height(layer) >= MIN_MAP_HEIGHT) ?? last[0])?.name;
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
    const output = tidy(() => asProbabilities(model, model.predict(xs) as Tensor));
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
