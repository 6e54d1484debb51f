import {
  add,
  dispose,
  div,
  keep,
  mean,
  type Scalar,
  scalar,
  sub,
  sum,
  type Tensor,
  tidy,
} from '@tensorflow/tfjs-core';
import type { LayersModel, layers } from '@tensorflow/tfjs-layers';
import { checkArguments, MODEL, optionsOf } from '../base/arguments.js';
import { fail, oneOf, wholeNumber } from '../base/check.js';
import type { Progress } from '../base/progress.js';
import { unlessAborted } from '../base/unlessAborted.js';
import { rebuiltWith } from '../core/rebuilt.js';
import { graphOf } from '../tfjs/graph.js';
import { held } from '../tfjs/held.js';
import { inUse } from '../tfjs/inUse.js';
import { replaceCalls } from '../tfjs/replaceCalls.js';
import { checkCopy } from '../tfjs/sharedLayer.js';
import type { Examples } from '../train/batch.js';
import { areFinite, checkWeights, overflow } from '../train/finite.js';
import { QUANTIZED_DTYPES, type QuantizedDtype } from '../weights/formats/quantization.js';
import { freeCopy } from './freeCopy.js';
import { checkImages, type Images, partOf } from './images.js';
import { onlyCallOf } from './links.js';
import { roundKernels } from './roundKernels.js';

/** Options of {@link correctBiases}. */
export interface BiasOptions {
  /** The type that the kernels will be rounded to; default `'uint8'`. */
  quantize?: QuantizedDtype;
  /** Images per forward pass; the result does not depend on it but for float32 rounding. Default 32. */
  batchSize?: number;
  /** Called after each batch; counts `'images'`. */
  onProgress?: (progress: Required<Progress>) => void;
  /** Stops after the current batch: rejects with the signal's reason. */
  signal?: AbortSignal;
}

const WHERE = 'correctBiases';

/** Layers whose outputs are products with their kernels, plus a bias. */
const PRODUCTS = ['Conv2D', 'Dense', 'DepthwiseConv2D', 'SeparableConv2D', 'Conv2DTranspose'];

/**
 * The same network with biases that make up for the rounding of kernels: rounding shifts the mean of what each channel puts out, because
 * inputs behind a ReLU are not zero on average, and the shift is taken from the bias (Nagel et al. 2019, section 4.2). The mean
 * inputs of all layers are taken from images, some hundred of which are enough; their labels are not used.
 *
 * Save the result with the same `quantize`: its biases fit no other type, and not the kernels as they are. Layers without a bias, and
 * those that are used several times, stay as they are. The model is not changed.
 *
 * @param images as the model takes them.
 * @returns a model whose kernels share their numbers with the model's; dispose of both.
 * @throws RangeError when the images do not fit the model or have NaN, or a kernel has a number that the type cannot hold; the signal's reason.
 * @example
 * const corrected = await correctBiases(equalized, trainSet, { quantize: 'uint8' });
 * await saveModel(corrected, fileSystem('public/vgg16'), { quantize: 'uint8' });
 */
export function correctBiases(
  model: LayersModel,
  images: Images,
  options: BiasOptions = {},
): Promise<LayersModel> {
  return inUse('correctBiases', { model, 'tensor of images': images }, () =>
    withCorrectedBiases(model, images, options),
  );
}

async function withCorrectedBiases(
  model: LayersModel,
  images: Images,
  options: BiasOptions,
): Promise<LayersModel> {
  checkArguments(WHERE, { model }, { model: MODEL });
  optionsOf(WHERE, options, { quantize: 1, batchSize: 1, onProgress: 1, signal: 1 });
  const { quantize: dtype = 'uint8', batchSize = 32 } = options;
  oneOf(WHERE, 'quantize', dtype, QUANTIZED_DTYPES);
  wholeNumber(WHERE, 'batchSize', batchSize);
  checkCopy(WHERE, model);
  const graph = graphOf(WHERE, model);
  checkImages(WHERE, graph, images);

  const corrected = graph.calls.filter(
    (call) => PRODUCTS.includes(call.layer.getClassName()) && biasOf(call.layer) && onlyCallOf(graph, call),
  );
  await checkWeights(WHERE, model);
  const means = await meanInputs(
    model,
    corrected.map(({ layer }) => layer),
    partOf(WHERE, images, 'all', options.signal),
    { ...options, batchSize },
  );
  try {
    if (!(await areFinite(means))) fail(WHERE, overflow(model));
    return await rebuiltWith(WHERE, graph, async (own) => {
      for (const [i, { layer }] of corrected.entries()) {
        const bias = biasOf(own(layer, freeCopy(layer)))!;
        const shift = await shiftOf(layer, means[i]!, dtype);
        const value = sub(bias.read() as Tensor, shift);
        bias.write(value);
        dispose([shift, value]);
      }
    });
  } finally {
    dispose(means);
  }
}

function biasOf({ weights }: layers.Layer): layers.Layer['weights'][number] | undefined {
  return weights.find(({ originalName }) => originalName.endsWith('/bias'));
}

/** The mean of what layers take, over all images: `[1, ...shape]` for each. */
async function meanInputs(
  model: LayersModel,
  observed: readonly layers.Layer[],
  examples: Examples,
  { batchSize, signal, onProgress }: BiasOptions & { batchSize: number },
): Promise<Tensor[]> {
  const sums: Tensor[] = [];
  const observing = replaceCalls(observed, (_, own, i) => (inputs, kwargs) => {
    const [x] = [inputs].flat() as [Tensor];
    const before = sums[i];
    sums[i] = keep(tidy(() => (before ? add(before, sum(x, 0, true)) : sum(x, 0, true))));
    before?.dispose();
    return own(inputs, kwargs);
  });
  try {
    let done = 0;
    for await (const { xs, ys } of examples.batches({ batchSize })) {
      try {
        signal?.throwIfAborted();
        observing.install();
        try {
          dispose(model.predict(xs, { batchSize }));
        } finally {
          observing.restore();
        }
        done += xs.shape[0]!;
      } finally {
        dispose([xs, ys]);
      }
      await unlessAborted(signal, () => onProgress?.({ done, total: examples.length, unit: 'images' }));
    }
    const count: Scalar = scalar(done);
    const means = sums.map((one) => keep(div(one, count)));
    count.dispose();
    return means;
  } finally {
    dispose(sums);
  }
}

/** How far rounding moves the mean of each output channel. */
async function shiftOf(layer: layers.Layer, x: Tensor, dtype: QuantizedDtype): Promise<Tensor> {
  const exact = freeCopy(layer, 'none');
  const rounded = freeCopy(layer, 'none');
  try {
    await roundKernels(WHERE, rounded.weights, dtype, 'choose another type');
    return held(() => {
      const moved = sub(rounded.apply(x) as Tensor, exact.apply(x) as Tensor);
      const channels = layer.getConfig().dataFormat === 'channelsFirst' ? 1 : moved.rank - 1;
      return mean(
        moved,
        moved.shape.map((_, axis) => axis).filter((axis) => axis !== channels),
      );
    });
  } finally {
    for (const { weights } of [exact, rounded]) for (const weight of weights) weight.dispose();
  }
}
