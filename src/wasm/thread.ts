import { MOST_THREADS, shown } from '../base/check.js';

/**
 * Starts a thread that calls the script's function `help` with `data`. It does not keep the process alive. If it fails to start,
 * `onError` receives the reason later.
 *
 * @returns a function that ends the thread.
 */
export function startThread(script: string, data: object, onError: (error: unknown) => void): () => void {
  const node = globalThis.process?.getBuiltinModule?.('node:worker_threads');
  if (node) {
    const start = `help(process.getBuiltinModule('node:worker_threads').workerData)`;
    const worker = new node.Worker(`${script}\n${start}`, { eval: true, workerData: data, execArgv: [] });
    worker.on('error', onError);
    worker.unref();
    return () => void worker.terminate();
  }
  const source = new Blob([`${script}\nonmessage = ({ data }) => help(data);`], { type: 'text/javascript' });
  const url = URL.createObjectURL(source);
  const worker = new Worker(url);
  worker.onerror = ({ message }) => onError(message || 'its script was not allowed');
  worker.postMessage(data);
  return () => {
    worker.terminate();
    URL.revokeObjectURL(url);
  };
}

/** Throws unless this number of threads is available. */
export function checkThreads(threads: number): void {
  if (!Number.isInteger(threads) || threads < 1 || threads > MOST_THREADS) {
    throw new RangeError(
      `installWasmKernels: threads is ${shown(threads)}; it must be a whole number from 1 to ${MOST_THREADS}.`,
    );
  }
  if (threads === 1) return;
  const { permission } = (globalThis.process ?? {}) as { permission?: { has(scope: string): boolean } };
  if (permission && !permission.has('worker')) {
    throw new Error(
      `installWasmKernels: Node was started without the permission for threads; add --allow-worker, or install with one thread.`,
    );
  }
  if (typeof SharedArrayBuffer === 'undefined') {
    throw new Error(
      `installWasmKernels: ${threads} threads need SharedArrayBuffer, which a page has only if it is cross-origin isolated; serve it with the headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp, or install with one thread.`,
    );
  }
  if (!globalThis.process?.getBuiltinModule && typeof Worker === 'undefined') {
    throw new Error(
      `installWasmKernels: ${threads} threads need workers, which this runtime lacks; use Node 20.16 or newer, or a page or its workers in a browser, or install with one thread.`,
    );
  }
}
