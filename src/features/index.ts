/**
 * What a network sees on the way: features of its layers, and where in a picture it sees a class.
 *
 * @packageDocumentation
 */
export { encodePng } from '../io/png.js';
export { type CacheOptions, cacheFeatures } from './cacheFeatures.js';
export type { ClassOptions } from './classGradient.js';
export type { ColorMap } from './colorMap.js';
export { drawImage } from './drawImage.js';
export { cosine, type EmbedOptions, embed, imageSimilarity } from './embed.js';
export { EmbeddingIndex, type Neighbor } from './embeddingIndex.js';
export { type ExtractorOptions, featureExtractor } from './featureExtractor.js';
export type { FeatureSet } from './featureSet.js';
export { freeze, unfreeze } from './freeze.js';
export { type GradCamOptions, gradCam } from './gradCam.js';
export { type GramNormalization, gramMatrix } from './gramMatrix.js';
export { type FeatureMapOptions, featureMapGrid, type GridOptions, kernelGrid } from './grids.js';
export type { HeatMap } from './heatMap.js';
export type { LossNetwork } from './imageFeatures.js';
export { type LpipsCalibration, type LpipsOptions, lpips, readLpipsCalibration } from './lpips.js';
export { heatMapImage, type OverlayOptions, overlay } from './overlay.js';
export { type PerceptualLossOptions, perceptualLoss } from './perceptualLoss.js';
export type { OpenRowStore, RowStore } from './rowStore.js';
export { type SaliencyOptions, saliency } from './saliency.js';
export { splitModel } from './splitModel.js';
export type { StyleLosses, StyleLossOptions } from './styleObjective.js';
export {
  type StyledPicture,
  type StyleProgress,
  type StyleTransferOptions,
  styleTransfer,
} from './styleTransfer.js';
export { totalVariation } from './totalVariation.js';
export { type TransferHeadOptions, transferHead } from './transferHead.js';
