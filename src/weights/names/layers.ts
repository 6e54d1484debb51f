import type { Checkpoint } from '../formats/checkpoint.js';
import { printable } from '../formats/error.js';
import { snakeCase } from '../formats/keras/snakeCase.js';

/** A layer that a file lists, with or without weights. */
export interface ListedLayer {
  name: string;
  /** Its name by its class, if the file has it beside its own. */
  group: string;
  kind: ListedKind | undefined;
}

type ListedKind = keyof typeof KINDS;

/** Kinds of layers that matter for reading names, by the classes of Keras. */
const KINDS = {
  conv: ['Conv2D'],
  pooling: ['MaxPooling2D'],
  globalAverage: ['GlobalAveragePooling2D'],
  globalMax: ['GlobalMaxPooling2D'],
  flatten: ['Flatten'],
  activation: ['ReLU', 'Activation'],
  softmax: ['Softmax'],
  zeroPadding: ['ZeroPadding2D'],
  foreign: [
    'AveragePooling2D',
    'Minimum',
    'Dot',
    'CenterCrop',
    'RandomCrop',
    'UnitNormalization',
    'LeakyReLU',
    'PReLU',
    'ELU',
    'ThresholdedReLU',
    'Rescaling',
    'Normalization',
    'Resizing',
    'Reshape',
    'Permute',
    'Lambda',
    'Add',
    'Average',
    'Concatenate',
    'Maximum',
    'Multiply',
    'Subtract',
    'UpSampling2D',
    'Cropping2D',
    'AlphaDropout',
  ],
} as const;

/** The layers that a Keras file of weights lists in their order; undefined if it lists only those with weights. */
export function layersOf({ layerNames }: Checkpoint): ListedLayer[] | undefined {
  return layerNames?.map((name) => ({ name, group: name, kind: kindOfName(name) }));
}

/** The layers of a Keras file that has them in no order; undefined if it lacks those without weights. */
export function layersPresentIn({ layersPresent = [] }: Checkpoint): ListedLayer[] | undefined {
  const layers = layersPresent
    // Those of `adaptivePool` stand between the features and a top of their size.
    .filter(({ name }) => !name.startsWith('avgpool'))
    .map(({ group, name }) => ({ name, group, kind: kindOfName(group) ?? kindOfName(name) }));
  return listsAll(layers) ? layers : undefined;
}

/** Whether layers without weights are listed too. */
export function listsAll(layers: readonly ListedLayer[] | undefined): boolean {
  return !!layers?.some(({ kind }) => kind !== undefined && kind !== 'conv');
}

/** The kind of a layer by Keras' default name for its class, `max_pooling2d_3`, or a usual one of a pooling, `block1_pool`. */
function kindOfName(name: string): ListedKind | undefined {
  const stem = name.replace(/_\d+$/, '');
  const kind = kindWhere((className) => snakeCase(className) === stem);
  if (kind) return kind;
  if (/pool/i.test(name) && !/global|average|avg|gap/i.test(name)) return 'pooling';
  if (/flat/i.test(name)) return 'flatten';
  return /relu$/i.test(stem) ? 'activation' : undefined;
}

/**
 * Why a VGG's head cannot be what the listed layers compute, if it cannot.
 *
 * @param head the names of its fully connected layers.
 * @param listed the layers, in their order if `isOrdered`.
 * @param pooling what the caller says of the layers before the head.
 */
export function problemOfList(
  head: readonly string[],
  listed: readonly ListedLayer[],
  isOrdered: boolean,
  pooling: unknown,
): string | undefined {
  const first = printable(head[0]!);
  const isVector = ({ kind, name }: ListedLayer) =>
    kind === 'flatten' || kind === 'globalAverage' || kind === 'globalMax' || /global|gap/i.test(name);
  const at = listed.findIndex(isVector);
  const start = listed.findIndex(({ name }) => name === head[0]);
  if (at < 0 || (isOrdered && start >= 0 && start < at)) {
    return `it lists no Flatten or global pooling before '${first}', which therefore takes a feature map`;
  }
  if (!isOrdered && head.length > 1 && listed[at]!.kind !== 'flatten' && !pooling) {
    return `whether '${first}' follows the global pooling or precedes it cannot be known; pass pooling: 'avg' or 'max' if it follows it`;
  }
  return undefined;
}

/**
 * What a layer after the last one with weights computes: a softmax, or an activation whose kind the file does not say.
 *
 * @param counts of convolutions and hidden layers, which have an activation each or none.
 */
export function endOfList(
  listed: readonly ListedLayer[],
  isOrdered: boolean,
  last: string | undefined,
  [convs, hidden]: readonly [convs: number, hidden: number],
): 'softmax' | 'unknown' | undefined {
  if (listed.some(({ kind }) => kind === 'softmax')) return 'softmax';
  if (last === undefined) return undefined;
  const activations = listed.filter(({ kind, group }) => kind === 'activation' && /^activation/.test(group));
  if (activations.length === 0) return undefined;
  const isAfter = isOrdered
    ? listed.indexOf(activations.at(-1)!) > listed.findIndex(({ name }) => name === last)
    : ![convs, hidden, convs + hidden].includes(activations.length);
  return isAfter ? 'unknown' : undefined;
}

function kindWhere(fits: (className: string) => boolean): ListedKind | undefined {
  return (Object.keys(KINDS) as ListedKind[]).find((kind) => KINDS[kind].some(fits));
}
