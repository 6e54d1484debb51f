import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { WebgpuBackend } from './backend.js';

/** Runs of a variant in a trial; the first compiles it, and the fastest of the others counts. */
const RUNS = 3;

/** How much faster than the table's variant another must be to take its place; timestamps are rounded to 0.1 ms in browsers. */
const GAIN = 0.95;

/** A trial of variants. */
export interface Trial {
  variants: readonly unknown[];
  /** The place of the one that computes: the first, until the device has answered. */
  chosen: number;
  /** The device's time for each. */
  milliseconds?: number[];
}

/** The trials of backends, as long as those live. */
const trials = new WeakMap<WebgpuBackend, Map<string, Trial>>();

/** The trials on a backend, by kernel and shape. */
export function trialsOn(backend: WebgpuBackend): Map<string, Trial> {
  const known = trials.get(backend) ?? new Map<string, Trial>();
  trials.set(backend, known);
  return known;
}

/**
 * Chooses the fastest variant of a program for a shape. The first call computes with the first variant, which is the table's
 * choice, and times all of them on the same inputs; the device answers some calls later, and from then on the fastest computes. So
 * variants must give the same bits, or results depend on the trial, as those of Winograd's algorithm do, which is an option.
 */
export class Tuner {
  /** @param enabled whether to try; otherwise the table's variant always computes. */
  constructor(private readonly enabled: boolean) {}

  /**
   * Runs the variant that is known to be the fastest, or the first.
   *
   * @param key names the kernel and everything about the shape that its speed depends on.
   * @param variants the table's choice first.
   * @param compute runs a variant and returns its output.
   */
  run<V>(
    backend: WebgpuBackend,
    key: string,
    variants: readonly V[],
    compute: (variant: V) => TensorInfo,
  ): TensorInfo {
    if (!this.enabled || variants.length < 2 || !canTime(backend)) return compute(variants[0]!);
    const known = trialsOn(backend).get(key);
    // What throws, throws here, to the caller, before a trial begins.
    const result = compute(variants[known?.chosen ?? 0]!);
    if (!known) {
      const trial: Trial = { variants, chosen: 0 };
      trialsOn(backend).set(key, trial);
      void this.try(backend, trial, variants, compute);
    }
    return result;
  }

  private async try<V>(
    backend: WebgpuBackend,
    trial: Trial,
    variants: readonly V[],
    compute: (variant: V) => TensorInfo,
  ): Promise<void> {
    const timeOf = async (variant: V) => {
      let failed = false;
      const { kernelMs } = await backend.time(() => {
        // What left `time` here would leave its timers running.
        try {
          backend.disposeData(compute(variant).dataId);
        } catch {
          failed = true;
        }
      });
      return failed ? Number.POSITIVE_INFINITY : Number(kernelMs);
    };
    // All of them are recorded before the first `await`, while the inputs are alive.
    const runs = Array.from({ length: RUNS }, () => Promise.all(variants.map(timeOf)));
    try {
      const [, ...times] = await Promise.all(runs);
      const best = variants.map((_, i) => Math.min(...times.map((timings) => timings[i]!)));
      const fastest = best.indexOf(Math.min(...best));
      trial.milliseconds = best;
      if (best[fastest]! < GAIN * best[0]!) trial.chosen = fastest;
    } catch {
      // The device was lost; the next call says so.
    }
  }
}

/** Whether a trial is worth while: the device has timestamps, and is not emulated on the CPU, where compiling takes longest. */
function canTime({ device, supportTimestampQuery }: WebgpuBackend): boolean {
  return supportTimestampQuery && !device.adapterInfo?.isFallbackAdapter;
}
