import { loadTfjsNode } from '../../src/cli/tfjsNode.js';

/** Before all tests on tfjs-node, so that a missing package is one sentence, not a failure of each file. */
export function setup(): void {
  loadTfjsNode(import.meta.url);
}
