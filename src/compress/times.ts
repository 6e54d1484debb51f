import { dispose, type Tensor, tidy, zeros } from '@tensorflow/tfjs-core';
import type { LayersModel, layers } from '@tensorflow/tfjs-layers';
import { median } from '../base/numbers.js';
import type { Graph } from '../tfjs/graph.js';
import { inputShapeOf } from '../tfjs/models.js';

/** Runs that are measured, after one that is not. */
const RUNS = 5;

/** The median time that a network takes for one image, in milliseconds; null where the size of images is not fixed. */
export function predictionTime(model: LayersModel): Promise<number | null> {
  const dtype = model.inputs[0]!.dtype;
  return timeOf(inputShapeOf(model), dtype, (image) => [model.predict(image)].flat() as Tensor[]);
}

/** The same of some layers of a network, measured one by one: what it would take less without them. */
export async function layerTimes(
  { calls }: Graph,
  isWanted: (layer: layers.Layer) => boolean,
): Promise<number> {
  let total = 0;
  for (const { layer } of calls) {
    if (!isWanted(layer)) continue;
    const [input] = [layer.getInputAt(0)].flat();
    const run = (x: Tensor) => [layer.apply(x)].flat() as Tensor[];
    total += (await timeOf(input!.shape.slice(1), 'float32', run)) ?? 0;
  }
  return total;
}

async function timeOf(
  shape: readonly (number | null)[],
  dtype: Tensor['dtype'],
  run: (x: Tensor) => Tensor[],
): Promise<number | null> {
  if (shape.includes(null)) return null;
  const x = zeros([1, ...(shape as number[])], dtype);
  const times: number[] = [];
  try {
    for (let i = 0; i <= RUNS; i++) {
      const start = performance.now();
      const outputs = tidy(() => run(x));
      await Promise.all(outputs.map((one) => one.data())).finally(() => dispose(outputs));
      if (i > 0) times.push(performance.now() - start);
    }
  } finally {
    x.dispose();
  }
  return median(times);
}
