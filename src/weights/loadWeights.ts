import { dispose, keep, type Tensor, tensor } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { BOOLEAN, checkArguments, MODEL, oneFrom, optionsOf, SOURCE } from '../base/arguments.js';
import { isOfCaller } from '../base/ofCaller.js';
import { size } from '../base/shapes.js';
import { unlessAborted } from '../base/unlessAborted.js';
import type { ConvArch } from '../core/arch.js';
import type { VggOptions } from '../core/options.js';
import { PADDINGS } from '../core/sizes.js';
import { reason } from '../io/errors.js';
import type { Source } from '../io/source.js';
import { writeNumbers } from '../tfjs/disposed.js';
import { knownFinite } from '../tfjs/finiteWeights.js';
import { inUse } from '../tfjs/inUse.js';
import { unfilledTensor, viewWhereHeld } from '../tfjs/memory.js';
import {
  type Checkpoint,
  WEIGHT_FILE_OPTIONS,
  type WeightFileOptions,
  withCheckpoint,
} from './formats/checkpoint.js';
import { WeightFileError } from './formats/error.js';
import { byteLength } from './formats/tensor.js';
import { readWeight } from './layout/readWeight.js';
import { scatterOnBackend } from './layout/scatter.js';
import { matchModel } from './matchModel.js';
import type { LoadReport, Pair } from './names/match.js';
import { checkHints, refuseHints } from './names/network.js';

/** Options of {@link loadWeights}. */
export interface LoadOptions extends WeightFileOptions {
  /**
   * Whether the file must contain exactly the model's weights; default true. Otherwise the weights whose name and shape fit
   * are loaded, and the report lists the others: a model without a top gets the features, one with other classes all but its
   * last layer.
   */
  strict?: boolean;
  /** The blocks, where the names of a VGG's weights do not say where they end. */
  arch?: ConvArch;
  /** Padding of the 3x3 convolutions, where names are used with and without it. */
  padding?: VggOptions['padding'];
}

/**
 * Loads a weight file into a model of the same architecture, a VGG or not. The format is recognized by the content, and
 * torchvision's, timm's and Keras' published files need no conversion: kernels are transposed from PyTorch's order of axes to
 * tfjs's, the first fully connected layer is permuted from channels first to channels last, and running variances make up for
 * another epsilon of batch normalization, so that the model computes what the file's network computed.
 *
 * Tensors are matched as a VGG's weights, whatever their names; or else by the names of the model's layers; or else, if the file
 * has the very layers of the model, one after the other, by their order. The report's `matched` says which.
 *
 * The model changes only after everything is read, so a load that fails leaves it as it was. Until then both sets of
 * weights are in memory; `fromWeights` needs one.
 *
 * @param source a path (Node), a URL, a Blob, or bytes.
 * @throws WeightFileError when the file is damaged, or, if `strict`, does not fit the model exactly, or nothing fits it; the
 *   signal's reason.
 * @example
 * const model = vgg16({ ...IMAGENET, initializer: 'zeros' });
 * await loadWeights(model, 'vgg16-397923af.pth');
 */
export async function loadWeights(
  model: LayersModel,
  source: Source,
  options: LoadOptions = {},
): Promise<LoadReport> {
  checkArguments('loadWeights', { model, source }, { model: MODEL, source: SOURCE });
  optionsOf('loadWeights', options, {
    strict: BOOLEAN,
    arch: 1,
    padding: oneFrom(PADDINGS),
    ...WEIGHT_FILE_OPTIONS,
  });

  const { arch, padding, strict = true, ...callers } = options;
  checkHints('loadWeights', options);
  return inUse('loadWeights', { model }, () =>
    withCheckpoint(source, callers, async (checkpoint, reading) => {
      if (checkpoint.configuration !== undefined) refuseHints('loadWeights', checkpoint.file, options);
      const hints = { arch, padding, classes: model.outputs[0]!.shape.at(-1) ?? undefined };
      const { pairs, report } = matchModel('loadWeights', checkpoint, model, hints, strict);
      const values: Tensor[] = [];
      try {
        await readPairs(checkpoint, pairs, report, reading, async (pair, read) => {
          values.push(await readTensor(pair, read));
        });
        pairs.forEach(({ target }, i) => {
          writeNumbers(target.variable, values[i]!);
        });
      } finally {
        dispose(values);
      }
      return report;
    }),
  );
}

/**
 * Reads weights straight into a model that is not in use yet, with only one set of weights in memory. If it fails, the model is
 * partly loaded, and the caller disposes of it.
 */
export async function fillModel(
  checkpoint: Checkpoint,
  pairs: readonly Pair[],
  report: LoadReport,
  options: WeightFileOptions,
): Promise<void> {
  await readPairs(checkpoint, pairs, report, options, async (pair, read) => {
    const variable = pair.target.variable.read();
    if (viewWhereHeld(variable)) {
      await read(() => viewWhereHeld(variable)!);
      return;
    }
    const value = await readTensor(pair, read);
    writeNumbers(pair.target.variable, value);
    value.dispose();
  });
  const odd = new Set(report.nonFinite.map(({ weight }) => weight));
  knownFinite(
    pairs.filter(({ target }) => !odd.has(target.role)).map(({ target }) => target.variable.read()),
  );
}

/** Reads one weight into the array that `into` returns, which is called for every piece. */
type Read = (into: () => Float32Array) => Promise<void>;

/** A new tensor, filled by `read`. */
async function readTensor({ target }: Pair, read: Read): Promise<Tensor> {
  const shape = target.variable.shape as number[];
  const unfilled = unfilledTensor(shape);
  if (!unfilled) {
    const numbers = new Float32Array(size(shape));
    await read(() => numbers);
    return keep(tensor(numbers, shape));
  }
  try {
    keep(unfilled);
    await read(() => viewWhereHeld(unfilled)!);
    return unfilled;
  } catch (error) {
    unfilled.dispose();
    throw error;
  }
}

/** Reads the weights one by one and reports progress; `store` provides the memory for each. */
async function readPairs(
  { file, finish }: Checkpoint,
  pairs: readonly Pair[],
  report: LoadReport,
  { signal, onProgress }: WeightFileOptions,
  store: (pair: Pair, read: Read) => Promise<void>,
): Promise<void> {
  const total = pairs.reduce((sum, { parameter }) => sum + byteLength(parameter.tensor), 0);
  let done = 0;
  const scatter = scatterOnBackend();
  for (const pair of pairs) {
    const { parameter, target, addToVariance } = pair;
    await store(pair, async (into) => {
      const nonFinite = await readWeight(parameter, into, {
        signal,
        scatter,
        async report(bytes) {
          done += bytes;
          await unlessAborted(signal, () => onProgress?.({ done, total, unit: 'bytes', source: file }));
        },
      });
      if (nonFinite > 0) report.nonFinite.push({ weight: target.role, count: nonFinite });
      if (addToVariance !== 0)
        into().forEach((variance, i, all) => {
          all[i] = variance + addToVariance;
        });
    }).catch((error: unknown) => {
      signal?.throwIfAborted();
      if (isOfCaller(error) || error instanceof WeightFileError) throw error;
      throw new WeightFileError(file, `it could not be loaded: ${reason(error)}.`, {
        tensor: parameter.tensor.name,
        cause: error,
      });
    });
  }
  await finish?.();
}
