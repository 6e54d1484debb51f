import plain from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm?url';
import simd from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm?url';
import threaded from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-threaded-simd.wasm?url';
import { backend, ready, setBackend } from '@tensorflow/tfjs-core';
import type { Backend, Choice } from '../state/choice.js';

/** Load a backend and this library's kernels for it, on WebGPU only with `kernels`. */
const LOAD: Record<Backend, (kernels: boolean) => Promise<void>> = {
  async wasm() {
    const [{ setWasmPaths }, { installWasmKernels }] = await Promise.all([
      import('@tensorflow/tfjs-backend-wasm'),
      import('vgg-blocks/wasm'),
    ]);
    setWasmPaths({
      'tfjs-backend-wasm.wasm': plain,
      'tfjs-backend-wasm-simd.wasm': simd,
      'tfjs-backend-wasm-threaded-simd.wasm': threaded,
    });
    installWasmKernels();
  },
  async webgl() {
    await import('@tensorflow/tfjs-backend-webgl');
  },
  async webgpu(kernels) {
    const [ours] = await Promise.all([
      kernels && import('vgg-blocks/webgpu'),
      import('@tensorflow/tfjs-backend-webgpu'),
    ]);
    if (ours) ours.installWebgpuKernels();
  },
};

/** Loads a backend and makes it the current one. `onLost` is called when the page loses its GPU. */
export async function startBackend(
  { backend: name, kernels }: Pick<Choice, 'backend' | 'kernels'>,
  onLost: (reason: string) => void,
): Promise<void> {
  await LOAD[name](kernels);
  if (!(await setBackend(name))) {
    // tfjs only prints why; a broken connection rejects here too.
    if (name === 'wasm') await fetch(simd);
    throw new Error(`The ${name} backend could not start.`);
  }
  await ready();
  watch(name, onLost);
}

/** The parts of tfjs's GPU backends that report a loss. */
interface GpuParts {
  getGPGPUContext?(): { gl: WebGL2RenderingContext };
  device?: { lost: Promise<{ reason: string; message: string }> };
}

function watch(name: Backend, onLost: (reason: string) => void): void {
  const parts = backend() as unknown as GpuParts;
  if (name === 'webgl') {
    parts
      .getGPGPUContext?.()
      .gl.canvas.addEventListener('webglcontextlost', () => onLost('webglcontextlost'));
  }
  if (name === 'webgpu') {
    parts.device?.lost.then(({ reason, message }) => {
      if (reason !== 'destroyed') onLost(message);
    });
  }
}
