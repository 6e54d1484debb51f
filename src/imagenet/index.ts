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
export { LABELS } from './labels.js';
