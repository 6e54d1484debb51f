import { backend, getBackend } from '@tensorflow/tfjs-core';
import { firstLineOf } from '../base/realm.js';

/** Notices operations that run out of memory, which GPUs do not throw. */
export interface MemoryWatch {
  /** Throws an {@link OutOfMemory} if an operation before the last one whose numbers were read has failed. */
  check(): Promise<void>;
  release(): void;
}

/** An operation that had no memory. */
export class OutOfMemory extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'OutOfMemory';
  }
}

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

/** What engines and backends say when an allocation fails. */
const FAILED =
  /out of memory|no room for \d+ more bytes|memory access out of bounds|allocation failed|invalid array buffer length|texture size|unable to create webgltexture|createbuffer failed|buffer of this GPU holds at most/i;

/** The length of an array that JavaScript does not make. A short one is another mistake, such as a wrong offset. */
const LENGTH = /invalid typed array length: (\d+)/i;

/** Numbers in an array that any machine has room for. */
const SHORT = 2 ** 16;

/** Why an operation had no memory, if that is what an error says. */
export function memoryFailure(error: unknown): string | undefined {
  const reason = firstLineOf(error);
  const isFailure =
    (error as Error | undefined)?.name === 'OutOfMemory' ||
    FAILED.test(reason) ||
    Number(LENGTH.exec(reason)?.[1]) > SHORT;
  return isFailure ? reason : undefined;
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
      if (/memory|size|limit/i.test(reason)) throw new OutOfMemory(reason);
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
      if (gl.isContextLost()) throw new OutOfMemory('the WebGL context is lost');
      if (failed()) throw new OutOfMemory('out of memory');
    },
    release() {},
  };
}
