/**
 * Everything that needs Node: models, images and arrays on disk, progress bars for the terminal, and WebGPU through Dawn.
 *
 * @packageDocumentation
 */
export { type FileSystemOptions, fileSystem } from './fileSystem.js';
export { folderStore } from './folderStore.js';
export { type ImageFolderOptions, imageFolder } from './imageFolder.js';
export { lockFolder } from './lockFolder.js';
export { type LogFile, type LogOptions, openLog } from './logFile.js';
export { type NpyOptions, type NpyWriter, npyWriter } from './npy.js';
export { type PreparedFile, type PrepareImagesOptions, prepareImages } from './prepareImages.js';
export { type BarStream, type CountBar, countBar, type ProgressBar, progressBar } from './progressBars.js';
export { type ReadImageOptions, readImage } from './readImage.js';
export { type TemporaryFileOptions, temporaryFile } from './temporaryFile.js';
export { type TensorBoardWriter, tensorBoardWriter } from './tensorBoard.js';
export { type WebgpuAdapter, type WebgpuOptions, webgpuBackend } from './webgpu.js';
export { writeFileAtomic } from './writeFile.js';
export { writeImage } from './writeImage.js';
