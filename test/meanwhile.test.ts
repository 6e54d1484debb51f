import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  copyRegisteredKernels,
  disposeVariables,
  engine,
  findBackendFactory,
  memory,
  ready,
  registerBackend,
  removeBackend,
  setBackend,
  type Tensor,
  train as tfjsTrain,
  tidy,
  zeros,
} from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import packageJson from '../package.json' with { type: 'json' };
import { attempted } from '../src/base/check.js';
import { imageDistance, kernelGrid } from '../src/features/index.js';
import { imageToTensor, preprocess } from '../src/images/index.js';
import { scaleArch, VGG16, vgg } from '../src/index.js';
import { fileSystem } from '../src/node/index.js';
import { memoryStore, train } from '../src/train/index.js';
import { encodeWeights, fromPretrained, fromWeights, saveModel } from '../src/weights/index.js';
import { RAW } from './support/anyArguments.js';
import { useBackend } from './support/backends.js';
import {
  build,
  type Call,
  image,
  type Model,
  modelIn,
  CALLS as OF_A_MODEL,
  other,
  preprocessing,
  release,
  set,
} from './support/waitingCalls.js';

let folder: string;
const files: Record<string, Blob> = {};
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'meanwhile-'));
  vi.stubGlobal('fetch', () => Promise.reject(new Error('no network in tests')));
  await useBackend('wasm');
  const model = build();
  for (const container of ['safetensors', 'pth', 'h5', 'keras'] as const) {
    files[container] = new Blob([(await encodeWeights(model, { container })) as Uint8Array<ArrayBuffer>]);
  }
  await saveModel(model, fileSystem(folder));
  disposeVariables();
  copyRegisteredKernels('cpu', OWN);
  await setBackend('cpu');
});
afterAll(() => {
  vi.unstubAllGlobals();
  rmSync(folder, { recursive: true });
});

/** A backend of the caller's. */
const OWN = 'own';

const inputShape = [4, 4, 3] as const;
const narrow = scaleArch(VGG16, 32);
const calibration = narrow.map(([, channels]) => Array<number>(channels).fill(1));

let optimizer: ReturnType<typeof tfjsTrain.adam> | undefined;

const CALLS: Record<string, Call> = {
  ...OF_A_MODEL,
  'fromPretrained of a hub': (_, onProgress) =>
    fromPretrained('hf:a/b', {
      ...{ onProgress, cache: false, inputShape },
      fetch: async (url) => {
        const isFile = String(url).endsWith('model.safetensors');
        return isFile ? new Response(files.safetensors) : new Response('', { status: 404 });
      },
    }),
  ...Object.fromEntries(
    ['safetensors', 'pth', 'h5', 'keras'].map((container) => [
      `fromWeights of ${container}`,
      (_: Model, onProgress: () => void) => fromWeights(files[container]!, { onProgress }),
    ]),
  ),
  'fromWeights of model.json': (_, onProgress) => fromWeights(join(folder, 'model.json'), { onProgress }),
  imageDistance: async () => {
    const base = vgg(narrow, { inputShape: [32, 32, 3], includeTop: false });
    const large = { data: new Uint8Array(32 * 32 * 3).fill(7), width: 32, height: 32 };
    return imageDistance(base, [large, large], { calibration }).finally(() => base.dispose());
  },
  imageToTensor: async () => (await imageToTensor(image)).dispose(),
  kernelGrid: (model) => kernelGrid(model),
  preprocess: async () => (await preprocess([image, other], preprocessing)).dispose(),
  'train by an optimizer of the caller': (model, onStep) => {
    optimizer = tfjsTrain.adam(1e-3);
    return train(model, { trainSet: set }, { epochs: 2, batchSize: 8, optimizer, onStep });
  },
  'train with everything': (model, onStep) =>
    train(
      model,
      { trainSet: set, testSet: set },
      {
        ...{ epochs: 2, batchSize: 8, optimizer: 'adam', ema: 0.9, keep: 'best', onStep },
        checkpoint: { store: memoryStore(), everySeconds: 0 },
      },
    ),
};

/** What computes nothing with TensorFlow.js, or begins with all numbers of a tensor that it gets. */
const WITHOUT_TENSORS = [
  ...['drawGarments', 'fashionMnist', 'idxImages', 'imageFiles', 'mnist'],
  ...['predictionSheet', 'storedEpochs', 'inspectWeights', 'readTensors', 'readLpipsCalibration'],
  ...['encodePng', 'imageGrid', 'overlay', 'prepareImage', 'tensorToImage', 'toRgb'],
  ...['decodePredictions', 'featureMapGrid'],
];

/** Of these, `node` is about files. */
const subpaths = Object.keys(packageJson.exports).filter((path) => !/package|node|wasm|webgpu/.test(path));

test.each(subpaths)('%s has no function that waits and is not called here', async (subpath) => {
  const known = new Set([...Object.keys(CALLS).map((name) => name.split(' ')[0]), ...WITHOUT_TENSORS]);
  const module = await import(join(process.cwd(), 'src', subpath, 'index.ts'));
  const waiting = Object.entries(module).filter(([, one]) => {
    if (typeof one !== 'function') return false;
    try {
      const result = one(Symbol('no argument'));
      if (!(result instanceof Promise)) return false;
      result.catch(() => {});
      return true;
    } catch {
      return false;
    }
  });
  expect(waiting.map(([name]) => name).filter((name) => !known.has(name))).toEqual([]);
});

/** What the caller may do to TensorFlow.js while a function waits. `same`: the result is to be what it is otherwise. */
const ACTS: Record<
  string,
  { before?: () => unknown; act: (model: Model) => unknown; same?: true; on?: string }
> = {
  'a scope that began before ends': {
    before: () => engine().startScope(),
    act: () => engine().endScope(),
    same: true,
  },
  'a scope begins, and ends in a later task': {
    act: () => {
      engine().startScope();
      setTimeout(() => engine().endScope());
    },
    same: true,
  },
  'tf.disposeVariables()': { act: () => disposeVariables() },
  'tf.setBackend() to another': { act: () => setBackend('cpu'), same: true },
  'tf.removeBackend()': {
    act: () => {
      removeBackend(OWN);
      return setBackend('cpu');
    },
    on: OWN,
  },
  'the model is disposed': { act: (model) => model.dispose() },
  'its last layer is disposed': { act: (model) => model.layers.at(-1)!.dispose() },
  'its weights are disposed': {
    act: (model) => {
      for (const weight of model.layers.at(-1)!.getWeights()) weight.dispose();
    },
  },
  'an optimizer of the caller is disposed': {
    act: () => {
      optimizer?.dispose();
      optimizer = undefined;
    },
  },
  'its weights are set': {
    act: (model) => tidy(() => model.setWeights(model.getWeights().map(({ shape }) => zeros(shape)))),
  },
  'a layer is frozen': {
    act: (model) => {
      model.layers.at(-1)!.trainable = false;
    },
  },
  'all is frozen': {
    act: (model) => {
      model.trainable = false;
    },
  },
  'it is compiled, and predicts': {
    act: (model) => {
      model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
      tidy(() => void model.predict(zeros([1, 4, 4, 3])));
    },
    same: true,
  },
};

/** Times to act at, after which nothing is done any more: in a callback, after it has waited, and after some microtasks. */
const TIMES = ['in a callback', 'later in a callback', 1, 5, 21] as const;

/** What a function says that is no sentence of its own. */
const isRaw = (message: string) =>
  RAW.test(message.replace('the optimizer passed is disposed; pass a new one.', '')) ||
  /reading '|already disposed|has not yet been|of undefined|null \(/.test(message);

/** Every number of a result, but of time. Another backend rounds differently, and an image may then have other bytes. */
async function numbersIn(result: unknown): Promise<number[]> {
  const model = modelIn(result);
  if (model) {
    const [x, y] = tidy(() => {
      const x = zeros([1, 4, 4, 3]);
      return [x, model.predict(x) as Tensor];
    }) as [Tensor, Tensor];
    x.dispose();
    const numbers = [...(await y.data())];
    y.dispose();
    return numbers;
  }
  const found: number[] = [];
  const visit = (value: unknown, name = ''): void => {
    if (/ms$|seconds|second$|spread/i.test(name)) return;
    if (typeof value === 'number') found.push(value);
    else if (typeof value === 'object' && value !== null)
      for (const [key, one] of Object.entries(value)) visit(one, key);
  };
  visit(result);
  return found;
}

/** Makes a backend current, whatever has become of the others. */
async function use(name: string): Promise<void> {
  await ready().catch(() => {});
  if (name === OWN && engine().registry[OWN] === undefined)
    registerBackend(OWN, findBackendFactory('cpu')!, 0);
  await setBackend(name);
}

test.each(Object.entries(ACTS))(
  '%s',
  { timeout: 600_000 },
  async (_, { before: begin, act, same, on = 'wasm' }) => {
    const wrong: string[] = [];
    for (const [name, call] of Object.entries(CALLS)) {
      let expected: number[] | undefined;
      for (const time of [undefined, ...TIMES]) {
        await use(on);
        const model = build();
        const before = memory().numTensors - model.weights.length;
        let done = time === undefined && !begin;
        const once = () => {
          if (!done) act(model);
          done = true;
        };
        begin?.();
        const running = call(model, async () => {
          if (time === 'later in a callback') await new Promise((resolve) => setTimeout(resolve));
          if (typeof time === 'string') once();
        });
        if (typeof time === 'number')
          void (async () => {
            for (let i = 0; i < time; i++) await undefined;
            once();
          })();
        try {
          const result = await running;
          await use(on === OWN ? 'cpu' : on);
          const numbers = await numbersIn(result);
          expected ??= numbers;
          if (same && !numbers.every((one, i) => Math.abs(one - expected![i]!) <= 0.05 * (1 + Math.abs(one))))
            wrong.push(`${name}, ${time}: ${numbers} in place of ${expected}`);
          release(result);
        } catch (error) {
          const { message } = error as Error;
          if (same || isRaw(message) || !message.startsWith(`${name.split(' ')[0]}: `))
            wrong.push(`${name}, ${time}: ${message}`);
        }
        if (begin) once();
        done = true;
        // What is done later is done by then.
        await new Promise((resolve) => setTimeout(resolve));
        await use('wasm');
        attempted(() => model.dispose());
        disposeVariables();
        if (on === OWN) continue;
        const kept = memory().numTensors - before;
        if (kept !== 0) wrong.push(`${name}, ${time}: keeps ${kept} tensors`);
      }
    }
    expect(wrong).toEqual([]);
  },
);

/** What a scope has of tensors that it would dispose if it ended now. */
const lostIn = ({ track }: { track: Tensor[] }) =>
  track.filter((one) => !one.isDisposed && !(one as Tensor & { kept: boolean }).kept);

test.each(Object.entries(CALLS))('%s holds nothing that a scope of the caller disposes', async (_, call) => {
  await use('wasm');
  const model = build();
  engine().startScope();
  const scope = (engine().state as unknown as { activeScope: { track: Tensor[] } }).activeScope;
  const lost = new Set<Tensor>();
  const look = () => {
    for (const one of lostIn(scope)) lost.add(one);
  };
  let goesOn = true;
  // Each task that comes while the function waits.
  const watching = (async () => {
    while (goesOn) {
      await new Promise((resolve) => setImmediate(resolve));
      if (goesOn) look();
    }
  })();
  const result = await call(model, look);
  goesOn = false;
  await watching;
  engine().endScope();
  release(result);
  model.dispose();
  expect([...lost].map(({ shape }) => `[${shape}]`)).toEqual([]);
});
