/**
 * Pictures in, classes out: preprocessing by each set of weights' own recipe, ImageNet's labels, top-k.
 *
 * @packageDocumentation
 */
export {
  type ClassifyOptions,
  classify,
  type DecodeOptions,
  decodePredictions,
  type Prediction,
} from './classify.js';
export { fittedSize, type Region, visibleRegion } from '../images/geometry.js';
export { imageTensor, normalizeImages, rawImage } from '../images/imageTensor.js';
export { LABELS } from './labels.js';
export { type Picture, type Pixels, pixelsOf, type RawImage } from '../images/pixels.js';
export { preprocess } from '../images/preprocess.js';
export { resizeBilinear } from '../images/resize.js';
