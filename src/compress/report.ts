import type { layers } from '@tensorflow/tfjs-layers';
import { checkArguments, FINITE, listOf, orNull, recordOf, STRING } from '../base/arguments.js';
import { table } from '../figures/table.js';
import type { Graph } from '../tfjs/graph.js';
import type { Agreement } from './agreement.js';
import { BYTES, type StoredAs, weightBytes } from './bytes.js';
import { type ChosenRank, sizeOf } from './chooseRanks.js';
import { sizeAt } from './ranks.js';

/** What `compress` did with a layer. */
export interface LayerReport {
  name: string;
  /** The bytes of its weights in a file of the original, float32. */
  bytesBefore: number;
  /** Those in a file of the result. */
  bytesAfter: number;
  /** The rank of the two layers in its place; null for a layer that stays whole. */
  rank: number | null;
  /**
   * How far its output is off by the lower rank alone, relative to its size: over the calibration images, around their mean; without
   * images, over inputs of which none stands out. 0 for a layer that stays whole.
   */
  error: number;
}

/** What `compress` did, and what came of it. */
export interface CompressReport {
  /** How the kernels are stored. */
  quantize: StoredAs;
  /** The bytes of all weights in a file of the original, float32, and of the result, beside which `model.json` is some kB. */
  bytes: { before: number; after: number };
  /** The layers that have weights, in order; unless `quantize` is `'none'`, of the network with batch normalization folded. */
  layers: LayerReport[];
  /** On every fifth image, which was not calibrated on; null without images. */
  agreement: Agreement | null;
  /**
   * The median time of a prediction for one image, on the current backend; null where the size of images is not fixed. `before` is `after` plus what
   * the layers that were replaced took, measured one by one.
   */
  milliseconds: { before: number; after: number } | null;
}

/** The part of a report that follows from the layers. */
export function layerReports(
  { calls }: Graph,
  chosen: ReadonlyMap<layers.Layer, ChosenRank>,
  stored: StoredAs,
  isCalibrated: boolean,
): LayerReport[] {
  const all = [...new Set(calls.map(({ layer }) => layer))].filter(({ weights }) => weights.length > 0);
  return all.map((layer) => {
    const { rank, error } = chosen.get(layer) ?? { rank: null, error: 0 };
    const bytesBefore = weightBytes(layer.weights, 'none');
    if (rank === null)
      return { name: layer.name, bytesBefore, bytesAfter: weightBytes(layer.weights, stored), rank, error };
    const size = sizeOf(layer);
    const bias = isCalibrated || layer.weights.length > 1 ? BYTES.none * size.outputs : 0;
    return {
      name: layer.name,
      bytesBefore,
      bytesAfter: BYTES[stored] * sizeAt(size, rank) + bias,
      rank,
      error,
    };
  });
}

const both = recordOf('{ before, after }', { before: FINITE, after: FINITE });
const ofLayer = recordOf('the report of a layer', {
  name: STRING,
  bytesBefore: FINITE,
  bytesAfter: FINITE,
  rank: orNull(FINITE),
  error: FINITE,
});
const ofAgreement = recordOf('what agreement returns', {
  images: FINITE,
  top1: orNull(FINITE),
  top5: orNull(FINITE),
  cosine: FINITE,
});
const REPORT = recordOf('the report that compress returns', {
  bytes: both,
  layers: listOf(ofLayer),
  agreement: orNull(ofAgreement),
  milliseconds: orNull(both),
});

/**
 * A report as text: a table of the layers, and the sums below it.
 *
 * @throws RangeError when it is no such report.
 * @example console.log(compressTable(report));
 */
export function compressTable(report: CompressReport): string {
  checkArguments('compressTable', { report }, { report: REPORT });

  const { bytes, layers, agreement, milliseconds } = report;
  const rows = layers.map(({ name, bytesBefore, bytesAfter, rank, error }) => [
    name,
    kilobytes(bytesBefore),
    kilobytes(bytesAfter),
    rank === null ? 'whole' : String(rank),
    rank === null ? '' : percent(error),
  ]);
  const times = bytes.after > 0 ? `, ${(bytes.before / bytes.after).toFixed(1)} times smaller` : '';
  const lines = [
    table([['layer', 'before', 'after', 'rank', 'error'], ...rows], { right: [1, 2, 3, 4] }),
    `${kilobytes(bytes.before)} to ${kilobytes(bytes.after)}${times}`,
  ];
  if (agreement) {
    const { images, top1, top5, cosine } = agreement;
    const parts = [
      ...(top1 === null ? [] : [`the same class for ${percent(top1)}`]),
      ...(top5 === null ? [] : [`the class among the five most probable for ${percent(top5)}`]),
      `cosine ${cosine.toFixed(4)}`,
    ];
    lines.push(`compared on ${images} images: ${parts.join(', ')}`);
  }
  if (milliseconds) {
    lines.push(`a prediction: ${milliseconds.before.toFixed(1)} to ${milliseconds.after.toFixed(1)} ms`);
  }
  return lines.join('\n');
}

function kilobytes(bytes: number): string {
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(2)} MB`;
}

function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(2)} %`;
}
