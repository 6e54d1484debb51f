/**
 * Classification of images, with ImageNet's labels.
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
export { LABELS } from './labels.js';
