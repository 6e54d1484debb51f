/** The views of the visitor's images, which the page loads together after its first paint. */
export { OwnView } from './own/ownView.js';
export { StyleView } from './style/styleView.js';
