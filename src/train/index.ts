/**
 * Training: the chapter's loop, what it measured, and its figures.
 *
 * @packageDocumentation
 */
export { type Confusion, confusion } from './confusion.js';
export { curves } from './curves.js';
export { type EvaluateOptions, evaluate, predictClasses } from './evaluate.js';
export type { Batch, Examples } from './examples.js';
export type { EpochRow, History } from './history.js';
export type { Decay, OptimizerName } from './optimizer.js';
export { type LabelledImages, predictionSheet } from './predictions.js';
export type { TrainProgress } from './progress.js';
export { type Throughput, type ThroughputOptions, throughput } from './throughput.js';
export { type TrainOptions, train } from './train.js';
