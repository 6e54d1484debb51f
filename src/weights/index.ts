/**
 * Weight files in and out: torchvision's, timm's, Keras' and tfjs's.
 *
 * @packageDocumentation
 */
export { DataError } from '../io/errors.js';
export type { ReadProgress } from '../io/request.js';
export type { Source } from '../io/source.js';
export { type EncodeOptions, encodeWeights, type WeightContainer } from './encodeWeights.js';
export type { WeightFileOptions, WeightFormat } from './formats/checkpoint.js';
export type { ShardSource } from './formats/companions.js';
export { WeightFileError } from './formats/error.js';
export { ENCODED_DTYPES, type EncodedDtype } from './formats/numbers.js';
export { QUANTIZED_DTYPES, type QuantizedDtype } from './formats/quantization.js';
export type { Dtype } from './formats/tensor.js';
export type { HubName } from './fromHub.js';
export { fromPretrained, type PretrainedOptions } from './fromPretrained.js';
export { type FromWeightsOptions, fromWeights, type LoadedNetwork } from './fromWeights.js';
export { inspectWeights, type WeightFileInfo } from './inspectWeights.js';
export { type LoadOptions, loadWeights } from './loadWeights.js';
export { type ModelMetadata, metadataOf, setMetadata } from './metadata.js';
export type { LoadReport } from './names/match.js';
export type { NetworkHints, NetworkSpec } from './names/network.js';
export { KEY_NAMES, type KeyNames } from './names/parameters.js';
export { PUBLISHED, type PublishedName, type PublishedWeights } from './published.js';
export { type SaveOptions, saveModel } from './saveModel.js';
export { encodeTensors, type NumberArray, readTensors } from './tensors.js';
export { type OnnxOptions, toOnnx } from './toOnnx.js';
export type { OnnxDtype } from './writers/onnx/kernels.js';
