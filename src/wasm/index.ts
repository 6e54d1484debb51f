/**
 * Training on `@tensorflow/tfjs-backend-wasm`.
 *
 * @packageDocumentation
 */
export { installWasmKernels, type WasmKernelOptions } from './install.js';
