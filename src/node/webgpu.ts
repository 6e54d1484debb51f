/** The graphics processor, or the driver that stands in for one, that computes. */
export interface WebgpuAdapter {
  /** `nvidia`, `apple`, `google` for SwiftShader; empty where the driver does not say. */
  vendor: string;
  /** The family of chips, `turing` or `swiftshader`. */
  architecture: string;
  /** The driver's own words, `SwiftShader driver 5.0.0`. */
  description: string;
  /** Whether it is a program on the CPU and no graphics processor. */
  software: boolean;
}

/** Options of {@link webgpuBackend}. */
export interface WebgpuOptions {
  /**
   * Flags for Dawn, `['backend=vulkan', 'adapter=NVIDIA H100 PCIe']` for one of several; an adapter's name that is not there
   * makes Dawn list those that are.
   */
  flags?: readonly string[];
}

let started: Promise<WebgpuAdapter> | undefined;

/**
 * Gives Node WebGPU, as browsers have it, and registers tfjs's backend for it: Dawn, Chromium's implementation, by the npm
 * package webgpu, on Vulkan, Metal or Direct3D 12. After it `setBackend('webgpu')` works. Call it before anything imports
 * `@tensorflow/tfjs-backend-webgpu`, which looks for WebGPU once. Called again it changes nothing.
 *
 * It sets `navigator.gpu` and WebGPU's classes as globals, since that is where tfjs looks for them.
 *
 * @returns what computes.
 * @throws Error, one sentence, when a package is not installed or there is no adapter; nothing is set then.
 * @example
 * await webgpuBackend();
 * await tf.setBackend('webgpu');
 */
export async function webgpuBackend({ flags = [] }: WebgpuOptions = {}): Promise<WebgpuAdapter> {
  started ??= start(flags).catch((error: unknown) => {
    // Somebody may install a driver or set VK_DRIVER_FILES and try again.
    started = undefined;
    throw error;
  });
  return started;
}

async function start(flags: readonly string[]): Promise<WebgpuAdapter> {
  const { create, globals } = await import('webgpu').catch((cause: unknown) => {
    throw new Error(`webgpuBackend: the package webgpu ${missing(cause, 'webgpu')}`, { cause });
  });
  const gpu = create([...flags]);
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' }).catch((cause: Error) => {
    throw new Error(`webgpuBackend: Dawn found no adapter (${cause.message}).`, { cause });
  });
  if (!adapter) {
    throw new Error(
      "webgpuBackend: there is no adapter, which needs a graphics processor and its Vulkan, Metal or Direct3D 12 driver; without one, Debian's packages chromium and libvulkan1 have a driver in software (VK_DRIVER_FILES=/usr/lib/chromium/vk_swiftshader_icd.json), or use the wasm backend.",
    );
  }
  const restore = setGlobals(globals, gpu);
  try {
    await import('@tensorflow/tfjs-backend-webgpu');
    const { findBackendFactory } = await import('@tensorflow/tfjs-core');
    if (!findBackendFactory('webgpu')) {
      throw new Error(
        'webgpuBackend: @tensorflow/tfjs-backend-webgpu was imported before there was WebGPU and did not register; leave its import to webgpuBackend.',
      );
    }
  } catch (error) {
    restore();
    if ((error as { code?: string }).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new Error(
      `webgpuBackend: the package @tensorflow/tfjs-backend-webgpu ${missing(error, '@tensorflow/tfjs-backend-webgpu')}`,
      { cause: error },
    );
  }
  const { vendor, architecture, description, isFallbackAdapter } = adapter.info;
  return { vendor, architecture, description, software: isFallbackAdapter };
}

function missing(error: unknown, name: string): string {
  if ((error as { code?: string }).code === 'ERR_MODULE_NOT_FOUND')
    return `is not installed; run npm install ${name}.`;
  return `could not be loaded (${(error as Error).message.split('\n')[0]}); it has builds for Linux, macOS and Windows on x64 and arm64.`;
}

/** Sets WebGPU's classes and `navigator.gpu`; Node 20 has no navigator, and newer ones' has more in it that stays. */
function setGlobals(classes: object, gpu: unknown): () => void {
  const before = new Map<PropertyKey, PropertyDescriptor | undefined>();
  const scope = globalThis as { navigator?: object };
  const define = (name: PropertyKey, value: unknown) => {
    before.set(name, Object.getOwnPropertyDescriptor(scope, name));
    Object.defineProperty(scope, name, { value, configurable: true, writable: true });
  };
  for (const [name, value] of Object.entries(classes)) define(name, value);
  const { navigator } = scope;
  if (navigator) Object.defineProperty(navigator, 'gpu', { value: gpu, configurable: true });
  else define('navigator', { gpu });
  return () => {
    if (navigator) Reflect.deleteProperty(navigator, 'gpu');
    for (const [name, descriptor] of before) {
      if (descriptor) Object.defineProperty(scope, name, descriptor);
      else Reflect.deleteProperty(scope, name);
    }
  };
}
