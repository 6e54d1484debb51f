import type { layers } from '@tensorflow/tfjs-layers';
import type { Link } from './links.js';

/** The largest magnitudes of a kernel for each input and output channel, `[inputs, outputs]`. */
export interface Ranges {
  /** 1 where the inputs are not scaled. */
  inputs: number;
  outputs: number;
  largest: Float32Array;
}

/** Rounds over all links. The scales of far layers move one another by less and less; what is left is the same for a whole layer. */
const ROUNDS = 20;

/** Scales are at most this, and at least its inverse: more would only take float32 to its limits. */
const LARGEST_SCALE = 2 ** 20;

/**
 * For each link, the numbers that its channels are divided by, so that each channel's largest weight is the same before and after
 * it. Channels without weights before or after are left alone.
 */
export function scalesOf(
  links: readonly Link[],
  ranges: ReadonlyMap<layers.Layer, Ranges>,
): Map<Link, Float64Array> {
  const scales = new Map(links.map((link) => [link, new Float64Array(link.channels).fill(1)]));
  const endingAt = new Map(links.map((link) => [link.to, link]));
  const startingAt = new Map(links.map((link) => [link.from, link]));
  const of = (link: Link | undefined) => link && scales.get(link);
  for (let round = 0; round < ROUNDS; round++) {
    for (const link of links) {
      const before = largestOutputs(ranges.get(link.from)!, of(endingAt.get(link.from)));
      const after = largestInputs(ranges.get(link.to)!, of(startingAt.get(link.to)));
      const own = scales.get(link)!;
      for (let i = 0; i < own.length; i++) {
        if (before[i] === 0 || after[i] === 0) continue;
        const scale = Math.sqrt(before[i]! / after[i]!);
        own[i] = Math.min(LARGEST_SCALE, Math.max(1 / LARGEST_SCALE, scale));
      }
    }
  }
  return scales;
}

/** The largest magnitude of each output channel, with the inputs scaled. */
function largestOutputs({ inputs, outputs, largest }: Ranges, scales?: Float64Array): Float64Array {
  const found = new Float64Array(outputs);
  for (let input = 0, i = 0; input < inputs; input++) {
    const scale = scales?.[input] ?? 1;
    for (let output = 0; output < outputs; output++, i++) {
      found[output] = Math.max(found[output]!, largest[i]! * scale);
    }
  }
  return found;
}

/** The largest magnitude for each input channel, with the outputs scaled. */
function largestInputs({ inputs, outputs, largest }: Ranges, scales?: Float64Array): Float64Array {
  const found = new Float64Array(inputs);
  for (let input = 0, i = 0; input < inputs; input++) {
    for (let output = 0; output < outputs; output++, i++) {
      found[input] = Math.max(found[input]!, largest[i]! / (scales?.[output] ?? 1));
    }
  }
  return found;
}
