import { reshape } from '@tensorflow/tfjs-core';
import { initializers, layers } from '@tensorflow/tfjs-layers';
import { fail } from '../base/check.js';
import { activationOf, lastCalls } from '../tfjs/classifier.js';
import { copiedLayer } from '../tfjs/copiedLayer.js';
import { type Call, compute, type Graph } from '../tfjs/graph.js';
import { layerShapes } from '../tfjs/imageSize.js';
import { ELEMENTWISE, SPATIAL } from '../tfjs/layerKinds.js';
import type { ImageShape } from './options.js';

/** Height and width. */
type Window = [number, number];

/**
 * What a tensor of the model is in the convolutional one: the same map; the map that the model has flattened; or a map each of whose
 * positions is the model's vector for one window.
 */
type Form = { is: 'map' | 'vector' } | { is: 'flattened'; window: Window };

/** The layer that takes a call's place. */
export interface Conversion {
  /** The same for calls of one layer that stay calls of one layer. */
  key: string;
  /** Makes it; undefined where nothing is needed. */
  make?: () => layers.Layer;
}

/** What combines maps position by position. */
const COMBINING = ['Add', 'Average', 'Maximum', 'Minimum', 'Multiply', 'Concatenate'];

/** Layers that work along one axis, which must be that of the channels. */
const ALONG_AXIS = ['BatchNormalization', 'Softmax', 'Concatenate'];

/** Whether a layer may stand before the flatten. */
const isOnMaps = (kind: string) =>
  [ELEMENTWISE, SPATIAL, COMBINING, ALONG_AXIS, ['SpatialDropout2D', 'PReLU', 'Dense', 'Rescaling']].some(
    (kinds) => kinds.includes(kind),
  );

/** Whether a layer may stand behind it, besides dense ones. */
const isOnVectors = (kind: string) =>
  ELEMENTWISE.includes(kind) || kind === 'BatchNormalization' || kind === 'Softmax';

/**
 * How each call of a model becomes one of a convolutional model.
 *
 * @param image the size of the images whose maps are the windows.
 * @param logits whether the softmax or sigmoid at the end is left out, which makes its call a bare one.
 * @throws RangeError when a layer depends on the size of its input.
 */
export function conversionsOf(
  where: string,
  graph: Graph,
  image: ImageShape,
  logits: boolean,
): Map<Call, Conversion> {
  const shapes = new Map([[graph.input, [[null, ...image]]]]) as Map<Call, readonly (number | null)[][]>;
  for (const { call, shapes: own } of layerShapes(graph, graph.outputs, [null, ...image]))
    shapes.set(call, [...own]);
  const final = lastCalls(graph).find((call) => activationOf(call) !== 'linear');
  const bare = logits && final && /^(softmax|sigmoid)$/.test(activationOf(final)) ? final : undefined;
  const conversions = new Map<Call, Conversion>();
  const [form] = compute<Form>(graph.outputs, new Map([[graph.input, [{ is: 'map' }]]]), (call, inputs) => {
    const [from] = call.inputs.map((input) => shapes.get(input.call)![input.index]!.slice(1) as number[]);
    const [to, ...others] = shapes.get(call)!;
    const converted = others.length === 0 && convert(call, inputs, from!, to!.length - 1, call === bare);
    if (!converted) return fail(where, refusal(call, inputs[0]!));
    conversions.set(call, converted.conversion);
    return [converted.form];
  });
  if (form!.is === 'flattened') {
    fail(where, "the model's output is the flattened map itself; pass one with a dense layer behind it.");
  }
  return conversions;
}

interface Converted {
  conversion: Conversion;
  form: Form;
}

/**
 * The conversion of a call and the form of its output; undefined if there is none.
 *
 * @param from the model's shape of the first input, without the batch.
 * @param rank the model's rank of the output, without the batch.
 */
function convert(
  { layer }: Call,
  [form, ...others]: Form[],
  from: readonly number[],
  rank: number,
  bare: boolean,
): Converted | undefined {
  const kind = layer.getClassName();
  const config = layer.getConfig();
  const keyed = (suffix: unknown, make?: () => layers.Layer): Conversion => ({
    key: `${layer.id} ${bare} ${suffix}`,
    make,
  });
  const skipped = keyed('');
  const copied = (rankChanges = false) => keyed('', () => copyOf(layer, bare, rankChanges));
  if (config.dataFormat === 'channelsFirst') return undefined;
  if (bare && /^(Softmax|Activation)$/.test(kind)) return { conversion: skipped, form: form! };
  const window = from.slice(0, 2) as Window;
  if (form!.is === 'map') {
    if (kind === 'Flatten' || (kind === 'Reshape' && rank === 1)) {
      return { conversion: skipped, form: { is: 'flattened', window } };
    }
    const pooling = /^Global(Average|Max)Pooling2D$/.exec(kind)?.[1];
    if (pooling)
      return { conversion: keyed(window, () => poolingOf(layer, pooling, window)), form: { is: 'vector' } };
    const isMap = rank === 3 && [form!, ...others].every(({ is }) => is === 'map');
    return isMap && isOnMaps(kind) && isAtEachPosition(kind, config, 3)
      ? { conversion: copied(), form: form! }
      : undefined;
  }
  if (others.length > 0 || rank !== 1) return undefined;
  if (kind === 'Flatten' || kind === 'Reshape') return { conversion: skipped, form: form! };
  if (kind === 'Dense') {
    const own: Window = form!.is === 'flattened' ? form!.window : [1, 1];
    return { conversion: keyed(own, () => convolutionOf(layer, own, bare)), form: { is: 'vector' } };
  }
  if (form!.is === 'flattened') {
    const isAlone = ELEMENTWISE.includes(kind) && config.activation !== 'softmax';
    return isAlone ? { conversion: copied(true), form: form! } : undefined;
  }
  return isOnVectors(kind) && isAtEachPosition(kind, config, 1)
    ? { conversion: copied(true), form: form! }
    : undefined;
}

/** Whether a layer computes the same at each position of a map, where channels are the last axis, `last`. */
function isAtEachPosition(
  kind: string,
  { axis, sharedAxes }: Record<string, unknown>,
  last: number,
): boolean {
  if (kind === 'PReLU') return [1, 2].every((spatial) => (sharedAxes as number[] | null)?.includes(spatial));
  return !ALONG_AXIS.includes(kind) || axis === -1 || axis === last;
}

function refusal({ layer }: Call, form: Form): string {
  if (layer.name.startsWith('avgpool_')) {
    return `${layer.name} averages maps of every size to 7x7; build the model for images of 224x224, which adaptivePool leaves as they are.`;
  }
  const place = { map: 'a map', flattened: 'the flattened map', vector: 'a vector' }[form.is];
  return `${layer.name} (${layer.getClassName()}) on ${place} has no counterpart on larger images; build the model without it.`;
}

function copyOf(layer: layers.Layer, bare: boolean, rankChanges: boolean): layers.Layer {
  const copy = copiedLayer(layer, bare ? 'none' : 'own');
  if (!rankChanges) return copy;
  // What tfjs checks inputs by, and the axis of the channels, are those of vectors.
  const fields = copy as unknown as { inputSpec: unknown; axis?: unknown };
  fields.inputSpec = null;
  if (fields.axis !== undefined) fields.axis = -1;
  return copy;
}

/** A dense layer as a convolution. A row of its weights belongs to a number of the flattened map, whose channels are last. */
function convolutionOf(layer: layers.Layer, kernelSize: Window, bare: boolean): layers.Layer {
  const { units, useBias, activation, trainable } = layer.getConfig();
  const [kernel, bias] = layer.weights.map((weight) => weight.read());
  const sharing = (tensor: typeof kernel) => {
    const initializer = initializers.zeros();
    initializer.apply = (shape) => reshape(tensor!, shape as number[]);
    return initializer;
  };
  return layers.conv2d({
    filters: units as number,
    kernelSize,
    padding: 'valid',
    useBias: useBias as boolean,
    activation: bare ? 'linear' : (activation as 'relu'),
    trainable: trainable as boolean,
    kernelInitializer: sharing(kernel),
    ...(bias && { biasInitializer: sharing(bias) }),
    name: layer.name,
  });
}

/** A global pooling as one of a window. */
function poolingOf({ name }: layers.Layer, kind: string, poolSize: Window): layers.Layer {
  const pooling = kind === 'Average' ? layers.averagePooling2d : layers.maxPooling2d;
  return pooling({ poolSize, strides: 1, padding: 'valid', name });
}
