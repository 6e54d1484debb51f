/**
 * What needs Node: models on disk and the terminal's progress bar.
 *
 * @packageDocumentation
 */
export { type FileSystemOptions, fileSystem } from './fileSystem.js';
export { type ProgressBar, progressBar } from './progressBar.js';
export { writeFileAtomic } from './writeFile.js';
