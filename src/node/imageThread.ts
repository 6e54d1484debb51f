/** The program of a thread that prepares images. */
import { parentPort, workerData } from 'node:worker_threads';
import { startingAtMost } from '../base/parallel.js';
import { type FromThread, type ImageTask, runImageTask, type ToThread } from './imageTask.js';

const start = startingAtMost((workerData as { atOnce: number }).atOnce);
const waiting = new Set<number>();
const send = (answer: FromThread, buffers: ArrayBuffer[] = []) => parentPort!.postMessage(answer, buffers);

parentPort!.on('message', ({ id, task }: ToThread) => {
  if (task) {
    waiting.add(id);
    void start(() => run(id, task));
  } else waiting.delete(id);
});

async function run(id: number, task: ImageTask): Promise<void> {
  if (!waiting.delete(id)) return;
  try {
    const image = await runImageTask(task);
    const { buffer } = 'values' in image ? image.values : image.data;
    send({ id, image }, [buffer as ArrayBuffer]);
  } catch (error) {
    send({ id, error: error as Error });
  }
}
