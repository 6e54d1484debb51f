import { scaleArch, vgg } from 'vgg-blocks';
import type { Dataset } from 'vgg-blocks/data';
import type { RawImage } from 'vgg-blocks/images';
import type { History } from 'vgg-blocks/train';
import { encodeWeights } from 'vgg-blocks/weights';
import type { Downloaded } from '../state/backendFiles.js';
import type { Choice } from '../state/choice.js';
import { startBackend } from './backend.js';
import type { Comparison } from './compare.js';
import { type DataInfo, type DataRequest, infoOf, loadData } from './data.js';
import { failureOf } from './errors.js';
import type { ClassMap, Review } from './inside.js';
import type {
  HeatRequest,
  Look,
  LookRequest,
  OpenedInfo,
  SavedSlot,
  Slot,
  WorkerMessage,
} from './messages.js';
import { drop, layersOf, modelOf, openedAsTrained, put, tfjsFiles } from './models.js';
import type {
  Differences,
  DistanceRequest,
  Guess,
  OwnHead,
  OwnRequest,
  PaintProgress,
  PaintRequest,
  Taught,
  TeachProgress,
  TeachRequest,
} from './own.js';
import type { Photo } from './photo.js';
import { type Snapshot, snapshotOf } from './snapshot.js';
import { type Keeping, Run, type TrainEvents, type TrainRequest } from './training.js';

let data: Dataset | undefined;
let loading: AbortController | undefined;
let run: Run | undefined;
let teaching: AbortController | undefined;
let painting: AbortController | undefined;
let lost = false;

// Training needs neither of them.
const opening = () => import('./opening.js');
const looking = () => import('./look.js');
const own = () => import('./own.js');
const described = async (...given: Parameters<typeof import('./describe.js').describe>) =>
  (await import('./describe.js')).describe(...given);

/** The functions that the page can call; each has at most one argument. */
const calls = {
  async start(chosen: Pick<Choice, 'backend' | 'kernels'>): Promise<void> {
    await startBackend(chosen, (reason) => {
      lost = true;
      run?.stop();
      send({ event: 'lost', value: reason });
    });
  },

  async load(request: DataRequest): Promise<DataInfo> {
    loading = new AbortController();
    const onProgress = (value: Downloaded) => send({ event: 'download', value });
    data = await loadData(request, { onProgress, signal: loading.signal });
    return infoOf(data);
  },

  /** Builds the chosen network, with the weights of a snapshot if there is one. */
  async build({
    choice,
    weights,
    classNames = data?.trainSet.classNames,
  }: {
    choice: Choice;
    weights?: Blob;
    classNames?: readonly string[];
  }): Promise<{ layers: string[]; classNames?: readonly string[] }> {
    const { arch, ratio, size, channels, classes, hidden, batchNorm, seed } = choice;
    drop('trained');
    const model = vgg(scaleArch(arch, ratio), {
      inputShape: [size, size, channels],
      classes,
      hiddenUnits: hidden,
      batchNorm,
      seed,
      initializer: weights ? 'zeros' : 'heUniform',
    });
    put('trained', model);
    if (weights) await (await opening()).restore(model, weights);
    await described(model, classNames);
    return { layers: layersOf(model), classNames };
  },

  async train({
    request,
    classNames = data?.trainSet.classNames,
    ...keeping
  }: { request: TrainRequest; classNames?: readonly string[] } & Keeping): Promise<History> {
    const model = modelOf('trained');
    await described(model, classNames);
    run = new Run(model, events);
    try {
      return await run.go(data!, request, keeping);
    } finally {
      run = undefined;
    }
  },

  /** The trained network's weights, for the page to keep. */
  async snapshot(): Promise<Snapshot> {
    return snapshotOf(modelOf('trained'));
  },

  async pause(): Promise<void> {
    run?.pause();
  },

  async resume(): Promise<void> {
    run?.resume();
  },

  async stop(): Promise<void> {
    loading?.abort();
    teaching?.abort();
    run?.stop();
  },

  async open({
    file,
    shards,
  }: {
    file: File;
    shards: File[];
  }): Promise<OpenedInfo | { reference: Comparison }> {
    const [{ openFile }, { compare, isReference }] = await Promise.all([opening(), import('./compare.js')]);
    if (await isReference(file)) return { reference: await compare(modelOf('opened'), file) };
    const { model, info } = await openFile(file, shards);
    put('opened', model);
    return info;
  },

  /** Makes the opened network the trained one. */
  async adopt(): Promise<{ layers: string[] }> {
    return { layers: layersOf(openedAsTrained()) };
  },

  async look(request: LookRequest): Promise<Look> {
    return (await looking()).look(modelOf(request.slot), request, data?.testSet);
  },

  async heat(request: HeatRequest): Promise<ClassMap> {
    return (await looking()).heat(modelOf(request.slot), request, data?.testSet);
  },

  async review({ slot }: { slot: Slot }): Promise<Review> {
    return (await import('./inside.js')).review(modelOf(slot), data!.testSet);
  },

  /** An image that a visitor gives, as the page keeps it. */
  async photo(file: File): Promise<Photo> {
    return (await import('./photo.js')).photo(file);
  },

  /** Trains a new last layer for the visitor's images on the features of the opened network. */
  async teach(request: TeachRequest): Promise<Taught> {
    teaching = new AbortController();
    const { signal } = teaching;
    const onProgress = (value: TeachProgress) => send({ event: 'teach', value });
    const { network, taught } = await (await own()).teach(modelOf('opened'), request, { signal, onProgress });
    put('own', network);
    return taught;
  },

  /** Puts a last layer that the page has kept on the opened network again. */
  async recall(request: OwnRequest & OwnHead): Promise<void> {
    put('own', (await own()).recall(modelOf('opened'), request));
  },

  /** Classifies an image by the network for the visitor's images. */
  async guess(request: { image: Blob | RawImage; heat: boolean }): Promise<Guess> {
    return (await own()).guess(modelOf('own'), request);
  },

  /** Paints an image in the style of another, which the page sees step by step. */
  async paint(request: PaintRequest): Promise<void> {
    painting = new AbortController();
    const { signal } = painting;
    const onProgress = (value: PaintProgress) => send({ event: 'paint', value });
    await (await own()).paint(request, { signal, onProgress });
  },

  async stopPainting(): Promise<void> {
    painting?.abort();
  },

  async differences(request: DistanceRequest): Promise<Differences> {
    return (await own()).differences(request);
  },

  async weights({ slot, names }: { slot: SavedSlot; names: 'torchvision' | 'keras' }): Promise<Uint8Array> {
    return encodeWeights(modelOf(slot), { names });
  },

  /** The two files of a tfjs model. */
  async files({ slot }: { slot: SavedSlot }): Promise<{ json: string; weights: ArrayBuffer }> {
    return tfjsFiles(modelOf(slot));
  },
};

export type Calls = typeof calls;

const events: TrainEvents = {
  progress: (value) => send({ event: 'progress', value }),
  epoch: (value) => send({ event: 'epoch', value }),
  snapshot: (value, held) => send({ event: 'snapshot', value, held }, [value.weights.buffer as ArrayBuffer]),
};

function send(message: WorkerMessage, transfer: Transferable[] = []): void {
  self.postMessage(message, { transfer });
}

self.addEventListener('message', async ({ data: message }: MessageEvent) => {
  const { id, name, argument } = message as { id: number; name: keyof Calls; argument: never };
  try {
    send({ id, result: await calls[name](argument) });
  } catch (error) {
    send({ id, failure: failureOf(error, lost) });
  }
});

// The lock lives as long as the worker; see Client.
navigator.locks?.request(self.name, () => new Promise<void>(() => {}));
