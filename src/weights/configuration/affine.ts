import { tensor } from '@tensorflow/tfjs-core';
import { initializers, layers, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { size } from '../../base/shapes.js';
import type { Fields } from './fields.js';
import { asRecord } from './graph.js';
import { type Initializer, type Site, type Stage, unary } from './stage.js';

/** Layers that compute `scale * x + offset` by constants. */
export const AFFINE_LAYERS: Record<string, (fields: Fields) => Stage> = {
  Rescaling: (fields) => rescaling(fields),
  /** An operation with a number or an array of `rank` axes, which must not give its result more axes. */
  Affine(fields) {
    const rank = fields.number('rank', 0);
    const stage = rescaling(fields);
    return (inputs, site) => {
      if (inputs[0]!.shape.length < rank)
        fields.fail(`computes with an array of ${rank} axes, more than its input has.`);
      return stage(inputs, site);
    };
  },
  Normalization(fields) {
    const axis = fields.take('axis');
    const axes = Array.isArray(axis) ? axis : [axis];
    const invert = fields.flag('invert', false);
    const given = fields.take('mean') !== undefined;
    const [mean, variance] = [numbersOf(fields, 'mean', 0), numbersOf(fields, 'variance', 1)];
    return unary((x, site) => {
      const rank = x.shape.length;
      const ofChannels = axes.length === 1 && (axes[0] === -1 || axes[0] === rank - 1);
      const scalar = axes.length === 0 || axis === undefined;
      if (!ofChannels && !scalar) fields.refuse('axis', axis, 'the last one, or null');
      if (given) return affine(fields, x, site, normalizing(mean, variance, invert));
      const shape = scalar ? [] : [x.shape.at(-1) ?? 0];
      site.derive({
        weights: [{ name: 'mean', shape }, { name: 'variance', shape }, { name: 'count' }],
        compute([m, v]) {
          if (v!.some((one) => one < 0)) fields.fail('has a negative variance; adapt it again.');
          return constantsOf(normalizing([...m!], [...v!], invert), x);
        },
      });
      return affine(fields, x, site, { scale: [0], offset: [0] });
    });
  },
};

function rescaling(fields: Fields): Stage {
  const [scale, offset] = [numbersOf(fields, 'scale', 1), numbersOf(fields, 'offset', 0)];
  if (scale.length === 1 && offset.length === 1) {
    return unary((x, site) =>
      site.apply('', (common) => layers.rescaling({ ...common, scale: scale[0]!, offset: offset[0]! }), x),
    );
  }
  return unary((x, site) => affine(fields, x, site, { scale, offset }));
}

/** One number or a list of them, which Keras 3 may write as a serialized array. */
function numbersOf(fields: Fields, name: string, fallback: number): number[] {
  const value = fields.take(name) ?? fallback;
  const { class_name: className, config } = asRecord(value);
  const list = className === '__numpy__' || className === '__tensor__' ? asRecord(config).value : value;
  const numbers = [list].flat(4);
  return numbers.every((one) => typeof one === 'number')
    ? (numbers as number[])
    : fields.refuse(name, value, 'a number or a list of numbers');
}

/** (x - mean) / max(sqrt(variance), 1e-7), as Keras computes it, or its inverse. */
function normalizing(mean: number[], variance: number[], invert: boolean): Affine {
  const deviations = variance.map((one) => Math.max(Math.sqrt(one), 1e-7));
  if (invert) return { scale: deviations, offset: mean };
  return {
    scale: deviations.map((one) => 1 / one),
    offset: mean.map((one, i) => -one / deviations[i % deviations.length]!),
  };
}

/** `scale * x + offset`, each number for all channels or a list of one for each. */
interface Affine {
  scale: number[];
  offset: number[];
}

/**
 * Computes `scale * x + offset` by constants of a 1x1 depthwise convolution, or of a dense layer with a diagonal kernel where
 * `x` is not a map. They stay constant in training.
 */
function affine(fields: Fields, x: SymbolicTensor, site: Site, values: Affine): SymbolicTensor {
  const channels = x.shape.at(-1);
  if (!channels || channels > MAX_CHANNELS)
    fields.fail(`has ${channels ?? 'no fixed number of'} channels; at most ${MAX_CHANNELS} are supported.`);
  const wrong = [values.scale, values.offset].find(({ length }) => length !== 1 && length !== channels);
  if (wrong) fields.fail(`has ${wrong.length} numbers for ${channels} channels.`);
  const [kernel, bias] = constantsOf(values, x).map((numbers, i) => constant(numbers, shapesOf(x)[i]!));
  const args = { trainable: false, biasInitializer: bias };
  site.derive({ weights: [], compute: () => [] });
  return site.apply(
    '',
    (common) =>
      x.shape.length === 4
        ? layers.depthwiseConv2d({ ...common, ...args, kernelSize: 1, depthwiseInitializer: kernel })
        : layers.dense({ ...common, ...args, units: channels, kernelInitializer: kernel }),
    x,
  );
}

/** A diagonal kernel has the square of the channels; images have few. */
export const MAX_CHANNELS = 4096;

/** Kernel and bias. */
function shapesOf({ shape }: SymbolicTensor): number[][] {
  const channels = shape.at(-1)!;
  return [shape.length === 4 ? [1, 1, channels, 1] : [channels, channels], [channels]];
}

function constantsOf({ scale, offset }: Affine, x: SymbolicTensor): Float32Array[] {
  const channels = x.shape.at(-1)!;
  const at = (numbers: number[], i: number) => numbers[numbers.length === 1 ? 0 : i]!;
  const step = x.shape.length === 4 ? 1 : channels + 1;
  const kernel = new Float32Array(size(shapesOf(x)[0]!));
  for (let i = 0; i < channels; i++) kernel[i * step] = at(scale, i);
  return [kernel, Float32Array.from({ length: channels }, (_, i) => at(offset, i))];
}

/** An initializer of a weight that is no weight in the file. */
export function constant(numbers: Float32Array, shape: number[]): Initializer {
  const initializer = initializers.zeros();
  initializer.apply = () => tensor(numbers, shape);
  return initializer;
}
