/**
 * Data: image folders, MNIST and Fashion-MNIST, labeled images in batches, and drawn garments.
 *
 * @packageDocumentation
 */
export { DataError, type DataFault } from '../io/errors.js';
export type { ReadOptions, ReadProgress } from '../io/request.js';
export type { Source } from '../io/source.js';
export type { Augmentation } from './augment.js';
export { augmentBatch, type BatchAugmentation, type PixelBatch } from './augmentBatch.js';
export {
  type Dataset,
  type DatasetOptions,
  fashionMnist,
  idxImages,
  mnist,
} from './datasets.js';
export {
  type DrawGarmentsOptions,
  drawGarments,
  type GarmentOptions,
  garments,
} from './garments/garments.js';
export { GARMENT_NAMES } from './garments/names.js';
export { type IdxArray, parseIdx } from './idx.js';
export type { ImageFileBatchOptions, ImageFileSet, ImageProblem } from './imageFileSet.js';
export { type ImageFiles, type ImageFilesOptions, imageFiles } from './imageFiles.js';
export { type BatchOptions, type ImageBatch, ImageSet, type ImageSetOptions } from './imageSet.js';
export {
  FASHION_MNIST,
  type IdxPart,
  MNIST,
  type PublishedDataset,
  type PublishedFile,
} from './publishedSets.js';
export type { ImageFile } from './sortedFiles.js';
