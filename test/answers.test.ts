import { memory, type Tensor, tensor1d, zeros } from '@tensorflow/tfjs-core';
import {
  input,
  type LayersModel,
  layers,
  model as modelOf,
  type Shape,
  type SymbolicTensor,
} from '@tensorflow/tfjs-layers';
import { beforeAll, expect, test } from 'vitest';
import { compress, correctBiases } from '../src/compress/index.js';
import { drawGarments, ImageSet, imageFiles, mnist } from '../src/data/index.js';
import { cacheFeatures, explain, styleTransfer, visualize } from '../src/features/index.js';
import { drawImage, PLAIN_PREPROCESSING } from '../src/images/index.js';
import { vgg } from '../src/index.js';
import { progressBar } from '../src/node/index.js';
import {
  type CheckpointStore,
  type Examples,
  evaluate,
  evaluateImages,
  memoryStore,
  storedEpochs,
  train,
} from '../src/train/index.js';
import {
  encodeWeights,
  fromPretrained,
  fromWeights,
  inspectWeights,
  loadWeights,
  readTensors,
  saveModel,
} from '../src/weights/index.js';
import { RAW } from './support/anyArguments.js';
import { useAnyBackend } from './support/backends.js';
import { TAKERS } from './support/waitingCalls.js';
import { OF_THE_CALLER, WRONG_ANSWERS } from './support/wrongAnswers.js';

beforeAll(() => useAnyBackend());

const build = () =>
  vgg([[1, 2]], { inputShape: [4, 4, 3], hiddenUnits: 3, classes: 2, dropout: 0, batchNorm: true });
const preprocessing = { ...PLAIN_PREPROCESSING, crop: 4, resize: { shorterSide: 4 } };
const image = { data: Uint8Array.from({ length: 48 }, (_, i) => 5 * i), width: 4, height: 4 };
const images = { content: image, style: { ...image, data: image.data.slice().reverse() } };
const trainSet = new ImageSet({
  images: Uint8Array.from({ length: 40 * 48 }, (_, i) => (7 * i) % 251),
  labels: Uint8Array.from({ length: 40 }, (_, i) => i % 2),
  shape: [4, 4, 3],
  classNames: ['a', 'b'],
});
const parts = { epochs: 1, batchSize: 20 };

/** What a function of the caller's gives. */
type Answer = () => never;
type Call = (answer: Answer, model: LayersModel) => unknown;

const setWith = (changes: object): Examples => ({
  ...{ length: 40, shape: [4, 4, 3], batches: (order) => trainSet.batches(order) },
  ...changes,
});
const calls = (name: string, functions: Record<string, Call>): Record<string, Call> =>
  Object.fromEntries(Object.entries(functions).map(([what, call]) => [`${name}, ${what}`, call]));

/** How examples of the caller's may be wrong. */
const EXAMPLES: Record<string, (answer: Answer) => object> = {
  batches: (answer) => ({ batches: answer }),
  'the iterator of batches': (answer) => ({ batches: () => ({ [Symbol.asyncIterator]: answer }) }),
  'next of batches': (answer) => ({ batches: () => ({ [Symbol.iterator]: () => ({ next: answer }) }) }),
  'a batch': (answer) => ({
    *batches() {
      yield answer();
    },
  }),
  'xs of a batch': (answer) => ({
    *batches() {
      const xs = answer();
      yield { xs, ys: tensor1d([0], 'int32') };
    },
  }),
  'ys of a batch': (answer) => ({
    *batches() {
      const ys = answer();
      yield { xs: zeros([1, 4, 4, 3]), ys };
    },
  }),
};

const files = (read: () => unknown) =>
  ['a/1', 'b/2'].map((path) => ({ path, read })) as Parameters<typeof imageFiles>[0];
const originals = (all: () => unknown) =>
  ({ length: 1, preprocessing, originals: all }) as Parameters<typeof evaluateImages>[1];

/** Training with a store of which a function is the caller's. */
const stored =
  (changes: object, more: object = {}): Call =>
  async (_, model) => {
    const store = { ...memoryStore(), ...changes } as CheckpointStore;
    return train(model, { trainSet }, { ...parts, checkpoint: { store, everySeconds: 0, ...more } });
  };

const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const index = json({ weight_map: { 'features.0.weight': 'a.safetensors' } });
const manifest = json({
  modelTopology: {},
  weightsManifest: [{ paths: ['a.bin'], weights: [{ name: 'a', shape: [1], dtype: 'float32' }] }],
});

const url = 'http://localhost:1/a.safetensors';
/** What fetches. */
const FETCHERS: Record<string, (fetch: never, model: LayersModel) => unknown> = {
  fromWeights: (fetch) => fromWeights(url, { fetch }),
  inspectWeights: (fetch) => inspectWeights(url, { fetch }),
  readTensors: (fetch) => readTensors(url, { fetch }),
  loadWeights: (fetch, model) => loadWeights(model, url, { fetch }),
  mnist: (fetch) => mnist({ source: 'http://localhost:1/', fetch, cache: false } as never),
  'fromPretrained of a hub': (fetch) => fromPretrained('hf:a/b', { fetch, cache: false }),
  'fromPretrained of timm': (fetch) => fromPretrained('timm/vgg11', { fetch, cache: false } as never),
};

const response = (changes: object) =>
  ({ ok: true, status: 200, headers: new Headers(), body: null, bodyUsed: false, ...changes }) as Response;
const reader = (changes: object) =>
  response({
    body: {
      locked: false,
      cancel: async () => {},
      getReader: () => ({
        read: async () => ({ done: true }),
        cancel: async () => {},
        ...changes,
      }),
    },
  });

const FETCHED: Record<string, (answer: Answer) => unknown> = {
  fetch: (answer) => answer,
  'a chunk': (answer) => async () =>
    new Response(
      new ReadableStream({
        async pull(controller) {
          controller.enqueue(await answer());
          controller.close();
        },
      }),
    ),
  'status of a response': (answer) => async () =>
    response({
      get status() {
        return answer();
      },
    }),
  'headers of a response': (answer) => async () =>
    response({
      get headers() {
        return answer();
      },
    }),
  'a header of a response': (answer) => async () => response({ headers: { get: answer } }),
  'body of a response': (answer) => async () =>
    response({
      get body() {
        return answer();
      },
    }),
  'getReader of a body': (answer) => async () =>
    response({ body: { locked: false, getReader: answer, cancel: async () => {} } }),
  'read of a body': (answer) => async () => reader({ read: answer }),
  'a value of a body': (answer) => async () => {
    let done = false;
    return reader({
      read: async () => {
        if (done) return { done };
        done = true;
        return { done: false, value: await answer() };
      },
    });
  },
};

/** Calls of which the answer decides. */
const USED: Record<string, Call> = {
  ...Object.assign(
    {},
    ...Object.entries(TAKERS).map(([name, take]) =>
      calls(
        name,
        Object.fromEntries(
          Object.entries(EXAMPLES).map(([what, of]) => [
            what,
            (answer, model) => take(setWith(of(answer)), model),
          ]),
        ),
      ),
    ),
    ...Object.entries(FETCHERS).map(([name, take]) =>
      calls(
        name,
        Object.fromEntries(
          Object.entries(FETCHED).map(([what, of]) => [
            what,
            (answer, model) => take(of(answer) as never, model),
          ]),
        ),
      ),
    ),
  ),
  'train, split': (split, model) =>
    train(model, { trainSet: setWith({ split }) }, { ...parts, validationFraction: 0.5 }),
  'train, fingerprint': (fingerprint, model) =>
    train(model, { trainSet: setWith({ fingerprint }) }, { ...parts, checkpoint: { store: memoryStore() } }),
  'train, lock of a store': (lock, model) => stored({ lock })(lock, model),
  'train, list of a store': (list, model) => stored({ list })(list, model),
  'train, open of a store': async (open, model) => {
    const store = memoryStore();
    await train(model, { trainSet }, { ...parts, checkpoint: { store } });
    return stored({ ...store, open }, { resume: true })(open, model);
  },
  'storedEpochs, list': (list) => storedEpochs({ ...memoryStore(), list }),
  'storedEpochs, open': (open) =>
    storedEpochs({ ...memoryStore(), list: async () => ['epoch-00001-batch-0000000'], open }),
  'evaluateImages, originals': (all, model) => evaluateImages(model, originals(all)),
  'evaluateImages, an original': (answer, model) =>
    evaluateImages(
      model,
      originals(function* () {
        yield answer();
      }),
    ),
  'evaluateImages, image of an original': (answer, model) =>
    evaluateImages(
      model,
      originals(function* () {
        yield {
          label: 0,
          get image() {
            return answer();
          },
        };
      }),
    ),
  'evaluateImages, label of an original': (answer, model) =>
    evaluateImages(
      model,
      originals(function* () {
        yield {
          image,
          get label() {
            return answer();
          },
        };
      }),
    ),
  'imageFiles, read': (read) => imageFiles(files(read), { preprocessing }),
  'cacheFeatures, overflow': (overflow, model) => cacheFeatures(model, trainSet, { overflow, maxBytes: 0 }),
  'cacheFeatures, read of overflow': async (read, model) => {
    const features = await cacheFeatures(model, trainSet, {
      maxBytes: 0,
      overflow: async () => ({ write: async () => {}, read, dispose: async () => {} }),
    });
    for await (const { xs, ys } of features.batches({ batchSize: 20 }))
      for (const one of [xs, ys]) one.dispose();
  },
  ...Object.assign(
    {},
    ...Object.entries({ 'an index': index, 'model.json': manifest }).map(([what, file]) => ({
      [`fromWeights, shards of ${what}`]: (shards: never) => fromWeights(file, { shards }),
      [`inspectWeights, shards of ${what}`]: (shards: never) => inspectWeights(file, { shards }),
      [`readTensors, shards of ${what}`]: (shards: never) => readTensors(file, { shards }),
      [`loadWeights, shards of ${what}`]: (shards: never, model: LayersModel) =>
        loadWeights(model, file, { shards }),
    })),
  ),
  'fromWeights, rename': async (rename, model) =>
    fromWeights(await encodeWeights(model), { rename, inputShape: [4, 4, 3] }),
  'loadWeights, rename': async (rename, model) => loadWeights(model, await encodeWeights(model), { rename }),
  'saveModel, save of a handler': (save, model) => saveModel(model, { save }),
  'drawImage, getContext': (getContext) => drawImage({ getContext } as never, image),
  'drawImage, createImageData': (createImageData) =>
    drawImage({ getContext: () => ({ createImageData, putImageData: () => {} }) } as never, image),
};

/** A layer of the caller's whose `call` gives an answer. */
class Own extends layers.Layer {
  static className = 'Own';
  constructor(readonly answer: Answer) {
    super({});
  }
  override computeOutputShape(shape: Shape): Shape {
    return shape;
  }
  override call(): Tensor {
    return this.answer();
  }
}

test.each(['null', 'undefined', 'a symbol', 'an object', 'a list of null', 'a promise of null'])(
  'a layer whose call returns %s is named',
  async (what) => {
    const x = input({ shape: [4, 4, 3] });
    const own = new Own(WRONG_ANSWERS[what] as Answer).apply(x) as SymbolicTensor;
    const flat = layers.flatten().apply(own) as SymbolicTensor;
    const model = modelOf({ inputs: x, outputs: layers.dense({ units: 2 }).apply(flat) as SymbolicTensor });
    const before = memory().numTensors;
    await expect(evaluate(model, trainSet)).rejects.toThrow(
      /^evaluate: the layer \w+ \(Own\) of the model cannot be computed: its call\(\) returned .+, which is no tensor of numbers; /,
    );
    expect(memory().numTensors).toBe(before);
    model.dispose();
  },
);

/** Answers that are right. */
const RIGHT: Record<string, RegExp> = {
  'train, fingerprint': /a text$/,
  'train, lock of a store': /a function$/,
  'train, list of a store': /a list$/,
  'storedEpochs, list': /a list$/,
  // It reads no numbers.
  'inspectWeights, shards of model.json': /undefined$/,
};

/** Calls that wait for an answer of which nothing is taken. */
const HEARD: Record<string, Call> = {
  'train, onStep': (onStep, model) => train(model, { trainSet }, { ...parts, onStep }),
  'train, onEpoch': (onEpoch, model) => train(model, { trainSet }, { ...parts, onEpoch }),
  'train, onProgress': (onProgress, model) => train(model, { trainSet }, { ...parts, onProgress }),
  'train, onNote': (onNote, model) => train(model, { trainSet }, { ...parts, microBatchSize: 1, onNote }),
  'train, onProblem': (onProblem, model) => {
    const { write } = memoryStore();
    let writes = 0;
    const full: typeof write = (...all) =>
      writes++ === 0 ? write(...all) : Promise.reject(new Error('the disk is full'));
    return stored({ write: full }, { onProblem })(onProblem, model);
  },
  'train, release of a store': (answer, model) => stored({ lock: async () => answer })(answer, model),
  'train, write to a store': (answer, model) => {
    const { write, ...store } = memoryStore();
    let writes = 0;
    const later: typeof write = (...all) => (writes++ === 0 ? write(...all) : answer());
    return stored({ ...store, write: later })(answer, model);
  },
  'train, first write to a store': (write, model) => stored({ write })(write, model),
  'train, remove of a store': (remove, model) => stored({ remove })(remove, model),
  'evaluate, onProgress': (onProgress, model) => evaluate(model, trainSet, { onProgress }),
  'evaluateImages, onProgress': (onProgress, model) =>
    evaluateImages(
      model,
      originals(() => [{ image, label: 0 }]),
      { onProgress },
    ),
  'imageFiles, onProgress': (onProgress) =>
    imageFiles(
      files(async () => image),
      { preprocessing, onProgress },
    ),
  'imageFiles, onProblem': (onProblem) =>
    imageFiles([...files(async () => image), { path: 'stray', read: async () => image }], {
      preprocessing,
      onProblem,
    }),
  'drawGarments, onProgress': (onProgress) => drawGarments({ perClass: 1, onProgress } as never),
  'cacheFeatures, onProgress': (onProgress, model) => cacheFeatures(model, trainSet, { onProgress }),
  'cacheFeatures, write of overflow': (write, model) =>
    cacheFeatures(model, trainSet, {
      maxBytes: 0,
      overflow: async () => ({ write, read: async () => new Float32Array(), dispose: async () => {} }),
    }),
  'cacheFeatures, dispose of overflow': async (dispose, model) => {
    const features = await cacheFeatures(model, trainSet, {
      maxBytes: 0,
      overflow: async () => ({ write: async () => {}, read: async () => new Float32Array(), dispose }),
    });
    await features.dispose();
  },
  'compress, onProgress': (onProgress, model) => compress(model, { maxError: 0.5, onProgress }),
  'correctBiases, onProgress': (onProgress, model) => correctBiases(model, trainSet, { onProgress }),
  'explain, onProgress': (onProgress, model) =>
    explain(model, image, { method: 'occlusion', preprocessing, window: 2, stride: 2, onProgress }),
  'visualize, onProgress': (onProgress, model) =>
    visualize(model, 'block1_conv1', 0, { steps: 2, preprocessing, onProgress }),
  'styleTransfer, onProgress': (onProgress, model) =>
    styleTransfer(model, images, {
      ...{ contentLayers: ['relu1_1'], styleLayers: ['relu1_1'], steps: 1, every: 1, optimizer: 'adam' },
      ...{ preprocessing, onProgress },
    }),
  'fromWeights, onProgress': async (onProgress, model) =>
    fromWeights(await encodeWeights(model), { onProgress, inputShape: [4, 4, 3] }),
  'progressBar, print': (print) => progressBar({ print }).log('a line'),
};

/** Disposes the models and tensors that a call returned. */
function free(result: unknown): void {
  if (typeof result !== 'object' || result === null) return;
  if ('dispose' in result && typeof result.dispose === 'function') result.dispose();
  else if ('model' in result) free(result.model);
  else if (Array.isArray(result)) result.forEach(free);
}

const said = (thrown: unknown) => (thrown instanceof Error ? thrown.message : String(thrown));

/** What is heard alone, and not used, of each kind. */
const OF_EACH_KIND = /^(null|a symbol|an object|a function|a promise of null|an .*|a rejection.*|a then.*)$/;

/** What is wrong with how a call takes each wrong answer. */
async function faultsOf(name: string, call: Call, isHeard = false): Promise<string[]> {
  const where = name.split(/,| of/)[0]!;
  const faults: string[] = [];
  // The promise is in an object of the caller's, and stays the caller's.
  const isWithin = /original$|drawImage/.test(name);
  const isFetched = /fetch|body|response|chunk/.test(name);
  for (const [what, answer] of Object.entries(WRONG_ANSWERS)) {
    // That is a broken connection, which is tried again.
    if (isFetched && /reject|error|throws|unreadable/.test(what)) continue;
    if (isWithin && /^a rejection/.test(what)) continue;
    if (isHeard && !OF_EACH_KIND.test(what)) continue;
    const model = build();
    const before = memory().numTensors;
    let end: string;
    try {
      free(await call(answer as Answer, model));
      end = isHeard || RIGHT[name]?.test(what) ? '' : 'it is taken';
    } catch (thrown) {
      const sentence = said(thrown);
      const isOwn = thrown === undefined || sentence.includes(OF_THE_CALLER);
      const isNamed =
        sentence.startsWith(`${where}: `) ||
        ['DataError', 'WeightFileError'].includes((thrown as Error)?.name);
      end = isOwn || (isNamed && !RAW.test(sentence)) ? '' : sentence;
    }
    const kept = memory().numTensors - before;
    if (end !== '' || kept !== 0) faults.push(`${what}: ${end}${kept ? ` (keeps ${kept} tensors)` : ''}`);
    try {
      model.dispose();
    } catch (error) {
      faults.push(`${what}: the model is gone: ${said(error)}`);
    }
  }
  return faults;
}

test.each(Object.entries(USED))(
  '%s: a wrong answer is named',
  async (name, call) => {
    expect(await faultsOf(name, call)).toEqual([]);
  },
  60_000,
);

test.each(Object.entries(HEARD))(
  '%s: any answer is waited for',
  async (name, call) => {
    expect(await faultsOf(name, call, true)).toEqual([]);
  },
  60_000,
);

test.each(['agreement', 'correctBiases', 'compress'])(
  '%s, which reads no labels, takes examples whose labels are their images',
  async (name) => {
    const model = build();
    const before = memory().numTensors;
    const examples = setWith({
      *batches() {
        for (const { xs, ys } of trainSet.batches({ batchSize: 20 })) {
          ys.dispose();
          yield { xs, ys: xs };
        }
      },
    });
    free(await TAKERS[name]!(examples, model));
    expect(memory().numTensors).toBe(before);
    model.dispose();
  },
);
