import type { ConvArch } from 'vgg-blocks';
import type { Clock } from './timing.mjs';

/** What is measured; every process gets it as JSON. */
export interface Spec {
  arch: ConvArch;
  /** `[height, width, channels]`. */
  inputShape: readonly [number, number, number];
  classes: number;
  hiddenUnits: number;
  /** Whether batch normalization follows each convolution. Default false. */
  batchNorm?: boolean;
  /** Of inference and of training. */
  batchSize: number;
  /** How long inference and training are each measured after their warm-up. */
  seconds: number;
  /** Threads of the implementations that have several. */
  threads: number;
  /** Processor time depends less on what else the machine does, and means nothing with several threads. */
  clock: Clock;
  /** Has the network's files and the images. */
  folder: string;
  /** The file in it that is loaded, where that is not the one that index.ts writes for the implementation. */
  file?: string;
  /** Whether WebGPU is measured on a software driver too. */
  software: boolean;
}

/** What one process measures: loading the network and predicting, or building and training it. */
export const PARTS = ['load', 'build'] as const;
export type Part = (typeof PARTS)[number];

/** The result of one process; times in milliseconds. */
export interface Measurement {
  /** Building with random weights. */
  build?: number;
  /** From the file to a model. */
  load?: number;
  /** The first prediction after loading, of one image. */
  first?: number;
  /** When that prediction was there: Date.now(). */
  predictedAt?: number;
  /** From the start of the process to that prediction. */
  cold?: number;
  /** The logits of that prediction, which are compared between the implementations. */
  logits?: number[];
  /** Each run of a batch. */
  inference?: number[];
  /** Each training step of a batch, or why training failed. */
  training?: number[] | { error: string };
  /** The peak of the process's resident memory, MiB; 0 where the system does not report it. */
  peak?: number;
  /** Versions and the adapter. */
  about?: string;
  /** Why this implementation is not available. */
  absent?: string;
}
