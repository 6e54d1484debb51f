import { checkArguments, optionsOf, TEXTS } from '../base/arguments.js';
import { firstLineOf } from '../base/realm.js';

/** The GPU that WebGPU runs on, or the software driver in its place. */
export interface WebgpuAdapter {
  /** `nvidia`, `apple`, or `google` for SwiftShader; empty if the driver does not report it. */
  vendor: string;
  /** The chip family, such as `turing` or `swiftshader`. */
  architecture: string;
  /** The driver's own description, such as `SwiftShader driver 5.0.0`. */
  description: string;
  /** Whether it is emulated on the CPU. */
  software: boolean;
}

/** Options of {@link webgpuBackend}. */
export interface WebgpuOptions {
  /**
   * Flags for Dawn, such as `['backend=vulkan', 'adapter=NVIDIA H100 PCIe']` to choose one of several GPUs; with an unknown
   * adapter name Dawn lists the available ones.
   */
  flags?: readonly string[];
}

let started: Promise<WebgpuAdapter> | undefined;

/**
 * Brings WebGPU to Node and registers tfjs's backend for it, so that `setBackend('webgpu')` works. WebGPU comes from Dawn,
 * Chromium's implementation in the npm package webgpu, on Vulkan, Metal or Direct3D 12. Call this before anything imports
 * `@tensorflow/tfjs-backend-webgpu`, which looks for WebGPU only once. Further calls have no effect.
 *
 * It sets `navigator.gpu` and WebGPU's classes as globals, where tfjs looks for them.
 *
 * @returns the adapter in use.
 * @throws Error, one sentence, if a package is not installed or no adapter is found; no global is set then.
 * @example
 * await webgpuBackend();
 * await tf.setBackend('webgpu');
 */
export async function webgpuBackend(options: WebgpuOptions = {}): Promise<WebgpuAdapter> {
  const { flags = [] } = optionsOf('webgpuBackend', options, { flags: 1 });
  checkArguments('webgpuBackend', { flags }, { flags: TEXTS });
  started ??= start(flags).catch((error: unknown) => {
    // The caller may set VK_DRIVER_FILES and try again.
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
      "webgpuBackend: no WebGPU adapter found. One needs a GPU with a Vulkan, Metal or Direct3D 12 driver; without a GPU, use the wasm backend or the software driver of Debian's packages chromium and libvulkan1 (VK_DRIVER_FILES=/usr/lib/chromium/vk_swiftshader_icd.json).",
    );
  }
  const restore = setGlobals(globals, gpu);
  try {
    await import('@tensorflow/tfjs-backend-webgpu');
    const { findBackendFactory } = await import('@tensorflow/tfjs-core');
    if (!findBackendFactory('webgpu')) {
      throw new Error(
        'webgpuBackend: @tensorflow/tfjs-backend-webgpu was imported before WebGPU was available and did not register; let webgpuBackend import it.',
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
  return `could not be loaded (${firstLineOf(error)}); it supports Linux, macOS and Windows on x64 and arm64.`;
}

/** Sets WebGPU's classes and `navigator.gpu`. Node 20 has no navigator; newer versions keep theirs. */
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
