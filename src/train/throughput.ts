import { dispose, randomUniform, type Tensor, tensor1d, tidy } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { checkArguments, MODEL, optionsOf } from '../base/arguments.js';
import { breathing } from '../base/breathing.js';
import { checkSeed, fail, keyOf, MOST_SECONDS, numberThat, oneOf, wholeNumber } from '../base/check.js';
import { median } from '../base/numbers.js';
import { owning } from '../base/owning.js';
import { shapeText, size } from '../base/shapes.js';
import { OPTIMIZERS, type OptimizerName } from '../core/optimizers.js';
import { graphOf } from '../tfjs/graph.js';
import { checkImageSize } from '../tfjs/imageSize.js';
import { inUse } from '../tfjs/inUse.js';
import { inputShapeOf } from '../tfjs/models.js';
import { chooseMicroBatches } from './microBatchSize.js';
import { objectiveOf } from './objective.js';
import { checkTrainable, chooseOptimizer } from './optimizer.js';
import { startRun, step } from './step.js';

/** Options of {@link throughput}. */
export interface ThroughputOptions {
  /** Examples per run. Default 8. */
  batchSize?: number;
  /** `'inference'` (the default) measures predictions, `'training'` whole steps of the optimizer. */
  mode?: 'inference' | 'training';
  /** How long to measure, 0 to 3600, not counting the first two runs; at least two runs are measured. Default 2. */
  seconds?: number;
  /** The optimizer of the training steps. Default `'sgd'`. */
  optimizer?: OptimizerName;
  /** Seed of the random images. Default 0. */
  seed?: number;
  /** Stops after the current run: rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** A model's speed on the current backend. */
export interface Throughput {
  batchSize: number;
  mode: 'inference' | 'training';
  /** From the median of the runs. */
  examplesPerSecond: number;
  /** The slowest and the fastest run, in examples per second. */
  spread: [slowest: number, fastest: number];
  /** Milliseconds of the first run, in which backends compile kernels and allocate memory. */
  firstMs: number;
  /** Milliseconds of each measured run, in order. */
  runsMs: number[];
}

/** Runs before the measured ones: the first compiles, the second allocates nothing new. */
const WARM_UP = 2;

/**
 * Measures how many examples per second a model processes on the current backend, in inference or training. After a warm-up,
 * runs on random images of the model's input shape are timed until `seconds` have passed. The images are on the backend before
 * a run starts, and a run ends when its results have been read.
 *
 * Training takes the same steps as `train`, in parts if they do not fit otherwise, and changes the model's weights.
 *
 * @throws RangeError when an option is out of range or the model's input has no fixed size.
 * @example
 * const { examplesPerSecond } = await throughput(smallArch(4), { batchSize: 32, mode: 'training' });
 */
export function throughput(model: LayersModel, options: ThroughputOptions = {}): Promise<Throughput> {
  return inUse('throughput', { model }, () => measuredThroughput(model, options));
}

async function measuredThroughput(model: LayersModel, options: ThroughputOptions): Promise<Throughput> {
  checkArguments('throughput', { model }, { model: MODEL });
  const {
    batchSize = 8,
    mode = 'inference',
    seconds = 2,
    optimizer = 'sgd',
    seed = 0,
    signal,
  } = optionsOf('throughput', options, {
    batchSize: 1,
    mode: 1,
    seconds: 1,
    optimizer: 1,
    seed: 1,
    signal: 1,
  });

  wholeNumber('throughput', 'batchSize', batchSize);
  checkSeed('throughput', seed);
  oneOf('throughput', 'mode', mode, ['inference', 'training']);
  keyOf('throughput', 'optimizer', optimizer, OPTIMIZERS);
  const isDuration = (n: number) => n >= 0 && n <= MOST_SECONDS;
  numberThat('throughput', 'seconds', seconds, isDuration, `a number from 0 to ${MOST_SECONDS}`);
  if (mode === 'training') checkTrainable('throughput', model);
  const shape = inputShapeOf(model);
  if (shape.includes(null)) {
    fail('throughput', `the model takes images of ${shapeText(shape)}; build it with a fixed size.`);
  }
  checkImageSize('throughput', graphOf('throughput', model), shape);
  if (batchSize * size(shape as number[]) > 2 ** 30) {
    fail(
      'throughput',
      `${batchSize} images of ${shapeText(shape)} have more than 2^30 numbers; pass a smaller batchSize.`,
    );
  }
  const { slots } = OPTIMIZERS[optimizer];
  const needs = { shape: shape as number[], batchSize, slots: slots.length, average: false, best: false };
  const micro = mode === 'training' ? chooseMicroBatches('throughput', model, needs).size : undefined;
  return owning(async (own) => {
    const images = own(
      randomUniform([batchSize, ...(shape as number[])], 0, 1, 'float32', seed + 1),
      dispose,
    );
    const run = own(
      mode === 'inference' ? predicting(model, images) : training(model, images, micro, optimizer, seed),
      ({ end }) => end(),
    );
    const runsMs: number[] = [];
    let firstMs = 0;
    let measured = 0;
    const breathe = breathing();
    for (let i = 0; i < WARM_UP + 2 || measured < 1000 * seconds; i++) {
      // Between the runs, so that it is not measured.
      await breathe();
      signal?.throwIfAborted();
      const start = performance.now();
      await run.once();
      const ms = performance.now() - start;
      if (i === 0) firstMs = ms;
      if (i < WARM_UP) continue;
      runsMs.push(ms);
      measured += ms;
    }
    const sorted = [...runsMs].sort((a, b) => a - b);
    const rate = (ms: number) => (1000 * batchSize) / ms;
    return {
      batchSize,
      mode,
      examplesPerSecond: rate(median(sorted)),
      spread: [rate(sorted.at(-1)!), rate(sorted[0]!)],
      firstMs,
      runsMs,
    };
  });
}

interface Measured {
  /** Computes once and waits for the numbers. */
  once(): Promise<void>;
  end(): void;
}

function predicting(model: LayersModel, images: Tensor): Measured {
  return {
    async once() {
      const outputs = tidy(() => [model.predict(images)].flat());
      await Promise.all(outputs.map((output) => output.data())).finally(() => dispose(outputs));
    },
    end: () => {},
  };
}

function training(
  model: LayersModel,
  images: Tensor,
  microBatchSize: number | undefined,
  optimizer: OptimizerName,
  seed: number,
): Measured {
  const chosen = chooseOptimizer('throughput', { optimizer });
  const objective = objectiveOf('throughput', model);
  const { classes } = objective;
  const run = startRun('throughput', model, chosen, { seed, objective, microBatchSize });
  return {
    async once() {
      const right = Array.from({ length: images.shape[0]! }, (_, i) => (i * 7) % classes);
      const results = await step(run, { xs: images.clone(), ys: tensor1d(right, 'int32') });
      await results[0]!.data().finally(() => dispose(results));
    },
    end: run.end,
  };
}
