import { dispose, type Tensor, zeros } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { median } from '../base/numbers.js';
import type { Graph } from '../tfjs/graph.js';
import { inputShapeOf } from '../tfjs/models.js';

/** Predictions that are measured, after one that is not. */
const RUNS = 5;

/**
 * The median times that two networks take for one image, in milliseconds, measured in turns; null where the size of images is
 * not fixed.
 */
export async function predictionTimes(
  graphs: readonly [Graph, Graph],
): Promise<{ before: number; after: number } | null> {
  const shape = inputShapeOf(graphs[0].model);
  if (shape.includes(null)) return null;
  const image = zeros([1, ...(shape as number[])], graphs[0].model.inputs[0]!.dtype);
  try {
    const times: [number[], number[]] = [[], []];
    for (let run = 0; run <= RUNS; run++) {
      for (const [i, { model }] of graphs.entries()) {
        const taken = await timeOf(model, image);
        if (run > 0) times[i]!.push(taken);
      }
    }
    return { before: median(times[0]), after: median(times[1]) };
  } finally {
    image.dispose();
  }
}

async function timeOf(model: LayersModel, image: Tensor): Promise<number> {
  const start = performance.now();
  const outputs = [model.predict(image)].flat() as Tensor[];
  try {
    await Promise.all(outputs.map((one) => one.data()));
  } finally {
    dispose(outputs);
  }
  return performance.now() - start;
}
