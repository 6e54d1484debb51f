import type { Checkpoint } from '../formats/checkpoint.js';

/** A layer that a file lists, with or without weights. */
export interface ListedLayer {
  name: string;
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
  return layerNames?.map((name) => ({ name, kind: kindOfName(name) }));
}

/**
 * The layers of a Keras file that has them in no order; undefined if it lacks those without weights, since every VGG has a
 * pooling.
 */
export function layersPresentIn({ layersPresent = [] }: Checkpoint): ListedLayer[] | undefined {
  const layers = layersPresent
    // Those of `adaptivePool` stand between the features and a top of their size.
    .filter(({ name }) => !name.startsWith('avgpool'))
    .map(({ group, name }) => ({ name, kind: kindOfName(group) }));
  return layers.some(({ kind }) => kind === 'pooling' || kind === 'foreign') ? layers : undefined;
}

/** The kind of a layer by Keras' default name for its class, `max_pooling2d_3`, or a usual one of a pooling, `block1_pool`. */
function kindOfName(name: string): ListedKind | undefined {
  const stem = name.replace(/_\d+$/, '');
  const kind = kindWhere((className) => snakeCase(className) === stem);
  if (kind) return kind;
  if (/pool/i.test(name) && !/global|average|avg|gap/i.test(name)) return 'pooling';
  return /relu$/i.test(stem) ? 'activation' : undefined;
}

function kindWhere(fits: (className: string) => boolean): ListedKind | undefined {
  return (Object.keys(KINDS) as ListedKind[]).find((kind) => KINDS[kind].some(fits));
}

/** Keras' default name of a class: `MaxPooling2D` is max_pooling2d, `ReLU` re_lu. */
function snakeCase(className: string): string {
  return className
    .replace(/(.)([A-Z][a-z0-9]+)/g, '$1_$2')
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase();
}
