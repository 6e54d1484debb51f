// The visitor's own images, as the worker loads them.
export type { OwnExample } from './own/features.js';
export { type Guess, guess } from './own/guess.js';
export { type OwnHead, type OwnRequest, recall } from './own/network.js';
export { type Taught, type TeachProgress, type TeachRequest, teach } from './own/teach.js';
