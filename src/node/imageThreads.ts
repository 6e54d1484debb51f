import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { startingAtMost } from '../base/parallel.js';
import { loadSharp } from '../images/sharp.js';
import { type FromThread, type ImageOf, type ImageTask, runImageTask, type ToThread } from './imageTask.js';

/** More threads than this would wait for sharp's, of which Node has four. */
const MAX_THREADS = 4;

/** Starting a thread takes as long as preparing so many images. */
const IMAGES_PER_THREAD = 64;

/** Images that each thread decodes at once: sharp's threads work on some while this one resizes another. */
const AT_ONCE = 3;

/** How long threads without work are kept, in milliseconds. */
const IDLE_MS = 1000;

/** Runs tasks in parallel. */
export interface ImageTasks {
  run<Form extends ImageTask['form']>(task: ImageTask<Form>): Promise<ImageOf<Form>>;
  /** Ends what is not done: tasks that are waiting are rejected, and not run. */
  drop(): void;
}

/** A task that a thread has. */
interface Pending {
  task: ImageTask;
  owner: ImageTasks;
  resolve(image: ImageOf): void;
  reject(error: unknown): void;
}

interface Thread {
  worker: Worker;
  pending: Map<number, Pending>;
}

/** The threads that are running, for all callers. */
const threads: Thread[] = [];
let tasksSoFar = 0;
let areBroken = false;
let idle: NodeJS.Timeout | undefined;

const startHere = startingAtMost(AT_ONCE);

/**
 * What prepares this number of images: as many threads as pay, or the calling one. The threads decode at most twelve images at once,
 * do not keep the process alive, and end when they have had nothing to do for a second. If one fails, this thread runs its tasks.
 */
export function imageTasks(images: number): ImageTasks {
  const wanted = threadsFor(images);
  let isDropped = false;
  const here = (task: ImageTask) =>
    startHere(() => (isDropped ? Promise.reject(new Error('dropped')) : runImageTask(task)));
  const sentOrHere = (task: ImageTask) => {
    const thread = wanted === 0 || areBroken ? undefined : leastBusy(wanted);
    return thread ? send(thread, task, tasks) : here(task);
  };
  const tasks: ImageTasks = {
    run: <Form extends ImageTask['form']>(task: ImageTask<Form>) =>
      sentOrHere(task) as Promise<ImageOf<Form>>,
    drop() {
      isDropped = true;
      for (const thread of threads) {
        for (const [id, { owner, reject }] of thread.pending) {
          if (owner !== tasks) continue;
          thread.worker.postMessage({ id } satisfies ToThread);
          take(thread, id);
          reject(new Error('dropped'));
        }
      }
    },
  };
  return tasks;
}

/** How many threads pay; none without sharp, which must be loaded on this thread before any other. */
function threadsFor(images: number): number {
  const most = Math.min(MAX_THREADS, availableParallelism() - 1, Math.floor(images / IMAGES_PER_THREAD));
  if (most < 1 || PROGRAM === undefined) return 0;
  try {
    loadSharp();
    return most;
  } catch {
    return 0;
  }
}

/** The threads' program, beside this one in the package; a bundle of an app does not have it. */
const PROGRAM = [join(dirname(ownPath()), 'imageThread.js')].find((path) => existsSync(path));

function ownPath(): string {
  // The CommonJS build has a path here.
  return import.meta.url.startsWith('file:') ? fileURLToPath(import.meta.url) : import.meta.url;
}

/** The thread with the least work; undefined where none can be started, as without the permission for it. */
function leastBusy(wanted: number): Thread | undefined {
  try {
    while (threads.length < wanted) threads.push(started());
  } catch {
    areBroken = true;
    return undefined;
  }
  return threads.reduce((best, one) => (one.pending.size < best.pending.size ? one : best));
}

function started(): Thread {
  const worker = new Worker(PROGRAM!, { workerData: { atOnce: AT_ONCE }, execArgv: [] });
  const thread: Thread = { worker, pending: new Map() };
  worker.on('message', (answer: FromThread) => {
    const pending = take(thread, answer.id);
    // Node hands out up to a thousand messages before anything else; what awaits the images must not hold off signals and timers.
    setImmediate(() => {
      if ('image' in answer) pending?.resolve(answer.image);
      else pending?.reject(answer.error);
    });
  });
  worker.on('error', () => replace(thread));
  worker.on('exit', () => replace(thread));
  worker.unref();
  return thread;
}

function send(thread: Thread, task: ImageTask, owner: ImageTasks): Promise<ImageOf> {
  return new Promise((resolve, reject) => {
    const id = tasksSoFar++;
    clearTimeout(idle);
    thread.worker.ref();
    thread.pending.set(id, { task, owner, resolve, reject });
    thread.worker.postMessage({ id, task } satisfies ToThread);
  });
}

/** Takes a task from a thread, and ends all threads a while after the last. */
function take({ worker, pending }: Thread, id: number): Pending | undefined {
  const found = pending.get(id);
  pending.delete(id);
  if (pending.size === 0) worker.unref();
  if (threads.every((one) => one.pending.size === 0)) {
    clearTimeout(idle);
    idle = setTimeout(() => {
      for (const one of threads.splice(0)) void one.worker.terminate();
    }, IDLE_MS).unref();
  }
  return found;
}

/** Runs the tasks of a thread that failed here, as all others from now on. */
function replace(thread: Thread): void {
  if (!threads.includes(thread)) return;
  areBroken = true;
  threads.splice(threads.indexOf(thread), 1);
  for (const { task, resolve, reject } of thread.pending.values()) {
    startHere(() => runImageTask(task)).then(resolve, reject);
  }
  thread.pending.clear();
}
