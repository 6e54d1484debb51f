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
