// What the worker does with a visitor's images, which it loads at once.
export type { OwnExample } from './own/features.js';
export { type Guess, guess } from './own/guess.js';
export { type OwnHead, type OwnRequest, recall } from './own/network.js';
export { type Taught, type TeachProgress, type TeachRequest, teach } from './own/teach.js';
export {
  type Differences,
  type DistanceRequest,
  differences,
  type PaintProgress,
  type PaintRequest,
  paint,
} from './style.js';
