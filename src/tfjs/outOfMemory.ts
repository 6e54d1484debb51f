import { backend, getBackend } from '@tensorflow/tfjs-core';
import { firstLineOf } from '../base/realm.js';

/** Notices operations that run out of memory, which GPUs do not throw. */
export interface MemoryWatch {
  /** Throws {@link noMemory} if an operation before the last one whose numbers were read has failed. */
  check(): Promise<void>;
  release(): void;
}

/** The error of an operation that had no memory. */
export const noMemory = (reason: string) => Object.assign(new Error(reason), { name: 'OutOfMemory' });

/**
 * Watches the current backend. WebGPU reports failed allocations as events, after which results are zeros or older numbers; WebGL
 * sets a flag. The wasm and cpu backends throw.
 */
export function watchMemory(): MemoryWatch {
  switch (getBackend()) {
    case 'webgpu':
      return watchWebgpu(backend() as unknown as WebgpuBackend);
    case 'webgl':
      return watchWebgl((backend() as unknown as { gpgpu: { gl: WebGL } }).gpgpu.gl);
    default:
      return { check: async () => {}, release: () => {} };
  }
}

/**
 * What engines and backends say when an allocation fails. An array of less than 100,000 numbers that JavaScript does not make is another
 * mistake, such as a wrong offset.
 */
const FAILED =
  /out of memory|no room for \d|access out of bounds|allocation failed|invalid array buffer|array length: \d{6}|texture size|create webgltexture|createbuffer failed|of this GPU holds/i;

/** Why an operation had no memory, if that is what an error says. */
export function memoryFailure(error: unknown): string | undefined {
  const reason = firstLineOf(error);
  return (error as Error | undefined)?.name === 'OutOfMemory' || FAILED.test(reason) ? reason : undefined;
}

/** What is used of tfjs's WebGPU backend. */
interface WebgpuBackend {
  device: EventTarget & { queue: { onSubmittedWorkDone(): Promise<void> } };
  bufferManager: { freeBuffers: Map<string, { destroy(): void }[]>; numFreeBuffers: number };
}

function watchWebgpu(webgpu: WebgpuBackend): MemoryWatch {
  const { device } = webgpu;
  let reason: string | undefined;
  const note = (event: Event) => {
    reason ??= firstLineOf((event as Event & { error: { message: string } }).error.message);
    // It is reported, and need not be in the console, too.
    event.preventDefault();
  };
  device.addEventListener('uncapturederror', note);
  return {
    async check() {
      await device.queue.onSubmittedWorkDone();
      if (reason === undefined) return;
      dropFreeBuffers(webgpu);
      if (/memory|size|limit/i.test(reason)) throw noMemory(reason);
      throw new Error(`the webgpu backend reported an error, after which its numbers are wrong: ${reason}`);
    },
    release: () => device.removeEventListener('uncapturederror', note),
  };
}

/** Forgets the buffers that are kept for later, since those that could not be allocated are among them. */
function dropFreeBuffers({ bufferManager }: WebgpuBackend): void {
  for (const buffers of bufferManager.freeBuffers.values()) {
    for (const buffer of buffers.splice(0)) buffer.destroy();
  }
  bufferManager.numFreeBuffers = 0;
}

type WebGL = Pick<WebGLRenderingContext, 'getError' | 'isContextLost' | 'OUT_OF_MEMORY' | 'NO_ERROR'>;

function watchWebgl(gl: WebGL): MemoryWatch {
  const failed = () => {
    for (let code = gl.getError(); code !== gl.NO_ERROR; code = gl.getError()) {
      if (code === gl.OUT_OF_MEMORY) return true;
      if (gl.isContextLost()) return false;
    }
    return false;
  };
  // Of earlier operations.
  failed();
  return {
    async check() {
      if (gl.isContextLost()) throw noMemory('the WebGL context is lost');
      if (failed()) throw noMemory('out of memory');
    },
    release() {},
  };
}
