import { opfsStore } from '../../src/train/index.js';
import { noiseRun } from './noiseRun.js';

/** The first piece of a checkpoint, after which nothing comes. */
async function* stuck(content: AsyncIterable<Uint8Array>) {
  for await (const piece of content) {
    yield piece;
    postMessage('in the middle of a file');
    await new Promise(() => {});
  }
}

const store = opfsStore('runs/of-a-worker');
let written = 0;
const write: typeof store.write = (name, content) =>
  store.write(name, ++written === 5 ? stuck(content) : content);
await noiseRun({ checkpoint: { store: { ...store, write }, everySeconds: 0 } });
