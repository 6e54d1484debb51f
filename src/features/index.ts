/**
 * Features of a network's layers: explanations, transfer learning, perceptual losses, style and similarity.
 *
 * @packageDocumentation
 */

export type { ClassOptions } from './explain/classGradient.js';
export { EXPLAIN_METHODS, type ExplainMethod, type ExplainOptions, explain } from './explain/explain.js';
export {
  type FaithfulnessCurve,
  type FaithfulnessOptions,
  faithfulness,
} from './explain/faithfulness.js';
export { type GradCamOptions, gradCam } from './explain/gradCam.js';
export { type FeatureMapOptions, featureMapGrid, kernelGrid } from './explain/grids.js';
export { type SaliencyOptions, saliency } from './explain/saliency.js';
export { type VisualizeOptions, visualize } from './explain/visualize.js';
export { cosine, type EmbedOptions, embed, imageSimilarity } from './similar/embed.js';
export { EmbeddingIndex, type Neighbor } from './similar/embeddingIndex.js';
export { type GramNormalization, gramMatrix } from './style/gramMatrix.js';
export { type ImageDistance, type ImageDistanceOptions, imageDistance } from './style/imageDistance.js';
export { type LpipsOptions, lpips } from './style/lpips.js';
export { type LpipsCalibration, readLpipsCalibration } from './style/lpipsCalibration.js';
export { type PerceptualLossOptions, perceptualLoss } from './style/perceptualLoss.js';
export type { StyleLosses, StyleLossOptions } from './style/styleObjective.js';
export {
  type StyledImage,
  type StyleImages,
  type StyleProgress,
  type StyleTransferOptions,
  styleTransfer,
} from './style/styleTransfer.js';
export { totalVariation } from './style/totalVariation.js';
export { type ExtractorOptions, featureExtractor } from './taps/featureExtractor.js';
export { type CacheOptions, cacheFeatures } from './transfer/cacheFeatures.js';
export type { FeatureSet, OpenRowStore, RowStore } from './transfer/featureSet.js';
export { freeze, unfreeze } from './transfer/freeze.js';
export { splitModel } from './transfer/splitModel.js';
export { type TransferHeadOptions, transferHead } from './transfer/transferHead.js';
