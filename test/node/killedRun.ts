import '@tensorflow/tfjs-backend-wasm';
import { createHash } from 'node:crypto';
import { setBackend } from '@tensorflow/tfjs-core';
import { ImageSet } from '../../src/data/index.js';
import { vgg } from '../../src/index.js';
import { folderStore } from '../../src/node/index.js';
import { type TrainOptions, train } from '../../src/train/index.js';
import { installWasmKernels } from '../../src/wasm/index.js';

/** A run of the test: what it trains, and when it kills itself. */
export interface KilledRun {
  folder: string;
  threads: number;
  options: TrainOptions;
  augment: boolean;
  /** It dies before this event, from 0: a step is done, or a piece of a checkpoint is written or removed. Default: never. */
  dieAt?: number;
}

const { folder, threads, options, augment, dieAt }: KilledRun = JSON.parse(process.argv[2]!);

let events = 0;
function event(): void {
  if (events++ === dieAt) process.kill(process.pid, 'SIGKILL');
}

installWasmKernels({ threads });
await setBackend('wasm');
// Several threads divide convolutions of 2^25 multiplications and more.
const [size, channels, batchSize] = threads > 1 ? [16, 32, 16] : [8, 8, 8];
const set = (length: number, first: number) =>
  new ImageSet({
    images: Uint8Array.from(
      { length: length * size ** 2 },
      (_, i) => Math.imul(i + first, 2654435761) >>> 24,
    ),
    labels: Uint8Array.from({ length }, (_, i) => (i * 7 + first) % 3),
    shape: [size, size, 1],
    classNames: ['a', 'b', 'c'],
    ...(augment && { augment: { shift: 1, flip: 0.5, mixup: 0.2 } }),
  });
const model = vgg([[2, channels]], {
  ...{ inputShape: [size, size, 1], classes: 3, hiddenUnits: 8, dropout: 0.5, batchNorm: true },
});
const store = folderStore(folder);
const history = await train(
  model,
  { trainSet: set(2.5 * batchSize, 1), validationSet: set(9, 5) },
  {
    ...options,
    batchSize,
    checkpoint: {
      store: {
        ...store,
        write: (name, content) => store.write(name, watched(content)),
        async remove(name) {
          event();
          await store.remove(name);
        },
      },
      everySeconds: 0,
      resume: true,
    },
    onStep: event,
  },
);

async function* watched(content: AsyncIterable<Uint8Array>) {
  for await (const chunk of content) {
    event();
    yield chunk;
  }
  event();
}

const hash = createHash('sha256');
for (const weights of model.getWeights()) hash.update(new Uint8Array((await weights.data()).slice().buffer));
const losses = history.epochs.map(({ loss, validationAccuracy }) => [loss, validationAccuracy]);
console.log(JSON.stringify({ weights: hash.digest('hex'), losses, weightsOf: history.weightsOf, events }));
process.exit(0);
