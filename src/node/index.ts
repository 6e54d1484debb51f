/**
 * What needs Node: models and pictures on disk, and the terminal's progress bar.
 *
 * @packageDocumentation
 */
export { type FileSystemOptions, fileSystem } from './fileSystem.js';
export { type ImageFolderOptions, imageFolder } from './imageFolder.js';
export { type ProgressBar, progressBar } from './progressBar.js';
export { type ReadImageOptions, readImage } from './readImage.js';
export { writeFileAtomic } from './writeFile.js';
export { writeImage } from './writeImage.js';
