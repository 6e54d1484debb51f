import { compile } from './kernels.js';
import type { Laid, Place } from './operands.js';
import { SHARED_KERNELS, type Task } from './tasks.js';
import { startThread } from './thread.js';

/** Indices of the numbers that the threads share: the state; the kernel and its number of arguments; the arguments. */
const [STATE, TASK, ARGUMENTS] = [0, 1, 3];

/** The states of a helper: starting, waiting for a task, running one, waiting after one that failed. */
const [STARTING, IDLE, BUSY, FAILED] = [0, 1, 2, 3];

/** The number of times that a thread checks the state before it sleeps; waking takes longer than these checks. */
const CHECKS = 2000;

/** The program of the other thread. It sleeps between tasks and receives only one message, at the start. */
const SCRIPT = `
function help({ module, memory, shared, kernels }) {
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  let state = ${IDLE};
  for (;;) {
    Atomics.store(shared, ${STATE}, state);
    Atomics.notify(shared, ${STATE});
    for (let i = 0; i < ${CHECKS} && Atomics.load(shared, ${STATE}) !== ${BUSY}; i++);
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
 * Another thread that runs kernels. It is not ready immediately, and in a page not before the script that created it has
 * returned. It does not keep the process alive.
 */
export class Helper {
  readonly place: Place;
  readonly #shared = new Int32Array(new SharedArrayBuffer(128));
  readonly #maySleep: boolean;
  readonly #end: () => void;
  #error: unknown;

  constructor(place: Place, relaxedSimd: boolean) {
    this.place = place;
    this.#maySleep = maySleep(this.#shared);
    const data = {
      module: compile({ shared: true, relaxed: relaxedSimd }),
      memory: place.memory,
      shared: this.#shared,
      kernels: SHARED_KERNELS,
    };
    this.#end = startThread(SCRIPT, data, (error) => {
      this.#error = error;
    });
  }

  /**
   * Starts a task, or returns undefined if the thread is not ready yet. The result must be dropped before the next task starts;
   * both `finish` and `drop` wait for the kernel.
   *
   * @throws Error when the thread could not be started.
   */
  start({ kernel, operands, args }: Task): Laid | undefined {
    if (this.#error !== undefined) {
      throw new Error(
        `installWasmKernels: no thread could be started (${String(this.#error)}); allow worker-src blob: in the page's content security policy, or install with threads: 1.`,
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

  /** Waits for the kernel, sleeping if allowed, and returns the state. */
  #wait(): number {
    const shared = this.#shared;
    for (let checks = 0; Atomics.load(shared, STATE) === BUSY; checks++) {
      if (checks >= CHECKS && this.#maySleep) Atomics.wait(shared, STATE, BUSY);
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
