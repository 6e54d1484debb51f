import type { LayersModel } from '@tensorflow/tfjs-layers';
import {
  checkArguments,
  EXAMPLES,
  MODEL,
  optional,
  optionsOf,
  recordOf,
  withFields,
} from '../base/arguments.js';
import { checkSeed, fail, numberThat, oneOf, shown, wholeNumber } from '../base/check.js';
import { checkFollowed } from '../base/runChecks.js';
import { disposeWithin, type Examples } from './batch.js';
import type { CheckpointOptions } from './checkpoint/checkpoints.js';
import type { CheckpointStore } from './checkpoint/store.js';
import { checkExamples } from './examples.js';
import type { EpochRow, StepRow, TrainProgress } from './history.js';
import { type Objective, type ObjectiveOptions, objectiveOf } from './objective.js';
import {
  type ChosenOptimizer,
  checkTrainable,
  chooseOptimizer,
  OPTIMIZER_OPTIONS,
  type OptimizerOptions,
  trainedWeights,
} from './optimizer.js';
import { checkOwnState } from './ownOptimizer.js';
import { checkSchedule, type RatePlan, type Schedule } from './schedules.js';
import { checkTeacher, type Teacher } from './teacher.js';

/** The examples of `train`. Those measured after each epoch are not trained on. */
export interface TrainSets {
  /** Examples to train on. */
  trainSet: Examples;
  /** Measured after each epoch. */
  testSet?: Examples;
  /** Measured after each epoch, and used by `keep: 'best'` to choose the weights. */
  validationSet?: Examples;
}

/** Options of `train`. */
export interface TrainOptions extends OptimizerOptions, ObjectiveOptions {
  /** Passes over the training set. Default 10. */
  epochs?: number;
  /** Examples per step. Default 128. */
  batchSize?: number;
  /**
   * Takes each batch in parts of at most so many examples and adds their gradients, so that it needs less memory. The step is the
   * same but for rounding, except that batch normalization uses the mean and variance of each part. Default: one piece, or on
   * wasm, WebGL and WebGPU the largest parts that fit if that does not, which `onNote` reports.
   */
  microBatchSize?: number;
  /**
   * Learning-rate schedule: a name of `SCHEDULES`, alone or with options, such as `{ name: 'step', every: 30 }`. `'cosine'` lowers
   * the rate to 0 over the run, which steadies the last epochs. Default `'constant'`, as in the chapter.
   */
  schedule?: Schedule;
  /** Epochs, or a fraction of one, in which the rate first rises linearly to its full value. Default 0. */
  warmupEpochs?: number;
  /**
   * Decay of an exponential moving average of the weights, such as 0.999. The other sets are measured with the average, and the
   * model ends with it. Default: no average.
   */
  ema?: number;
  /** Ends the run after so many epochs in which the accuracy on the validation set has not risen. Default: never. */
  patience?: number;
  /**
   * Holds out this fraction of each class of the training set as the validation set, 0 to 1, so that the test set need not be
   * used for choices. For sets with `split`, such as `ImageSet`. Default 0.
   */
  validationFraction?: number;
  /** Seed of the order of examples and of the dropout masks, 0 to 4294967295. Default 0. */
  seed?: number;
  /**
   * Which weights the model ends with: those of the last epoch, or those of the epoch with the best accuracy on the
   * validation set, or on the test set if there is no validation set. Default `'last'`.
   */
  keep?: 'last' | 'best';
  /**
   * Stores the run while it goes on, so that one that was interrupted can be resumed. It needs an optimizer by name. On wasm and
   * the cpu backend, the resumed run ends with exactly the same weights.
   */
  checkpoint?: CheckpointOptions;
  /** Receives one sentence if batches are taken in parts, unless that was asked for and changes nothing but the rounding. */
  onNote?: (note: string) => void;
  /** Called about ten times a second and after the last batch of each epoch. */
  onProgress?: (progress: TrainProgress) => void;
  /** Called after each step. It makes a GPU wait for each result. */
  onStep?: (row: StepRow) => void;
  /** Called after each epoch. */
  onEpoch?: (row: EpochRow) => void | Promise<void>;
  /**
   * Stops after the current batch; the model keeps its weights, and the history its measurements so far. A callback, a set or a store
   * of your own that is awaited then is awaited no longer; what begins after that, such as the last `onEpoch`, is.
   */
  signal?: AbortSignal;
}

const OWN_OPTIONS = Object.keys({
  ...{
    labelSmoothing: 1,
    classWeights: 1,
    distill: 1,
    epochs: 1,
    batchSize: 1,
    schedule: 1,
    warmupEpochs: 1,
    ema: 1,
  },
  ...{ patience: 1, validationFraction: 1, seed: 1, keep: 1, checkpoint: 1, signal: 1 },
  ...{ onProgress: 1, onStep: 1, onEpoch: 1, onNote: 1, microBatchSize: 1 },
} satisfies Record<Exclude<keyof TrainOptions, keyof OptimizerOptions>, 1>);

/** The checked options of a run, with the defaults filled in. */
export interface Settings
  extends Pick<
    TrainOptions,
    'ema' | 'microBatchSize' | 'onNote' | 'onProgress' | 'onStep' | 'onEpoch' | 'signal'
  > {
  sets: TrainSets;
  epochs: number;
  batchSize: number;
  /** Batches in an epoch. */
  batches: number;
  seed: number;
  keep: 'last' | 'best';
  rates: RatePlan;
  patience: number | undefined;
  chosen: ChosenOptimizer;
  objective: Objective;
  teacher: Teacher | undefined;
}

const SET_NAMES: readonly string[] = ['trainSet', 'testSet', 'validationSet'];
/** What `imageFolder` returns has other fields beside them. */
const SETS = withFields('{ trainSet, testSet?, validationSet? }', 'trainSet');

/**
 * Checks the arguments of `train`. The optimizer, if it is created here, is disposed by the run.
 *
 * @throws RangeError when an option is out of range or the examples do not fit the model.
 */
export function checkSettings(model: LayersModel, given: TrainSets, options: TrainOptions): Settings {
  optionsOf('train', options, [...OPTIMIZER_OPTIONS, ...OWN_OPTIONS] as (keyof TrainOptions)[]);
  checkArguments('train', { model, sets: given }, { model: MODEL, sets: SETS });
  const unknown = Object.keys(given).find((name) => /set$/i.test(name) && !SET_NAMES.includes(name));
  if (unknown !== undefined)
    fail('train', `there is no set ${shown(unknown)}; the sets are ${SET_NAMES.join(', ')}.`);
  const { batchSize = 128, microBatchSize, seed = 0, ema, patience, signal } = options;
  const { epochs = 10, validationFraction = 0, keep = 'last' } = options;
  const { onNote, onProgress, onStep, onEpoch } = options;
  const held = optional(EXAMPLES);
  checkArguments('train', given, { trainSet: EXAMPLES, testSet: held, validationSet: held });
  wholeNumber('train', 'epochs', epochs);
  wholeNumber('train', 'batchSize', batchSize);
  if (microBatchSize !== undefined) wholeNumber('train', 'microBatchSize', microBatchSize);
  checkSeed('train', seed);
  const sets = withValidation(given, validationFraction, seed);
  const { trainSet, testSet, validationSet } = sets;
  oneOf('train', 'keep', keep, ['last', 'best']);
  if (keep === 'best' && !testSet && !validationSet) {
    fail(
      'train',
      "keep is 'best', but there is no set to measure it on; pass a validationSet, or leave keep out.",
    );
  }
  checkExamples('train', model, trainSet, 'training');
  if (testSet) checkExamples('train', model, testSet, 'test');
  if (validationSet) checkExamples('train', model, validationSet, 'validation');
  checkTrainable('train', model);
  const objective = objectiveOf('train', model, options);
  const teacher = checkTeacher('train', model, trainSet, options.distill, objective.classes);
  if (ema !== undefined) {
    numberThat('train', 'ema', ema, (n) => n > 0 && n < 1, 'above 0 and below 1, such as 0.999');
  }
  if (patience !== undefined) wholeNumber('train', 'patience', patience);
  const batches = Math.ceil(trainSet.length / batchSize);
  const rates = checkSchedule('train', options.schedule, {
    ...{ epochs, batches, warmupEpochs: options.warmupEpochs },
  });
  checkFollowed('train', options, validationSet !== undefined);
  const chosen = chooseOptimizer('train', options);
  checkOwnState(chosen, trainedWeights(model));
  if ((rates.name !== 'constant' || rates.warmup > 0) && !chosen.owned) {
    fail(
      'train',
      `${rates.name === 'constant' ? 'there is a warm-up' : `schedule is '${rates.name}'`}, but the optimizer passed has its own rate; name an optimizer, or leave out schedule and warmupEpochs.`,
    );
  }
  if (options.checkpoint !== undefined) checkCheckpoint(options.checkpoint, chosen);
  return {
    ...{ sets, epochs, batchSize, batches, seed, keep, rates, ema, patience, chosen, objective, teacher },
    ...{ microBatchSize, signal, onNote, onProgress, onStep, onEpoch },
  };
}

function checkCheckpoint(checkpoint: CheckpointOptions, chosen: ChosenOptimizer) {
  const known = ['store', 'everySeconds', 'resume', 'allow', 'onProblem'];
  if (typeof checkpoint !== 'object' || checkpoint === null) {
    fail('train', `checkpoint is ${shown(checkpoint)}; pass { store: memoryStore() } or another store.`);
  }
  for (const name of Object.keys(checkpoint)) oneOf('train', "checkpoint's option", name, known);
  const { store, everySeconds = 300, resume, allow = [], onProblem } = checkpoint;
  const missing = STORE.filter((name) => typeof store?.[name] !== 'function');
  if (missing.length > 0) {
    fail(
      'train',
      `checkpoint.store is ${shown(store)}, without ${missing.join(', ')}; pass memoryStore(), folderStore(path) or an object with the functions of CheckpointStore.`,
    );
  }
  numberThat('train', 'checkpoint.everySeconds', everySeconds, (n) => n >= 0, 'a number of at least 0');
  oneOf('train', 'checkpoint.resume', resume, [true, false, undefined]);
  if (!Array.isArray(allow)) fail('train', `checkpoint.allow is ${shown(allow)}; pass a list.`);
  for (const one of allow) oneOf('train', 'checkpoint.allow', one, ['data', 'engine']);
  if (onProblem !== undefined && typeof onProblem !== 'function') {
    fail('train', `checkpoint.onProblem is ${shown(onProblem)}; pass a function.`);
  }
  if (!chosen.owned) {
    fail('train', 'checkpoints cannot store the state of the optimizer passed; name an optimizer.');
  }
}

const STORE = ['lock', 'list', 'open', 'write', 'remove'] as const satisfies (keyof CheckpointStore)[];

/** The options that decide the numbers of a run, for its checkpoints: every option that is not taken out here. */
export function decisiveOptions(
  { signal, onNote, onProgress, onStep, onEpoch, checkpoint, ...options }: TrainOptions,
  { epochs, batchSize, seed, keep, rates, chosen }: Settings,
) {
  const { validationFraction, microBatchSize, distill, ...given } = options;
  const optimizer = chosen.name;
  return {
    ...given,
    epochs,
    batchSize,
    seed,
    keep,
    schedule: rates,
    optimizer,
    learningRate: chosen.learningRate,
  };
}

const PARTS = recordOf('two sets', { trainSet: EXAMPLES, validationSet: EXAMPLES });

/** The sets, with a fraction of the training set as the validation set. */
function withValidation(sets: TrainSets, fraction: number, seed: number): TrainSets {
  if (fraction === 0) return sets;
  const holds = (n: number) => n > 0 && n < 1;
  numberThat('train', 'validationFraction', fraction, holds, 'at least 0 and below 1, such as 0.1');
  if (sets.validationSet) {
    fail('train', 'there are a validationSet and a validationFraction; leave out one of the two.');
  }
  if (typeof sets.trainSet.split !== 'function') {
    fail(
      'train',
      'validationFraction needs a training set with split, such as an ImageSet; pass a validationSet.',
    );
  }
  const parts = sets.trainSet.split(fraction, seed);
  if (!PARTS.holds(parts)) {
    disposeWithin(parts);
    fail(
      'train',
      `split() of the training set returned ${shown(parts)}; return { trainSet, validationSet }, both examples.`,
    );
  }
  return { ...sets, ...parts };
}
