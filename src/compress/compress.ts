import { dispose, type Tensor, tidy } from '@tensorflow/tfjs-core';
import type { LayersModel, layers } from '@tensorflow/tfjs-layers';
import { BOOLEAN, checkArguments, MODEL, optionsOf } from '../base/arguments.js';
import { oneOf, wholeNumber } from '../base/check.js';
import { owning } from '../base/owning.js';
import type { Progress } from '../base/progress.js';
import { unlessAborted } from '../base/unlessAborted.js';
import { rebuilt } from '../core/rebuilt.js';
import { type Graph, graphOf } from '../tfjs/graph.js';
import { inUse } from '../tfjs/inUse.js';
import { checkCopy } from '../tfjs/sharedLayer.js';
import { disposeBatch, type Examples } from '../train/batch.js';
import { compared, outputsFor } from './agreement.js';
import { STORED, type StoredAs, weightBytes } from './bytes.js';
import { kernelOf, LayerStatistics } from './calibrate.js';
import { chooseRanks, sizeOf } from './chooseRanks.js';
import { correctBiases } from './correctBiases.js';
import { divided, inputsOf, reducedName } from './divide.js';
import { equalized } from './equalize.js';
import { costOfFactors, type Factors, factorsOf } from './factors.js';
import { foldedNorms } from './foldNorms.js';
import { FreedLayers } from './freedLayers.js';
import { checkCount, checkImages, type Images, partOf } from './images.js';
import { type CompressReport, layerReports } from './report.js';
import { roundKernels } from './roundKernels.js';
import { costsOf, denseLayersOf, targetOf } from './target.js';
import { layerTimes, predictionTime } from './times.js';
import { workInSteps } from './work.js';

const WHERE = 'compress';

/** The progress of {@link compress}. */
export interface CompressProgress extends Required<Progress> {
  /**
   * Running the network on images to see what its layers are given, dividing layers, running it again to correct biases for the rounding
   * of kernels, or comparing both networks.
   */
  stage: 'calibrating' | 'dividing' | 'correcting' | 'comparing';
}

/** Options of {@link compress}: one of `maxBytes`, `ranks` and `maxError`, and how. */
export interface CompressOptions {
  /**
   * The bytes that `saveModel` may write in all, `model.json` among them, when it stores the kernels as `quantize` says. The ranks
   * are chosen across the layers, so that the sum of their squared relative errors is the least.
   */
  maxBytes?: number;
  /** The rank of each dense layer to divide, by its name; the others stay whole. */
  ranks?: Readonly<Record<string, number>>;
  /**
   * The largest relative error of the output of a layer, above 0 and below 1, over the calibration images and a little over any inputs; each layer
   * gets the smallest rank that keeps it.
   */
  maxError?: number;
  /**
   * How the kernels will be stored: `'uint8'` (the default), `'uint16'`, `'float16'`, or `'none'`, float32. They are rounded to the
   * numbers that a file of this type restores: pass the same to `saveModel`.
   */
  quantize?: StoredAs;
  /** Images per forward pass. Default 8. */
  batchSize?: number;
  /**
   * Whether the model is given up: it is disposed, however the call ends, and its weights are freed layer by layer as soon as they are not
   * needed. VGG-16 then takes one and a half times its memory in all. Default false.
   */
  dispose?: boolean;
  /**
   * Called after each batch of images, and after each step of dividing layers, about a tenth of a second; counts the images or steps of a stage. How many
   * steps there are may grow: how many directions of a layer are needed shows when the first are found.
   */
  onProgress?: (progress: CompressProgress) => void;
  /** Stops before the next batch or step: rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** What {@link compress} returns. */
export interface Compressed {
  /** A new model; the caller disposes it. */
  model: LayersModel;
  report: CompressReport;
}

/**
 * A smaller network that computes nearly the same: dense layers, which are nine tenths of a VGG's weights, become two each, of a lower
 * rank (truncated singular values; Denton et al. 2014, Girshick 2015), and all kernels are rounded to 8 bits. Both are plain
 * layers: `saveModel` writes a model that `loadLayersModel` of plain tfjs loads.
 *
 * With calibration images, the ranks keep what the images make of each layer, not what any inputs would: the inputs of a dense layer
 * vary in few directions, so that far lower ranks do, and the bias takes up what the mean image loses. Some hundred images do, without
 * labels, like those that the network will see; not those on which it will be measured. Fewer than 32 are refused: they would keep
 * what few images have in common. Every fifth is held out, to compare the two networks for the report.
 *
 * Convolutions stay whole, and so do dense layers for which no rank saves bytes. The model is not changed, unless it is given up by `dispose`. The new one has its
 * metadata, and shares the numbers that are the same until one of the two is changed; either may be disposed first.
 *
 * @param images prepared for the model: a tensor `[images, height, width, channels]`, or examples such as an `ImageSet`.
 * @throws RangeError when not exactly one target is given, `maxBytes` is less than the smallest model, which the message says, a
 *   rank saves nothing, there are fewer than 32 images or all are alike, or weights are not finite; the signal's reason.
 * @example
 * const { model: small, report } = await compress(vgg16, { maxBytes: 40e6 }, images);
 * await saveModel(small, fileSystem('public/vgg16'), { quantize: 'uint8' });
 * console.log(compressTable(report));
 */
export function compress(model: LayersModel, options: CompressOptions, images?: Images): Promise<Compressed> {
  return inUse('compress', { model, 'tensor of images': images }, () => compressed(model, options, images));
}

async function compressed(
  model: LayersModel,
  options: CompressOptions,
  images?: Images,
): Promise<Compressed> {
  checkArguments(WHERE, { model }, { model: MODEL });
  const given = optionsOf(WHERE, options, {
    maxBytes: 1,
    ranks: 1,
    maxError: 1,
    quantize: 1,
    batchSize: 1,
    dispose: BOOLEAN,
    onProgress: 1,
    signal: 1,
  });
  const { quantize = 'uint8', batchSize = 8, dispose: disposes = false, signal, onProgress } = given;
  const step = async (stage: CompressProgress['stage'], done: number, total: number) => {
    signal?.throwIfAborted();
    const unit = stage === 'dividing' ? 'steps' : 'images';
    await unlessAborted(signal, () => onProgress?.({ stage, done, total, unit }));
    // Lets timers and signals run, which synchronous backends would not.
    await new Promise((resolve) => setTimeout(resolve));
    signal?.throwIfAborted();
  };
  return owning(async (own) => {
    let isGiven = disposes;
    own(model, () => isGiven && model.dispose());
    oneOf(WHERE, 'quantize', quantize, STORED);
    wholeNumber(WHERE, 'batchSize', batchSize);
    checkCopy(WHERE, model);
    const original = graphOf(WHERE, model);
    if (images !== undefined) {
      checkImages(WHERE, original, images);
      checkCount(WHERE, images);
    }
    // The network to divide: what it shares with the model is freed with it, layer by layer, once the model is disposed.
    const whole = quantize === 'none' ? rebuilt(WHERE, original, () => undefined) : foldedNorms(WHERE, model);
    const freed = own(new FreedLayers(whole), (all) => all.freeAll());
    const graph = graphOf(WHERE, whole);
    const dense = denseLayersOf(graph);
    const costs = costsOf(WHERE, graph, dense, quantize, images !== undefined);
    const target = targetOf(WHERE, given, dense, costs, quantize);
    const shown = images && partOf(WHERE, images, 'calibration', signal);
    const held = images && partOf(WHERE, images, 'comparison', signal);
    const statistics = new Map<layers.Layer, LayerStatistics>();
    let outputs: (() => Promise<Float32Array[]>) | undefined;
    if (shown && held) {
      const total = shown.length + held.length;
      const stepFrom = (first: number) => (done: number) => step('calibrating', first + done, total);
      for (const layer of dense)
        statistics.set(
          layer,
          own(new LayerStatistics(kernelOf(layer)), (one) => one.dispose()),
        );
      await calibrate(graph, statistics, shown, batchSize, stepFrom(0));
      outputs = await outputsFor(WHERE, original, held, batchSize, stepFrom(shown.length));
    }
    const bytesBefore = weightBytes(model.weights, 'none');
    // The time of the whole network follows from that of the new one, so that it need not be kept to be measured.
    const names = new Set(graph.calls.map(({ layer }) => layer.name));
    let saved = await layerTimes(original, (layer) => !names.has(layer.name));
    if (isGiven) model.dispose();
    isGiven = false;

    const work = await workInSteps((done, total) => step('dividing', done, total));
    const chosen = await chooseRanks(WHERE, dense, costs.layers, statistics, target, own, work);
    const factors = new Map<layers.Layer, Factors>();
    own(factors, disposeFactors);
    for (const [layer, { rank }] of chosen) if (rank !== null) work.plan(costOfFactors(sizeOf(layer), rank));
    for (const [layer, { rank, found }] of chosen) {
      if (rank === null) continue;
      const bias = layer.weights[1]?.read();
      const own = await factorsOf(kernelOf(layer), found!, rank, bias, statistics.get(layer), work);
      factors.set(layer, own);
      found!.vectors.dispose();
      saved += await layerTimes(graph, (one) => one === layer);
      freed.free([layer]);
    }
    await work.finish();
    let small = divided(WHERE, graph, factors);
    freed.freeAll();
    try {
      const become = (next: LayersModel) => {
        small.dispose();
        small = next;
      };
      if (quantize !== 'none') {
        become(await equalized(WHERE, small));
        if (shown) {
          const onProgress = ({ done, total }: Required<Progress>) => step('correcting', done, total);
          become(await correctBiases(small, shown, { quantize, batchSize, onProgress, signal }));
        }
        await roundKernels(WHERE, small.weights, quantize, "pass quantize: 'none'");
      }
      const agreement =
        outputs && held
          ? await compared(WHERE, outputs, graphOf(WHERE, small), held, batchSize, (done) =>
              step('comparing', done, held.length),
            )
          : null;
      const bytes = { before: bytesBefore, after: weightBytes(small.weights, quantize) };
      const layers = layerReports(graph, chosen, quantize, images !== undefined);
      const after = await predictionTime(small);
      const parts = new Set([...factors.keys()].flatMap(({ name }) => [name, reducedName(name)]));
      saved -= await layerTimes(graphOf(WHERE, small), ({ name }) => parts.has(name));
      const milliseconds = after === null ? null : { before: after + saved, after };
      return { model: small, report: { quantize, bytes, layers, agreement, milliseconds } };
    } catch (error) {
      small.dispose();
      throw error;
    }
  });
}

function disposeFactors(factors: Map<layers.Layer, Factors>): void {
  for (const one of factors.values()) dispose(Object.values(one) as Tensor[]);
}

/** Shows layers what the images make of their inputs. */
async function calibrate(
  graph: Graph,
  statistics: ReadonlyMap<layers.Layer, LayerStatistics>,
  images: Examples,
  batchSize: number,
  step: (done: number) => Promise<void>,
): Promise<void> {
  const calls = graph.calls.filter(({ layer }) => statistics.has(layer));
  if (calls.length === 0) return;
  const { model, outputs } = inputsOf(graph, calls);
  let done = 0;
  for await (const batch of images.batches({ batchSize })) {
    try {
      await step(done);
      const inputs = tidy(() => [model.apply(batch.xs) as Tensor | Tensor[]].flat());
      try {
        for (const [i, { layer }] of calls.entries()) statistics.get(layer)!.add(inputs[outputs[i]!]!);
      } finally {
        dispose(inputs);
      }
      done += batch.xs.shape[0]!;
    } finally {
      disposeBatch(batch);
    }
  }
  for (const one of statistics.values()) one.finish();
}
