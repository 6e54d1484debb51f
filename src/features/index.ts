/**
 * What a network sees on the way: features of its layers.
 *
 * @packageDocumentation
 */
export { type ExtractorOptions, featureExtractor } from './featureExtractor.js';
