import { beforeEach } from 'vitest';
import { seededRandom } from '../../src/base/random.js';

// What tfjs draws without a seed, the weights of its own layers for one, it draws from Math.random: a test that fails for
// what it drew fails in the next run too.
beforeEach(() => {
  Math.random = seededRandom(1).next;
});
