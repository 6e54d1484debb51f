/**
 * Weight files in and out: torchvision's, timm's, Keras' and tfjs's.
 *
 * @packageDocumentation
 */
export { DataError } from '../io/errors.js';
export type { ReadProgress, Source } from '../io/read.js';
export { type FromWeightsOptions, fromWeights, type LoadedNetwork } from './build.js';
export type { WeightFileOptions, WeightFormat } from './checkpoint.js';
export { WeightFileError } from './error.js';
export { inspectWeights, type WeightFileInfo } from './inspect.js';
export { type LoadOptions, loadWeights } from './load.js';
export type { LoadReport } from './match.js';
export type { Network } from './network.js';
export type { KeyNames } from './parameters.js';
export { fromPretrained, type PretrainedOptions } from './pretrained.js';
export { type Preprocessing, PUBLISHED, type PublishedName, type PublishedWeights } from './published.js';
export { type SaveOptions, saveWeights, type WeightContainer } from './save.js';
export type { Dtype } from './tensor.js';
export { type NumberArray, readTensors, saveTensors } from './tensors.js';
export type { ShardSource } from './tfjs.js';
