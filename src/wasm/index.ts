/**
 * Training on `@tensorflow/tfjs-backend-wasm`.
 *
 * @packageDocumentation
 */
export { installWasmKernels } from './install.js';
