import { add, dispose, mul, sub, type Tensor, tensor, tidy } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { drawBits, fillNormal } from '../base/random.js';
import { size } from '../base/shapes.js';
import { hasKernel, runOwnKernel } from '../tfjs/kernels.js';
import { unwrapped } from '../tfjs/normConstants.js';
import { type Replacement, replaceCalls, together } from '../tfjs/replaceCalls.js';
import { recordAsOne } from '../tfjs/tape.js';

/** The layers of a model that draw random numbers in training, during a run's steps. */
export interface SeededLayers extends Replacement {
  /** Selects the numbers of a step: those of its examples from `first` on, by default of all. */
  setStep(step: number, first?: number): void;
}

/** Added to the seed for each further draw of a step: 2^32 over the golden ratio. */
const AGAIN = 0x9e3779b9;

/** Which numbers of a stream of the generator a layer draws: `count` of them, behind the first `skipped`, for a shape. */
interface Drawn {
  seed: number;
  stream: number;
  skipped: number;
  count: number;
  shape: number[];
}

/** Draws a number for each of the input, or fewer, which are broadcast: null in `shape` is the length of the input's axis. */
type Draw = (shape?: readonly (number | null)[] | null) => Drawn;

/** The fields of tfjs's layers that draw. */
interface Drawing {
  rate: number;
  stddev: number;
  noiseShape?: readonly (number | null)[] | null;
}

/** What a layer computes in training. */
type Rule = (x: Tensor, layer: Drawing, draw: Draw) => Tensor;

/** The slope for negative numbers and the scale of SELU (Klambauer et al. 2017), for alpha dropout. */
const [ALPHA, SCALE] = [1.6732632423543772, 1.0507009873554805];

/** The layers that draw, by class. */
const RULES: Record<string, Rule> = {
  Dropout(x, { rate, noiseShape }, draw) {
    const kept = 1 / (1 - rate);
    const isWhole = noiseShape == null && x.dtype === 'float32';
    if (isWhole && hasKernel('Dropout')) {
      const bits = keptOf(draw(), rate);
      // Bits go to a device in a 32nd of the time.
      return keepSome(x, tensor(bits, [bits.length], 'int32'), kept);
    }
    return mul(x, maskOf(draw(noiseShape), rate, kept));
  },
  SpatialDropout1D: (x, { rate }, draw) => mul(x, maskOf(draw([null, 1, null]), rate, 1 / (1 - rate))),
  GaussianNoise: (x, { stddev }, draw) => add(x, noiseOf(draw(), stddev)),
  GaussianDropout: (x, { rate }, draw) => mul(x, add(1, noiseOf(draw(), Math.sqrt(rate / (1 - rate))))),
  AlphaDropout(x, { rate, noiseShape }, draw) {
    const floor = -ALPHA * SCALE;
    const scale = ((1 - rate) * (1 + rate * floor ** 2)) ** -0.5;
    const kept = maskOf(draw(noiseShape), rate, 1);
    const dropped = mul(floor, sub(1, kept));
    return add(mul(scale, add(mul(x, kept), dropped)), -scale * floor * rate);
  },
};

/**
 * Makes the layers of a model that draw random numbers, such as dropout, draw them from a run's seed: different ones at each step,
 * and the same in every process, on every backend and for batches in parts, so that runs are reproducible. In tfjs a dropout layer
 * with a seed draws the same mask at every step, and one without draws different masks in every process.
 */
export function seedLayers(model: LayersModel, seed: number): SeededLayers {
  const all = unwrapped(model.layers).map(({ layer }) => layer);
  const drawing = all.filter((layer) => Object.hasOwn(RULES, layer.getClassName()));
  const cells = all.filter((layer) => 'dropoutFunc' in layer) as unknown as Cell[];
  const sources = drawing.length + cells.length;
  let [step, first] = [0, 0];
  /** How often each has drawn in this step: a wrapper calls its layer for each part of an example. */
  let draws: number[] = [];
  const drawingOf = (i: number, input: readonly number[]): Draw => {
    const again = draws[i] ?? 0;
    draws[i] = again + 1;
    // Far from the streams of the initial weights.
    const stream = 0x80000000 + i + sources * step;
    return (noiseShape) => {
      const shape = noiseShape ?? input.map(() => null);
      const [examples, ...row] = shape.map((length, axis) => length ?? input[axis]!) as [number];
      // Examples may share their numbers.
      const skipped = (shape[0] == null ? first : 0) * size(row);
      const drawn = { seed: (seed + again * AGAIN) >>> 0, stream, skipped };
      return { ...drawn, count: examples * size(row), shape: [examples, ...row] };
    };
  };
  const calls = replaceCalls(drawing, (layer, own, i) => {
    const rule = RULES[layer.getClassName()]!;
    const fields = layer as unknown as Drawing;
    return (inputs, kwargs) => {
      if (kwargs.training !== true || fields.rate <= 0 || fields.rate >= 1) return own(inputs, kwargs);
      const x = [inputs].flat()[0] as Tensor;
      return tidy(() => rule(x, fields, drawingOf(i, x.shape)));
    };
  });
  return {
    setStep(now, from = 0) {
      [step, first, draws] = [now, from, []];
    },
    ...together([calls, seededCells(cells, (i, input) => drawingOf(drawing.length + i, input))]),
  };
}

/** What tfjs's recurrent cells keep of their dropout. */
interface Cell {
  dropoutFunc: unknown;
  dropoutMask: Tensor | Tensor[] | null;
  recurrentDropoutMask: Tensor | Tensor[] | null;
}

/** Makes the dropout of recurrent cells draw by `drawingOf`, and frees the masks of each step, which tfjs keeps until the next. */
function seededCells(
  cells: readonly Cell[],
  drawingOf: (i: number, input: readonly number[]) => Draw,
): Replacement {
  const own = cells.map(({ dropoutFunc }) => dropoutFunc);
  const set = (funcOf: (i: number) => unknown) => {
    for (const [i, cell] of cells.entries()) {
      for (const masks of [cell.dropoutMask, cell.recurrentDropoutMask]) dispose(masks ?? []);
      Object.assign(cell, { dropoutFunc: funcOf(i), dropoutMask: null, recurrentDropoutMask: null });
    }
  };
  return {
    install: () =>
      set((i) => (ones: Tensor, rate: number) => maskOf(drawingOf(i, ones.shape)(), rate, 1 / (1 - rate))),
    restore: () => set((i) => own[i]),
  };
}

/** Bits of what dropout keeps: all but a fraction `rate`. */
function keptOf({ seed, stream, skipped, count }: Drawn, rate: number): Int32Array {
  return drawBits(rate - 0.5, [skipped, count], seed, stream);
}

/** `kept` where dropout keeps a number, and 0 elsewhere. */
function maskOf(drawn: Drawn, rate: number, kept: number): Tensor {
  const bits = keptOf(drawn, rate);
  const values = new Float32Array(drawn.count);
  // A product, because an unpredictable branch takes as long as the draw.
  for (let i = 0; i < values.length; i++) values[i] = kept * ((bits[i >> 5]! >> i) & 1);
  return tensor(values, drawn.shape);
}

/** Normal numbers of mean 0. */
function noiseOf({ seed, stream, skipped, count, shape }: Drawn, stddev: number): Tensor {
  const values = new Float32Array(skipped + count);
  fillNormal(values, stddev, seed, stream);
  return tensor(values.subarray(skipped), shape);
}

/** Dropout by a kernel, with its gradient. */
function keepSome(x: Tensor, bits: Tensor, kept: number): Tensor {
  return recordAsOne(
    [x],
    () => ({ y: runOwnKernel('Dropout', { x, bits }, { kept }), kept: [bits] }),
    (dy, [bits]) => [runOwnKernel('Dropout', { x: dy, bits: bits! }, { kept })],
  );
}
