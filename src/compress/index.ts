/**
 * Smaller networks: dense layers of low rank, and weights of fewer bits.
 *
 * @packageDocumentation
 */

export { type Eigen, symmetricEigen } from './eigen.js';
