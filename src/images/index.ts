/**
 * Images: decoding to pixels, resizing as PIL does it, preprocessing for a set of weights, overlays, PNG.
 *
 * @packageDocumentation
 */
export type { ColorMap } from './colorMap.js';
export { drawImage } from './drawImage.js';
export { fittedSize, type Region, visibleRegion } from './geometry.js';
export { type GridOptions, imageGrid } from './grid.js';
export type { HeatMap, ValueMap } from './heatMap.js';
export { imageToTensor, tensorToImage } from './imageToTensor.js';
export { normalizeImages } from './normalize.js';
export { heatMapImage, type OverlayOptions, overlay } from './overlay.js';
export { type ImageInput, type RawImage, type RgbImage, toRgb } from './pixels.js';
export { encodePng } from './png.js';
export { type PreparedImage, prepareImage } from './prepare.js';
export { preprocess } from './preprocess.js';
export { PLAIN_PREPROCESSING, type Preprocessing, preprocessingAt } from './preprocessing.js';
export { resizeBilinear } from './resize.js';
