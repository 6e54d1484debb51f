/**
 * Smaller networks: dense layers of low rank, and weights of fewer bits.
 *
 * @packageDocumentation
 */

export { type Agreement, type AgreementOptions, agreement } from './agreement.js';
export type { StoredAs } from './bytes.js';
export { type Compressed, type CompressOptions, type CompressProgress, compress } from './compress.js';
export { type BiasOptions, correctBiases } from './correctBiases.js';
export { equalize } from './equalize.js';
export { foldNorms } from './foldNorms.js';
export type { Images } from './images.js';
export { type CompressReport, compressTable, type LayerReport } from './report.js';
