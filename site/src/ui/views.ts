/** The views of a network, which the page loads together after its first paint. */
export { InsideView } from './insideView.js';
export { NetworkView } from './networkView.js';
export { TrainView } from './trainView.js';
export { WeightsView } from './weightsView.js';
