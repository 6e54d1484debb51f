/**
 * Weight files in and out: torchvision's, timm's, Keras' and tfjs's.
 *
 * @packageDocumentation
 */
export { DataError } from '../io/errors.js';
export type { ReadProgress, Source } from '../io/read.js';
export { type FromWeightsOptions, fromWeights, type LoadedNetwork } from './fromWeights.js';
export type { WeightFileOptions, WeightFormat } from './formats/checkpoint.js';
export { WeightFileError } from './formats/error.js';
export { inspectWeights, type WeightFileInfo } from './inspectWeights.js';
export { type LoadOptions, loadWeights } from './loadWeights.js';
export type { LoadReport } from './names/match.js';
export type { Network } from './names/network.js';
export type { KeyNames } from './names/parameters.js';
export { fromPretrained, type PretrainedOptions } from './fromPretrained.js';
export { type Preprocessing, PUBLISHED, type PublishedName, type PublishedWeights } from './published.js';
export { type SaveOptions, saveWeights, type WeightContainer } from './encodeWeights.js';
export type { Dtype } from './formats/tensor.js';
export { type NumberArray, readTensors, saveTensors } from './tensors.js';
export type { ShardSource } from './formats/tfjs.js';
