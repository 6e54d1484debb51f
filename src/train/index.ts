/**
 * Training: the chapter's loop, its measurements and its figures.
 *
 * @packageDocumentation
 */

export type { Batch, Examples } from './batch.js';
export { type CheckpointOptions, storedEpochs } from './checkpoint/checkpoints.js';
export { indexedDbStore } from './checkpoint/indexedDbStore.js';
export { opfsStore } from './checkpoint/opfsStore.js';
export { type CheckpointStore, memoryStore } from './checkpoint/store.js';
export { type Confusion, confusion } from './confusion.js';
export { confusionChart } from './confusionChart.js';
export { curves } from './curves.js';
export {
  type DiagnoseOptions,
  type Diagnosis,
  diagnose,
  diagnosisText,
} from './diagnose.js';
export { type EvaluateOptions, evaluate, predictClasses } from './evaluate.js';
export {
  type EvaluateImagesOptions,
  evaluateImages,
  type LabeledOriginal,
  type LabeledOriginals,
} from './evaluateImages.js';
export { encodeEvent, type TensorBoardEvent } from './eventFile.js';
export type { Advice, Fault, Finding } from './finding.js';
export { growFrom } from './growFrom.js';
export type { EpochRow, History, StepRow, TrainProgress } from './history.js';
export { historyCsv } from './historyCsv.js';
export type { Evaluation } from './metrics.js';
export type { DistillOptions, ObjectiveOptions } from './objective.js';
export type { OptimizerOptions } from './optimizer.js';
export { type LabeledImages, predictionSheet } from './predictions.js';
export { RECIPES, type Recipe, type RecipeName } from './recipes.js';
export { SCHEDULES, type Schedule, type ScheduleName } from './schedules.js';
export type { TrainOptions, TrainSets } from './settings.js';
export { type Throughput, type ThroughputOptions, throughput } from './throughput.js';
export { train } from './train.js';
export type { ViewOptions } from './views.js';
