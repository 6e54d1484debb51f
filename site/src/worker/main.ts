import { io } from '@tensorflow/tfjs-core';
import type { LayersModel, SymbolicTensor } from '@tensorflow/tfjs-layers';
import { scaleArch, vgg } from 'vgg-blocks';
import type { Dataset } from 'vgg-blocks/data';
import type { RawImage } from 'vgg-blocks/images';
import type { History } from 'vgg-blocks/train';
import { encodeWeights, type NetworkSpec } from 'vgg-blocks/weights';
import type { Downloaded } from '../state/backendFiles.js';
import type { Choice, PreprocessingName } from '../state/choice.js';
import type { HeatMethod } from '../state/inside.js';
import { startBackend } from './backend.js';
import type { Comparison } from './compare.js';
import { type DataInfo, type DataRequest, infoOf, loadData } from './data.js';
import { type Failure, failureOf, NotFiniteError } from './errors.js';
import type { ImageRequest } from './image.js';
import type { ClassMap, Review } from './inside.js';
import type { Guess, OwnHead, OwnRequest, Taught, TeachProgress, TeachRequest } from './own.js';
import type { Photo } from './photo.js';
import { type Snapshot, snapshotOf, sumOf } from './snapshot.js';
import type { Trace } from './trace.js';
import { type Keeping, Run, type TrainEvents, type TrainRequest } from './training.js';

/** The network trained here, or the one opened from a file. */
export type Slot = 'trained' | 'opened';
/** A network that can be saved: one of those, or that of the visitor's own images, which is the opened one with another last layer. */
export type SavedSlot = Slot | 'own';

/** A network opened from a file, as the page knows it. */
export interface OpenedInfo {
  file: string;
  format: string;
  network?: NetworkSpec;
  parameters: number;
  inputShape: readonly number[];
  classes: number | undefined;
  /** The names of the classes, if the file has them. */
  classNames?: readonly string[];
  layers: string[];
  /** A checksum of its kernels, by which a network that was trained here is recognized. */
  sum?: number;
  /** How images are prepared unless another way is chosen: as the file says, or else the likely way. */
  preprocessing: PreprocessingName;
}

/** A network's view of an image. */
export interface Look extends Omit<Trace, 'output'> {
  shown: RawImage;
  /** Of each class; undefined for a network without a classifier. */
  probabilities?: Float32Array;
}

export interface LookRequest {
  slot: Slot;
  image: ImageRequest;
  preprocessing: PreprocessingName;
  /** The stage that is shown as a whole; by default the first convolution. */
  stage?: string;
}

/** Where a network sees a class in an image. */
export interface HeatRequest extends Omit<LookRequest, 'stage'> {
  classIndex: number;
  method: HeatMethod;
}

/** The preprocessing that a network had in training, most likely. */
function likely(classes: number | undefined, network: NetworkSpec | undefined): PreprocessingName {
  // Features alone are nearly always those of ImageNet.
  if (classes !== undefined && classes !== 1000) return 'plain';
  return (network?.names ?? 'keras') === 'keras' ? 'keras' : 'torchvision';
}

const models: { [slot in SavedSlot]?: LayersModel } = {};
let data: Dataset | undefined;
let loading: AbortController | undefined;
let run: Run | undefined;
let teaching: AbortController | undefined;
let lost = false;

function modelOf(slot: SavedSlot): LayersModel {
  const model = models[slot];
  if (!model) throw new Error(`There is no ${slot} network yet.`);
  return model;
}

function put(slot: SavedSlot, model: LayersModel): void {
  if (slot === 'opened') drop('own');
  drop(slot);
  models[slot] = model;
}

function drop(slot: SavedSlot): void {
  models[slot]?.dispose();
  models[slot] = undefined;
}

function hasTop(model: LayersModel): boolean {
  return model.outputs[0]!.shape.length === 2;
}

// Training needs neither of them.
const opening = () => import('./opening.js');
const inside = () => import('./inside.js');
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
    const [{ openFile }, { compare, isReference }, { inputShape }] = await Promise.all([
      opening(),
      import('./compare.js'),
      import('./image.js'),
    ]);
    if (await isReference(file)) return { reference: await compare(modelOf('opened'), file) };
    const { model, network, format, parameters, metadata } = await openFile(file, shards);
    put('opened', model);
    const classes = hasTop(model) ? model.outputs[0]!.shape[1]! : undefined;
    return {
      file: file.name,
      format,
      network,
      parameters,
      inputShape: inputShape(model),
      classes,
      layers: layersOf(model),
      sum: await sumOf(model),
      classNames: metadata.classNames,
      preprocessing: metadata.preprocessing ? 'file' : likely(classes, network),
    };
  },

  /** Makes the opened network the trained one. */
  async adopt(): Promise<{ layers: string[] }> {
    const model = modelOf('opened');
    drop('own');
    models.opened = undefined;
    put('trained', model);
    return { layers: layersOf(model) };
  },

  async look({ slot, image, preprocessing, stage }: LookRequest): Promise<Look> {
    const model = modelOf(slot);
    const [{ toInput, shown }, { classify }, { trace }] = await Promise.all([
      import('./image.js'),
      inside(),
      import('./trace.js'),
    ]);
    const input = await toInput(model, image, preprocessing, data?.testSet);
    try {
      const { output, ...traced } = await trace(model, input, stage);
      const seen = await shown(model, input, preprocessing);
      const probabilities = output && hasTop(model) ? await classify(model, output) : undefined;
      if (probabilities && !probabilities.every(Number.isFinite)) throw new NotFiniteError();
      return { ...traced, shown: seen, probabilities };
    } finally {
      input.dispose();
    }
  },

  async heat({ slot, image, preprocessing, classIndex, method }: HeatRequest): Promise<ClassMap> {
    const model = modelOf(slot);
    const [{ toInput, shown }, { classMap }] = await Promise.all([import('./image.js'), inside()]);
    const input = await toInput(model, image, preprocessing, data?.testSet);
    try {
      return await classMap(model, input, await shown(model, input, preprocessing), { classIndex, method });
    } finally {
      input.dispose();
    }
  },

  async review({ slot }: { slot: Slot }): Promise<Review> {
    return (await inside()).review(modelOf(slot), data!.testSet);
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

  async weights({ slot, names }: { slot: SavedSlot; names: 'torchvision' | 'keras' }): Promise<Uint8Array> {
    return encodeWeights(modelOf(slot), { names });
  },

  /** The two files of a tfjs model. */
  async files({ slot }: { slot: SavedSlot }): Promise<{ json: string; weights: ArrayBuffer }> {
    let saved: io.ModelArtifacts | undefined;
    await modelOf(slot).save(
      io.withSaveHandler(async (artifacts) => {
        saved = artifacts;
        return { modelArtifactsInfo: io.getModelArtifactsInfoForJSON(artifacts) };
      }),
    );
    const { modelTopology, weightSpecs, weightData, userDefinedMetadata } = saved!;
    const json = {
      format: 'layers-model',
      modelTopology,
      userDefinedMetadata,
      weightsManifest: [{ paths: ['model.weights.bin'], weights: weightSpecs }],
    };
    return { json: JSON.stringify(json), weights: io.CompositeArrayBuffer.join(weightData!) };
  },
};

export type Calls = typeof calls;

/** Messages that answer no call. */
export type WorkerEvent =
  | { event: 'lost'; value: string }
  | { event: 'download'; value: Downloaded }
  | { event: 'teach'; value: TeachProgress }
  | { event: 'progress'; value: Parameters<TrainEvents['progress']>[0] }
  | { event: 'epoch'; value: Parameters<TrainEvents['epoch']>[0] }
  | { event: 'snapshot'; value: Snapshot };

/** A result, a failure, or an event. */
export type WorkerMessage = { id: number; result: unknown } | { id: number; failure: Failure } | WorkerEvent;

const events: TrainEvents = {
  progress: (value) => send({ event: 'progress', value }),
  epoch: (value) => send({ event: 'epoch', value }),
  snapshot: (value) => send({ event: 'snapshot', value }, [value.weights.buffer as ArrayBuffer]),
};

/** The layers that have feature maps. */
function layersOf(model: LayersModel): string[] {
  return model.layers
    .filter((one) => one.getClassName() !== 'InputLayer' && (one.output as SymbolicTensor).shape.length === 4)
    .map(({ name }) => name);
}

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
