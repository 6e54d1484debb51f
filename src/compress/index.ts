/**
 * Smaller networks: dense layers of low rank, and weights of fewer bits.
 *
 * @packageDocumentation
 */

export { type BiasOptions, correctBiases } from './correctBiases.js';
export { type Eigen, symmetricEigen } from './eigen.js';
export { equalize } from './equalize.js';
export { foldNorms } from './foldNorms.js';
