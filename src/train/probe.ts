import {
  abs,
  cast,
  div,
  keep,
  less,
  max,
  maximum,
  mean,
  min,
  mul,
  norm,
  reshape,
  type Scalar,
  sqrt,
  square,
  stack,
  sub,
  sum,
  type Tensor,
  tidy,
  type Variable,
  variableGrads,
} from '@tensorflow/tfjs-core';
import type { LayersModel, layers } from '@tensorflow/tfjs-layers';
import { outputActivations } from '../tfjs/classifier.js';
import { graphOf } from '../tfjs/graph.js';
import { layersWithin } from '../tfjs/models.js';
import { type Replacement, replaceCalls, together } from '../tfjs/replaceCalls.js';
import { withTape } from '../tfjs/tape.js';
import type { Batch } from './batch.js';
import { trainNorms } from './normRules.js';
import type { Objective } from './objective.js';
import { trainedWeights } from './optimizer.js';
import { seedLayers } from './seededLayers.js';

/** A network's numbers on one batch, in training. */
export interface Probe {
  loss: number;
  /** The input of the first convolution or dense layer; undefined if normalization comes before it. */
  input: { lowest: number; highest: number; rms: number } | undefined;
  outputs: {
    /** Whether outputs that count as logits are at least 0 and add up to 1. */
    areLogitsProbabilities: boolean;
  };
  /** For each ReLU, the fraction of its units that are 0 for every image. */
  dead: { layer: string; fraction: number }[];
  /** For each trained kernel, its gradient: the root of its mean square, and its norm as a multiple of the kernel's. */
  gradients: { layer: string; rms: number; ratio: number }[];
}

/** Runs a batch forward and back, and measures. Changes no weights but moving statistics. */
export async function probe(
  model: LayersModel,
  objective: Objective,
  batch: Batch,
  seed: number,
): Promise<Probe> {
  const measured: { measure: string; layer: string; values: Tensor }[] = [];
  const note = (measure: string, layer: string, values: Tensor) =>
    void measured.push({ measure, layer, values: keep(values) });
  const watching = watch(model, seed, note);
  try {
    watching.install();
    // Of all variables that exist, tfjs would ask for gradients that it may not have.
    const trained = trainedWeights(model);
    try {
      tidy(() => {
        const { value, grads } = withTape(() =>
          variableGrads(() => {
            const output = model.apply(batch.xs, { training: true }) as Tensor;
            note(
              'sums',
              '',
              tidy(() => rowSums(output)),
            );
            return objective.loss(output, batch);
          }, trained),
        );
        note('loss', '', value);
        for (const { layer, weights } of kernelsOf(model)) {
          const gradient = grads[weights.name];
          if (gradient) note('gradient', layer, gradientSize(gradient, weights));
        }
      });
    } finally {
      watching.restore();
    }
    const all = await Promise.all(
      measured.map(async ({ values, ...rest }) => ({ ...rest, values: [...(await values.data())] })),
    );
    const of = (measure: string) => all.filter((one) => one.measure === measure);
    const [input] = of('input');
    const [lowest, highest, rms] = input?.values ?? [];
    const [farthest, least] = of('sums')[0]!.values as [number, number];
    const [last = ''] = outputActivations(graphOf('diagnose', model));
    return {
      loss: of('loss')[0]!.values[0]!,
      input: input && { lowest: lowest!, highest: highest!, rms: rms! },
      outputs: {
        areLogitsProbabilities: !['softmax', 'sigmoid'].includes(last) && least >= 0 && farthest < 1e-3,
      },
      dead: of('dead').map(({ layer, values }) => ({ layer, fraction: values[0]! })),
      gradients: of('gradient').map(({ layer, values: [rms, gradient, weights] }) => ({
        layer,
        rms: rms!,
        ratio: gradient === 0 ? 0 : gradient! / weights!,
      })),
    };
  } finally {
    for (const { values } of measured) values.dispose();
  }
}

/** Makes layers note what they see, and dropout and frozen normalization behave as in training. */
function watch(
  model: LayersModel,
  seed: number,
  note: (measure: string, layer: string, values: Tensor) => void,
): Replacement {
  const all = layersWithin(model);
  const first = all.find((layer) => layer.weights.length > 0);
  const watched = all.filter((layer) => layer === first || isRelu(layer));
  const drawing = seedLayers(model, seed);
  const norms = trainNorms('diagnose', model);
  const calls = replaceCalls(watched, (layer, own) => (inputs, kwargs) => {
    const x = [inputs].flat()[0] as Tensor;
    if (layer === first && ['Conv2D', 'Dense'].includes(layer.getClassName())) {
      note(
        'input',
        layer.name,
        tidy(() => {
          const numbers = cast(x, 'float32');
          // Relative to the largest, whose square float32 may not hold.
          const largest = maximum(max(abs(numbers)), 1e-30);
          const rms = mul(largest, sqrt(mean(square(div(numbers, largest)))));
          return stack([min(numbers), max(numbers), rms]);
        }),
      );
    }
    const y = own(inputs, kwargs);
    if (isRelu(layer)) {
      // Recurrent layers may return their states besides.
      const [first] = [y].flat() as [Tensor];
      note(
        'dead',
        layer.name,
        tidy(() => deadFraction(first)),
      );
    }
    return y;
  });
  return together([drawing, norms, calls]);
}

function isRelu(layer: layers.Layer): boolean {
  return layer.getClassName() === 'ReLU' || layer.getConfig().activation === 'relu';
}

function deadFraction(y: Tensor): Scalar {
  // Image by image first: tfjs's WebGPU backend cannot take the maximum over millions of rows, which it transposes at once.
  const units = reshape(y, [y.shape[0]!, -1, y.shape.at(-1)!]);
  return mean(cast(less(max(max(units, 1), 0), 1e-30), 'float32')) as Scalar;
}

/** How far the sum of a row is from 1 at most, and the lowest number. */
function rowSums(output: Tensor): Tensor {
  return stack([max(abs(sub(sum(output, -1), 1))), min(output)]);
}

function gradientSize(gradient: Tensor, weights: Tensor): Tensor {
  return tidy(() => stack([sqrt(mean(square(gradient))), norm(gradient), norm(weights)]));
}

/** The trained kernels of a model, and the layers that they belong to. */
function kernelsOf(model: LayersModel): { layer: string; weights: Variable }[] {
  return layersWithin(model).flatMap((layer) =>
    layer.trainableWeights
      .map((weight) => weight.read() as Variable)
      .filter(({ rank }) => rank > 1)
      .map((weights) => ({ layer: layer.name, weights })),
  );
}
