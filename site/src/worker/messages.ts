import type { RawImage } from 'vgg-blocks/images';
import type { NetworkSpec } from 'vgg-blocks/weights';
import type { Downloaded } from '../state/backendFiles.js';
import type { PreprocessingName } from '../state/choice.js';
import type { HeatMethod } from '../state/inside.js';
import type { Failure } from './errors.js';
import type { ImageRequest } from './image.js';
import type { TeachProgress } from './own.js';
import type { Snapshot } from './snapshot.js';
import type { PaintProgress } from './style.js';
import type { Trace } from './trace.js';
import type { TrainEvents } from './training.js';

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

/** Messages that answer no call. */
export type WorkerEvent =
  | { event: 'lost'; value: string }
  | { event: 'download'; value: Downloaded }
  | { event: 'teach'; value: TeachProgress }
  | { event: 'paint'; value: PaintProgress }
  | { event: 'progress'; value: Parameters<TrainEvents['progress']>[0] }
  | { event: 'epoch'; value: Parameters<TrainEvents['epoch']>[0] }
  | { event: 'snapshot'; value: Snapshot; held?: boolean };

/** A result, a failure, or an event. */
export type WorkerMessage = { id: number; result: unknown } | { id: number; failure: Failure } | WorkerEvent;
