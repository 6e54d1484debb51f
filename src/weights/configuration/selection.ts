import { layers } from '@tensorflow/tfjs-layers';
import { constant, MAX_CHANNELS } from './affine.js';
import type { Fields } from './fields.js';
import { asRecord } from './graph.js';
import { type Stage, unary } from './stage.js';

/** The operation `x[..., ::-1]`, and whatever else takes channels as they are. */
export const SELECTION_LAYERS: Record<string, (fields: Fields) => Stage> = {
  /** Computed by a dense layer whose kernel has a single 1 for each output, which is exact and constant in training. */
  GetItem(fields) {
    const selection = fields.take('selection');
    return unary((x, site) => {
      const channels = x.shape.at(-1) ?? 0;
      const chosen = chosenOf(selection, x.shape.length, channels);
      if (!chosen || chosen.length === 0 || channels > MAX_CHANNELS) {
        return fields.fail(
          'takes a part of a tensor other than some of its channels, which TensorFlow.js does not compute; save a model without it.',
        );
      }
      const kernel = new Float32Array(channels * chosen.length);
      for (const [i, channel] of chosen.entries()) kernel[channel * chosen.length + i] = 1;
      site.derive({ weights: [], compute: () => [] });
      return site.apply(
        '',
        (common) =>
          layers.dense({
            ...common,
            units: chosen.length,
            useBias: false,
            trainable: false,
            kernelInitializer: constant(kernel, [channels, chosen.length]),
          }),
        x,
      );
    });
  },
};

/** The channels that a selection takes, in order; undefined if it is not one of channels alone. */
function chosenOf(selection: unknown, rank: number, channels: number): number[] | undefined {
  const parts = Array.isArray(selection) ? selection : [selection];
  const dots = parts.findIndex((part) => asRecord(part).class_name === '__ellipsis__');
  const others = parts.filter((_, i) => i !== dots).slice(0, -1);
  const reachesLast = dots >= 0 ? dots < parts.length - 1 && parts.length <= rank + 1 : parts.length === rank;
  const full = others.every((part) => indicesOf(part, Number.MAX_SAFE_INTEGER) === 'all');
  if (!reachesLast || !full) return undefined;
  const last = parts.at(-1);
  if (Array.isArray(last)) {
    const chosen = last.map((one) => (one < 0 ? one + channels : one));
    return chosen.every((one) => Number.isSafeInteger(one) && one >= 0 && one < channels)
      ? chosen
      : undefined;
  }
  const indices = indicesOf(last, channels);
  return indices === 'all' ? Array.from({ length: channels }, (_, i) => i) : indices;
}

/** The indices of a slice, by Python's rules. */
function indicesOf(slice: unknown, length: number): number[] | 'all' | undefined {
  const record = asRecord(slice);
  const { start, stop, step } = record.class_name === '__slice__' ? asRecord(record.config) : record;
  if (!('stop' in record) && record.class_name !== '__slice__') return undefined;
  const isIndex = (one: unknown) => one === null || one === undefined || Number.isSafeInteger(one);
  if (![start, stop, step].every(isIndex) || step === 0) return undefined;
  const by = (step as number | null) ?? 1;
  if (by === 1 && (start ?? 0) === 0 && (stop ?? null) === null) return 'all';
  // A step backward begins at the last index and ends before the first.
  const [low, high] = by > 0 ? [0, length] : [-1, length - 1];
  const clamped = (index: unknown, fallback: number) =>
    typeof index === 'number' ? Math.min(Math.max(index < 0 ? index + length : index, low), high) : fallback;
  const [from, to] = [clamped(start, by > 0 ? low : high), clamped(stop, by > 0 ? high : low)];
  const indices: number[] = [];
  for (let i = from; (by > 0 ? i < to : i > to) && indices.length <= MAX_CHANNELS; i += by) indices.push(i);
  return indices;
}
