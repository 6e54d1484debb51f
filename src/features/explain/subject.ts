import {
  reshape,
  sigmoid,
  slice,
  type Tensor,
  type Tensor1D,
  type Tensor4D,
  tidy,
} from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { fail } from '../../base/check.js';
import { largestOf } from '../../base/numbers.js';
import type { HeatMap } from '../../images/heatMap.js';
import type { ImageInput } from '../../images/index.js';
import { classifierOutputs, probabilitiesOf } from '../../tfjs/classifier.js';
import { type Graph, graphOf } from '../../tfjs/graph.js';
import { logitsFrom } from '../taps/logits.js';
import { type ClassOptions, classScores, prepareInput } from './classGradient.js';

/** What is explained: a network's score for a class in a preprocessed image. */
export interface Subject {
  /** The function that error messages name. */
  where: string;
  graph: Graph;
  /** `[1, height, width, channels]`. */
  x: Tensor4D;
  classIndex: number;
  region?: HeatMap['region'];
  /** The class's logit in each image of a batch, `[batch]`; differentiable. */
  score(images: Tensor): Tensor1D;
  /** The class's probability in each image of a batch, `[batch]`. */
  probability(images: Tensor): Tensor1D;
  /** Frees `x` unless it is the caller's. */
  dispose(): void;
}

/** Prepares an image, and finds its most probable class unless one is given. */
export async function subjectOf(
  where: string,
  model: LayersModel,
  image: ImageInput | Tensor4D,
  options: ClassOptions,
): Promise<Subject> {
  const graph = graphOf(where, model);
  const kind = classifierOutputs(where, graph);
  const logits = logitsFrom(graph);
  const input = await prepareInput(where, graph, kind.classes, image, options);
  try {
    const values = await numbersOf(() => classScores(logits(input.x)));
    if (!values.every(Number.isFinite)) {
      fail(where, "the model's outputs are not finite; check its weights and the image.");
    }
    const classIndex = options.classIndex ?? largestOf(values);
    const ofClass = (all: Tensor) => reshape(slice(all, [0, classIndex], [-1, 1]), [-1]) as Tensor1D;
    const probabilities = (of: Tensor) =>
      kind.activation === 'sigmoid' && kind.outputs > 1
        ? sigmoid(of)
        : probabilitiesOf(of, { ...kind, activation: undefined });
    return {
      where,
      graph,
      classIndex,
      score: (images) => ofClass(classScores(logits(images))),
      probability: (images) => ofClass(probabilities(logits(images))),
      ...input,
    };
  } catch (error) {
    input.dispose();
    throw error;
  }
}

/** The numbers of a tensor that is computed, and freed with all that it needed. */
export async function numbersOf(compute: () => Tensor): Promise<Float32Array> {
  const tensor = tidy(compute);
  return tensor.data<'float32'>().finally(() => tensor.dispose());
}
