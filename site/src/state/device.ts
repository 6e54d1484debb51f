import { type Cost, cost, type Plan } from 'vgg-blocks';
import type { Backend, Choice } from './choice.js';

/** What this browser and its machine have, as far as a page may know. */
export interface Device {
  /** GiB of main memory, rounded by the browser; undefined where it does not tell. */
  memory?: number;
  /** Undefined until the browser has answered. */
  backends?: {
    wasm: boolean;
    /** Undefined where there is none that a worker can use. */
    webgl?: { maxTexture: number; float32: boolean };
    webgpu?: { maxBuffer: number };
  };
}

/** What is known at once. */
export function knownDevice(): Device {
  return { memory: (navigator as { deviceMemory?: number }).deviceMemory };
}

/** Asks the browser what it has. Nothing is loaded for it. */
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

/** The part of WebGPU that is asked; TypeScript's DOM library does not have it. */
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
 * tfjs keeps the gradient of each layer's output to the end of the backward pass, and works on the largest ones: by what
 * steps of VGG-11/4 were seen to take, 1.5 times the activations beside themselves.
 */
const TFJS_ACTIVATIONS = 2.5;
/** A wasm module's memory ends at 4 GiB. */
const WASM_BYTES = 2 ** 32;

/** Why a network does not fit, or might not. */
export type Misfit =
  | { why: 'wasm' | 'memory'; needs: number; has: number }
  | { why: 'buffer'; needs: number; has: number; layer: string };

/** Bytes that training takes in tfjs. */
export function trainingBytes({ bytes }: Cost): number {
  return bytes.training + (TFJS_ACTIVATIONS - 1) * bytes.activations;
}

/** What speaks against training the network here, the surest reason first. */
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
      bytes: 4 * Math.max(row.params, batchSize * row.outputShape.reduce((a, b) => a * b, 1)),
    }))
    .reduce((a, b) => (b.bytes > a.bytes ? b : a));
  if (backend === 'wasm' && needs > WASM_BYTES) found.push({ why: 'wasm', needs, has: WASM_BYTES });
  if (limit !== undefined && largest.bytes > limit) {
    found.push({ why: 'buffer', needs: largest.bytes, has: limit, layer: largest.layer });
  }
  // Half of the memory is the most that a page may hope for beside everything else that runs.
  const half = device.memory === undefined ? undefined : device.memory * 2 ** 29;
  if (half !== undefined && needs > half) found.push({ why: 'memory', needs, has: device.memory! * 2 ** 30 });
  return found;
}

/** Bytes of the largest tensor that the backend can hold; undefined where it has no bound of its own. */
function largestTensor(backend: Backend, { backends = { wasm: true } }: Device): number | undefined {
  const { webgl, webgpu } = backends;
  if (backend === 'webgpu') return webgpu?.maxBuffer;
  // Four numbers a texel.
  if (backend === 'webgl' && webgl) return 16 * webgl.maxTexture ** 2;
  return undefined;
}
