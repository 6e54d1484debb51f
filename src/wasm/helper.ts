import { compile } from './kernels.js';
import { SHARED_KERNELS, type Task } from './tasks.js';
import { startThread } from './thread.js';

/** Indices of the whole numbers that the threads share: the state, the kernel, how many arguments it has. */
const [STATE, KERNEL, COUNT] = [0, 1, 2];

/** The kernel's arguments follow as float64, from this byte on: addresses, sizes and an optimizer's numbers. */
const ARGUMENTS = 16;

/** Bytes that the threads share, enough for 30 arguments. */
const SHARED = ARGUMENTS + 30 * 8;

/** The states of a helper: starting, waiting for a task, running one, waiting after one that failed. */
const [STARTING, IDLE, BUSY, FAILED] = [0, 1, 2, 3];

/**
 * The number of times that a thread checks the state before it sleeps, in about 0.2 ms: as long as a training step computes
 * between kernels that are shared out. Waking takes 0.05 ms or more where the processor has gone to sleep, too.
 */
const CHECKS = 40_000;

/** The program of the other thread. It sleeps between tasks and receives only one message, at the start. */
const SCRIPT = `
function help({ module, memory, shared, kernels }) {
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  const [control, values] = [new Int32Array(shared, 0, 4), new Float64Array(shared, ${ARGUMENTS})];
  let state = ${IDLE};
  for (;;) {
    Atomics.store(control, ${STATE}, state);
    Atomics.notify(control, ${STATE});
    for (let i = 0; i < ${CHECKS} && Atomics.load(control, ${STATE}) !== ${BUSY}; i++);
    while (Atomics.load(control, ${STATE}) !== ${BUSY}) Atomics.wait(control, ${STATE}, state);
    try {
      exports[kernels[control[${KERNEL}]]](...values.subarray(0, control[${COUNT}]));
      state = ${IDLE};
    } catch {
      state = ${FAILED};
    }
  }
}`;

/**
 * Another thread that runs kernels on the backend's memory, which it shares. It is not ready immediately, and in a page not
 * before the script that created it has returned. It does not keep the process alive.
 */
export class Helper {
  readonly #control: Int32Array;
  readonly #values: Float64Array;
  readonly #maySleep: boolean;
  readonly #end: () => void;
  #error: unknown;

  constructor(memory: WebAssembly.Memory, relaxedSimd: boolean) {
    const shared = new SharedArrayBuffer(SHARED);
    this.#control = new Int32Array(shared, 0, 4);
    this.#values = new Float64Array(shared, ARGUMENTS);
    this.#maySleep = maySleep(this.#control);
    const module = compile({ shared: true, relaxed: relaxedSimd });
    const data = { module, memory, shared, kernels: SHARED_KERNELS };
    this.#end = startThread(SCRIPT, data, (error) => {
      this.#error = error;
    });
  }

  /**
   * Starts a kernel, or returns false if the thread is not ready yet. `wait` must be called before the next one starts.
   *
   * @throws Error when the thread could not be started.
   */
  start(kernel: Task['kernel'], args: readonly number[]): boolean {
    if (this.#error !== undefined) {
      throw new Error(
        `installWasmKernels: no thread could be started (${String(this.#error)}); install with threads: 1, or in a page allow worker-src blob: in its content security policy.`,
      );
    }
    const control = this.#control;
    if (Atomics.load(control, STATE) === STARTING) return false;
    control.set([SHARED_KERNELS.indexOf(kernel), args.length], KERNEL);
    this.#values.set(args);
    Atomics.store(control, STATE, BUSY);
    Atomics.notify(control, STATE);
    return true;
  }

  /** Waits until the kernel has run, sleeping if allowed. */
  wait(): void {
    const control = this.#control;
    for (let checks = 0; Atomics.load(control, STATE) === BUSY; checks++) {
      if (checks >= CHECKS && this.#maySleep) Atomics.wait(control, STATE, BUSY);
    }
  }

  /** Throws if the last kernel failed. */
  check(): void {
    if (Atomics.load(this.#control, STATE) !== FAILED) return;
    const kernel = SHARED_KERNELS[this.#control[KERNEL]!];
    throw new Error(`installWasmKernels: ${kernel} failed on another thread.`);
  }

  end(): void {
    this.#end();
  }
}

/** Whether this thread may sleep: the main thread of a page may not. */
function maySleep(control: Int32Array): boolean {
  try {
    Atomics.wait(control, STATE, BUSY, 0);
    return true;
  } catch {
    return false;
  }
}
