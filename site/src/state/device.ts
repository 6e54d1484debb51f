import { type Cost, cost, type Plan } from 'vgg-blocks';
import { size } from '../../../src/base/shapes.js';
import type { Backend, Choice } from './choice.js';

/** The browser and its machine, as far as a page may know them. */
export interface Device {
  /** GiB of main memory, rounded by the browser; undefined where it does not report it. */
  memory?: number;
  /** Undefined until the browser has answered. */
  backends?: {
    wasm: boolean;
    /** Undefined where a worker cannot use it. */
    webgl?: { maxTexture: number; float32: boolean };
    webgpu?: { maxBuffer: number };
  };
}

/** The part that is known at once. */
export function knownDevice(): Device {
  return { memory: (navigator as { deviceMemory?: number }).deviceMemory };
}

/** Asks the browser for the rest, without loading a backend. */
export async function probe(): Promise<Device> {
  const backends = {
    wasm: typeof WebAssembly === 'object',
    webgl: probeWebgl(),
    webgpu: await probeWebgpu(),
  };
  return { ...knownDevice(), backends };
}

type Backends = NonNullable<Device['backends']>;

function probeWebgl(): Backends['webgl'] {
  if (typeof OffscreenCanvas === 'undefined') return undefined;
  const gl = new OffscreenCanvas(1, 1).getContext('webgl2');
  if (!gl) return undefined;
  const found = {
    maxTexture: gl.getParameter(gl.MAX_TEXTURE_SIZE) as number,
    float32: gl.getExtension('EXT_color_buffer_float') !== null,
  };
  gl.getExtension('WEBGL_lose_context')?.loseContext();
  return found;
}

/** The part of WebGPU that is used here; TypeScript's DOM library has none of it. */
interface Gpu {
  requestAdapter(): Promise<{
    limits: { maxBufferSize: number; maxStorageBufferBindingSize: number };
  } | null>;
}

async function probeWebgpu(): Promise<Backends['webgpu']> {
  try {
    const adapter = await (navigator as unknown as { gpu?: Gpu }).gpu?.requestAdapter();
    if (!adapter) return undefined;
    const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
    return { maxBuffer: Math.min(maxBufferSize, maxStorageBufferBindingSize) };
  } catch {
    return undefined;
  }
}

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
