import { type Cost, cost, type Plan } from 'vgg-blocks';
import { size } from '../../../src/base/shapes.js';
import type { Backend, Choice } from './choice.js';
import type { Device } from './device.js';

/**
 * tfjs keeps the gradient of each layer's output to the end of the backward pass and needs working memory beside it:
 * measured on VGG-11/4, 1.5 times the activations on top of the activations themselves.
 */
const TFJS_ACTIVATIONS = 2.5;
/** A wasm module's memory ends at 4 GiB. */
const WASM_BYTES = 2 ** 32;

/** A reason why a network does not fit, or may not. */
export type Misfit =
  | { why: 'wasm' | 'memory'; needs: number; has: number }
  | { why: 'buffer'; needs: number; has: number; layer: string };

/** Bytes that training needs in tfjs. */
export function trainingBytes({ bytes }: Cost): number {
  return bytes.training + (TFJS_ACTIVATIONS - 1) * bytes.activations;
}

/** Reasons against training the network here, the most certain first. */
export function misfits(
  plan: Plan,
  { batchSize, optimizer, backend }: Pick<Choice, 'batchSize' | 'optimizer' | 'backend'>,
  device: Device,
): Misfit[] {
  const needs = trainingBytes(cost(plan, { batchSize, optimizer }));
  const found: Misfit[] = [];
  const limit = largestTensor(backend, device);
  const largest = plan
    .map((row) => ({
      layer: row.name,
      bytes: 4 * Math.max(row.params, batchSize * size(row.outputShape)),
    }))
    .reduce((a, b) => (b.bytes > a.bytes ? b : a));
  if (backend === 'wasm' && needs > WASM_BYTES) found.push({ why: 'wasm', needs, has: WASM_BYTES });
  if (limit !== undefined && largest.bytes > limit) {
    found.push({ why: 'buffer', needs: largest.bytes, has: limit, layer: largest.layer });
  }
  // A page cannot count on more than half of the memory.
  const half = device.memory === undefined ? undefined : device.memory * 2 ** 29;
  if (half !== undefined && needs > half) found.push({ why: 'memory', needs, has: device.memory! * 2 ** 30 });
  return found;
}

/** Bytes of the largest tensor that the backend allows; undefined where it has no such limit. */
function largestTensor(backend: Backend, { backends = { wasm: true } }: Device): number | undefined {
  const { webgl, webgpu } = backends;
  if (backend === 'webgpu') return webgpu?.maxBuffer;
  // Four numbers a texel.
  if (backend === 'webgl' && webgl) return 16 * webgl.maxTexture ** 2;
  return undefined;
}
