import type { Failure } from './errors.js';
import type { Calls } from './main.js';
import type { WorkerEvent, WorkerMessage } from './messages.js';

/** A call that the worker could not answer. */
export class WorkerFailure extends Error {
  override readonly name = 'WorkerFailure';

  constructor(readonly failure: Failure | { kind: 'ended' | 'download'; message: string }) {
    super(failure.message);
  }
}

interface Pending {
  resolve(value: unknown): void;
  reject(error: WorkerFailure): void;
}

let started = 0;

/** The page's side of a worker: calls, events, and notice of its end. */
export class Client {
  private readonly worker: Worker;
  private readonly pending = new Map<number, Pending>();
  private readonly watch = new AbortController();
  private calls = 0;
  private closed = false;

  /** @param onEnd called when the worker ends by itself. */
  constructor(
    private readonly onEvent: (event: WorkerEvent) => void,
    private readonly onEnd: (message: string) => void,
  ) {
    const name = `vgg-blocks-${Date.now()}-${started++}`;
    this.worker = new Worker(new URL('./main.ts', import.meta.url), { type: 'module', name });
    this.worker.addEventListener('message', ({ data }: MessageEvent<WorkerMessage>) => this.receive(data));
    this.worker.addEventListener('error', (event) =>
      this.end(event.message || 'the worker could not be loaded'),
    );
    void this.watchLock(name);
  }

  /** Calls a function of the worker; rejects with a {@link WorkerFailure}. */
  call<K extends keyof Calls>(
    name: K,
    ...[argument]: Parameters<Calls[K]>
  ): Promise<Awaited<ReturnType<Calls[K]>>> {
    if (this.closed)
      return Promise.reject(new WorkerFailure({ kind: 'ended', message: 'the worker has stopped' }));
    const id = this.calls++;
    this.worker.postMessage({ id, name, argument });
    return new Promise((resolve, reject) => {
      this.pending.set(id, { resolve: resolve as Pending['resolve'], reject });
    });
  }

  /** Ends the worker; pending calls reject. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.watch.abort();
    this.worker.terminate();
    for (const { reject } of this.pending.values()) {
      reject(new WorkerFailure({ kind: 'ended', message: 'the worker was stopped' }));
    }
    this.pending.clear();
  }

  private receive(message: WorkerMessage): void {
    if ('event' in message) {
      this.onEvent(message);
      return;
    }
    const pending = this.pending.get(message.id);
    this.pending.delete(message.id);
    if ('failure' in message) pending?.reject(new WorkerFailure(message.failure));
    else pending?.resolve(message.result);
  }

  /** A worker holds a lock as long as it lives, so getting it means that the worker is gone. */
  private async watchLock(name: string): Promise<void> {
    if (!navigator.locks) return;
    const { signal } = this.watch;
    const held = async () => (await navigator.locks.query()).held?.some((lock) => lock.name === name);
    while (!(await held())) {
      if (signal.aborted) return;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    await navigator.locks
      .request(name, { signal }, () => this.end('the browser stopped the worker'))
      .catch(() => {});
  }

  private end(message: string): void {
    if (this.closed) return;
    this.close();
    this.onEnd(message);
  }
}
