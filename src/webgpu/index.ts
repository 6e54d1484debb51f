/**
 * Faster training and prediction on `@tensorflow/tfjs-backend-webgpu`.
 *
 * @packageDocumentation
 */
export { installWebgpuKernels, type WebgpuKernelOptions } from './install.js';
