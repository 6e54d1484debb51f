import type { ConvArch } from 'vgg-blocks';

export const CLOCKS = ['wall', 'processor'] as const;
export type Clock = (typeof CLOCKS)[number];

/** What is measured; every side gets it as JSON. */
export interface Spec {
  arch: ConvArch;
  /** `[height, width, channels]`. */
  inputShape: readonly [number, number, number];
  classes: number;
  hiddenUnits: number;
  /** Examples at a time, of inference and of training. */
  batchSize: number;
  /** How long inference and training are each measured after their warm-up. */
  seconds: number;
  /** Threads of those sides that have several. */
  threads: number;
  /** What time is: the clock's, or the processor's, which a busy machine disturbs less and which means nothing with threads. */
  clock: Clock;
  /** Where the network's files and the pictures lie. */
  folder: string;
  /** Whether WebGPU is measured on a driver in software. */
  software: boolean;
}

/** What a process measures: the network from its file and predicting, or built anew and trained. */
export const PARTS = ['load', 'build'] as const;
export type Part = (typeof PARTS)[number];

/** What a process found; times in milliseconds. */
export interface Found {
  /** Building with random weights. */
  build?: number;
  /** From the file to a model. */
  load?: number;
  /** The first prediction after it, of one picture. */
  first?: number;
  /** Its logits, by which the sides are held against each other. */
  logits?: number[];
  /** Each run of a batch. */
  inference?: number[];
  /** Each training step of a batch, or why there is none. */
  training?: number[] | { error: string };
  /** The most memory that the process had resident, MiB; 0 where the system does not tell. */
  peak?: number;
  /** What it ran on: versions, the adapter. */
  about?: string;
  /** Why this side is not here. */
  absent?: string;
}
