/**
 * What needs Node: models, pictures and arrays on disk, the terminal's progress bars, and WebGPU through Dawn.
 *
 * @packageDocumentation
 */
export { type CountBar, countBar } from './countBar.js';
export { type FileSystemOptions, fileSystem } from './fileSystem.js';
export { type ImageFolderOptions, imageFolder } from './imageFolder.js';
export { type NpyWriter, npyWriter } from './npy.js';
export { type ProgressBar, progressBar } from './progressBar.js';
export { type ReadImageOptions, readImage } from './readImage.js';
export { type TemporaryFileOptions, temporaryFile } from './temporaryFile.js';
export { type WebgpuAdapter, type WebgpuOptions, webgpuBackend } from './webgpu.js';
export { writeFileAtomic } from './writeFile.js';
export { writeImage } from './writeImage.js';
