import { compile } from './kernels.js';
import type { Laid, Place } from './operands.js';
import { SHARED_KERNELS, type Task } from './tasks.js';
import { startThread } from './thread.js';

/** Numbers that both threads see: the state, then the kernel, the count of its arguments, and these. */
const [STATE, TASK, ARGUMENTS] = [0, 1, 3];

/** What a helper is at: it starts, waits for a task, runs one, waits having failed at one. */
const [STARTING, IDLE, BUSY, FAILED] = [0, 1, 2, 3];

/** Looks at the state before a thread sleeps, which costs more than such a while to end. */
const LOOKS = 2000;

/** What the other thread does. It sleeps between tasks, and takes no messages but its start. */
const SCRIPT = `
function help({ module, memory, shared, kernels }) {
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  let state = ${IDLE};
  for (;;) {
    Atomics.store(shared, ${STATE}, state);
    Atomics.notify(shared, ${STATE});
    for (let i = 0; i < ${LOOKS} && Atomics.load(shared, ${STATE}) !== ${BUSY}; i++);
    while (Atomics.load(shared, ${STATE}) !== ${BUSY}) Atomics.wait(shared, ${STATE}, state);
    const [kernel, count] = shared.subarray(${TASK});
    try {
      exports[kernels[kernel]](...shared.subarray(${ARGUMENTS}, ${ARGUMENTS} + count));
      state = ${IDLE};
    } catch {
      state = ${FAILED};
    }
  }
}`;

/**
 * Another thread that runs kernels. It is ready some time after it was made, in a page not before the script that made it
 * has returned. It does not keep a process alive.
 */
export class Helper {
  readonly place: Place;
  readonly #shared = new Int32Array(new SharedArrayBuffer(128));
  readonly #maySleep: boolean;
  readonly #end: () => void;
  #error: unknown;

  constructor(place: Place) {
    this.place = place;
    this.#maySleep = maySleep(this.#shared);
    const data = {
      module: compile({ shared: true }),
      memory: place.memory,
      shared: this.#shared,
      kernels: SHARED_KERNELS,
    };
    this.#end = startThread(SCRIPT, data, (error) => {
      this.#error = error;
    });
  }

  /**
   * Starts a task unless the thread is not ready yet. What it returns must be dropped, after which the next may start;
   * both `finish` and `drop` wait for the kernel.
   *
   * @throws Error when the thread could not be started.
   */
  start({ kernel, operands, args }: Task): Laid | undefined {
    if (this.#error !== undefined) {
      throw new Error(
        `installWasmKernels: no thread could be started (${String(this.#error)}); a page's content security policy has to allow it by worker-src blob:, or install with threads: 1.`,
      );
    }
    const shared = this.#shared;
    if (Atomics.load(shared, STATE) === STARTING) return undefined;
    const laid = this.place.lay(operands);
    const values = args(laid.addresses);
    shared.set([SHARED_KERNELS.indexOf(kernel), values.length, ...values], TASK);
    Atomics.store(shared, STATE, BUSY);
    Atomics.notify(shared, STATE);
    return {
      addresses: laid.addresses,
      finish: () => {
        if (this.#wait() === FAILED)
          throw new Error(`installWasmKernels: ${kernel} failed on another thread.`);
        laid.finish();
      },
      drop: () => {
        this.#wait();
        laid.drop();
      },
    };
  }

  end(): void {
    this.#end();
  }

  /** Waits for the kernel, asleep where that is allowed, and says what the thread is at then. */
  #wait(): number {
    const shared = this.#shared;
    for (let looks = 0; Atomics.load(shared, STATE) === BUSY; looks++) {
      if (looks >= LOOKS && this.#maySleep) Atomics.wait(shared, STATE, BUSY);
    }
    return Atomics.load(shared, STATE);
  }
}

/** Whether this thread may sleep: the main thread of a page may not. */
function maySleep(shared: Int32Array): boolean {
  try {
    Atomics.wait(shared, STATE, BUSY, 0);
    return true;
  } catch {
    return false;
  }
}
