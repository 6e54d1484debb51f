import { size } from '../../base/shapes.js';
import { printable } from '../formats/error.js';
import type { StoredTensor } from '../formats/tensor.js';
import type { Features } from './features.js';
import type { ListedLayer } from './layers.js';
import type { Module } from './modules.js';

/** The fully connected layers of a file. */
export interface Head {
  /** The layers from the features to the classes; empty if they cannot be ordered. */
  layers: readonly Linear[];
  /** Every tensor that belongs to it, those that no VGG has included. */
  tensors: readonly StoredTensor[];
  /** Why no VGG has such a head, if so. */
  problem?: string;
}

/** A fully connected layer, perhaps stored as a convolution. */
interface Linear {
  module: Module;
  inputs: number;
  outputs: number;
  /** Height and width of the window, if it is a convolution. */
  window?: readonly [height: number, width: number];
}

/** Names of modules that classify. */
const NAMES =
  /(^|[._])(classifier|classify|fc\d*|head|pre_logits|dense(_\d+)?|linear\d*|predictions|logits|output|top|out)([._]|$)/i;

/**
 * Finds the fully connected layers among the modules that are not features. Their names need not be known: each takes what
 * another gives, which orders them. Where that leaves a choice, numbers in the names decide.
 *
 * @returns undefined if there are none.
 */
export function headOf(
  rest: readonly Module[],
  features: Features,
  channels: number,
  listed: readonly ListedLayer[] | undefined,
  isMapOfOne: boolean,
): Head | undefined {
  const containers = new Set([...features.layers.values()].map(({ path }) => parentOf(path)));
  // Among the convolutions, or around them, stand layers that compute features.
  const isInside = ({ path }: Module) =>
    (features.distance(path) ?? 0) <= 0 &&
    [...containers].some((container) => container !== '' && path.startsWith(`${container}.`));
  const linears = rest.flatMap((module) => (isInside(module) ? [] : (linearOf(module) ?? [])));
  const parents = new Set(linears.map(({ module }) => parentOf(module.path)));
  const starts = linears.map(({ module }) => features.distance(module.path) ?? Number.POSITIVE_INFINITY);
  const start = Math.min(...starts);
  // What follows the last convolution in its `nn.Sequential` still computes features, up to the first linear layer.
  const isBeside = ({ path }: Module) =>
    (features.distance(path) ?? start) >= start &&
    (NAMES.test(path) ||
      features.distance(path) !== undefined ||
      isListedAfter(path, linears, listed) ||
      (parents.has(parentOf(path)) &&
        ![...containers].some((container) => `${container}.`.startsWith(`${parentOf(path)}.`)) &&
        parentOf(path) !== ''));
  const beside = rest.filter(
    (module) =>
      module.kind !== 'conv' &&
      !isInside(module) &&
      !linears.some((linear) => linear.module === module) &&
      isBeside(module),
  );
  if (linears.length === 0 && beside.length === 0) return undefined;
  const tensors = [...linears.map(({ module }) => module), ...beside].flatMap((module) => module.tensors);
  const [odd] = beside;
  if (odd) {
    const what = odd.kind === 'norm' ? 'batch normalization' : 'a layer of another kind';
    return { layers: [], tensors, problem: `its head has ${what} ('${printable(odd.tensors[0]!.name)}')` };
  }
  const stranger = strangerIn(linears, features, channels);
  if (stranger) {
    const names = linears.slice(0, 4).map(({ module }) => `'${printable(module.path)}'`);
    return {
      layers: [],
      tensors,
      problem: `whether its linear layers (${names.join(', ')}) follow each other cannot be known; rename them to fc1, fc2, ... and predictions if they do`,
    };
  }
  const orders = chains(linears, channels);
  const numbered = orders.length > 1 ? orders.filter(followsNumbers) : orders;
  const [layers] = numbered;
  if (!layers || numbered.length > 1) {
    const names = linears
      .slice(0, 4)
      .map(({ module, inputs, outputs }) => `${printable(module.path)} ${inputs} to ${outputs}`);
    const reason =
      orders.length > 0 ? 'can follow each other in more than one order' : 'do not follow each other';
    return {
      layers: [],
      tensors,
      problem: `its linear layers (${names.join(', ')}) ${reason} after ${channels} channels`,
    };
  }
  return { layers, tensors, problem: problemOf(layers, features, channels, isMapOfOne) };
}

/** Words in the names of layers that follow each other in a head. */
const WORDS =
  /^(\d+|(classifier|classify|cls|fc|fcs|lin|linear|dense|head|hidden|mlp|layer|layers|net|model|pre_logits|predictions|logits|output|out|top|final|last)_?\d*)$/i;

/**
 * A linear layer that may be of another branch, if several could take the features: widths also order two classifiers, or a
 * squeeze-and-excitation block and a classifier. Layers numbered in one module follow each other, and so do those with the usual
 * names.
 */
function strangerIn(linears: readonly Linear[], { prefix }: Features, channels: number): Linear | undefined {
  if (linears.filter(({ inputs }) => inputs % channels === 0).length < 2) return undefined;
  const skeletons = new Set(linears.map(({ module }) => module.path.replace(/\d+/g, '#')));
  if (skeletons.size === 1 && linears[0]!.module.path.match(/\d/)) return undefined;
  const own = (path: string) => (path.startsWith(prefix) ? path.slice(prefix.length) : path);
  return linears.find(
    ({ module }) =>
      !own(module.path)
        .split('.')
        .every((word) => WORDS.test(word)),
  );
}

/** Whether a Keras file lists a layer after a linear one. */
function isListedAfter(
  path: string,
  linears: readonly Linear[],
  listed: readonly ListedLayer[] | undefined,
): boolean {
  const at = (name: string) => listed?.findIndex((layer) => layer.name === name) ?? -1;
  return linears.some(({ module }) => at(module.path) >= 0 && at(path) > at(module.path));
}

/** A module as a fully connected layer: a matrix, or the convolution of timm's and Caffe's hidden layers. */
function linearOf(module: Module): Linear | undefined {
  const { kind, outFirst, variables, path } = module;
  const shape = variables.get('kernel')?.shape as number[] | undefined;
  if (!shape || module.tensors.length > variables.size) return undefined;
  if (kind === 'dense') {
    const [a, b] = shape as [number, number];
    return outFirst ? { module, inputs: b, outputs: a } : { module, inputs: a, outputs: b };
  }
  if (kind !== 'conv' || !/(^|\.)(pre_logits\.fc\d|fc\d+)$/.test(path)) return undefined;
  const [height, width, inputs, outputs] = (outFirst ? [shape[2], shape[3], shape[1], shape[0]] : shape) as [
    number,
    number,
    number,
    number,
  ];
  return { module, inputs: inputs * height * width, outputs, window: [height, width] };
}

/** How many positions of `channels` the first fully connected layer takes; undefined if there is none, or its place is unknown. */
export function positionsOf(modules: readonly Module[], channels: number): number | undefined {
  const linears = modules.flatMap((module) => linearOf(module) ?? []);
  const firsts = new Set(chains(linears, channels).map(([first]) => first!.inputs / channels));
  return firsts.size === 1 ? [...firsts][0] : undefined;
}

/** All orders in which each layer takes what the one before gives, and the first a number of positions of `channels`. */
function chains(linears: readonly Linear[], channels: number): Linear[][] {
  // More layers than this are not a VGG's, and their orders would be too many.
  if (linears.length > 8) return [];
  const extend = (done: readonly Linear[]): Linear[][] => {
    if (done.length === linears.length) return done.length > 0 ? [[...done]] : [];
    return linears
      .filter((one) => !done.includes(one))
      .filter(({ inputs }) =>
        done.length > 0 ? inputs === done.at(-1)!.outputs : inputs > 0 && inputs % channels === 0,
      )
      .flatMap((one) => extend([...done, one]));
  };
  return extend([]);
}

/** Whether the numbers in names that are otherwise equal ascend. */
function followsNumbers(layers: readonly Linear[]): boolean {
  const paths = layers.map(({ module }) => module.path);
  return paths.every((path, i) => {
    const before = paths[i - 1];
    return before === undefined || inOrder(before, path);
  });
}

/** Names in their natural order, in which a part that names the last layer comes last. */
function inOrder(a: string, b: string): boolean {
  const rank = (path: string) => (/(^|[._])(head|predictions|logits|output|out)([._]|$)/i.test(path) ? 1 : 0);
  if (rank(a) !== rank(b)) return rank(a) < rank(b);
  const skeleton = (path: string) => path.replace(/\d+/g, '#');
  const [x, y] = [a, b].map(skeleton) as [string, string];
  // `classifier.3` and `classifier.6.0`, or `dense` and `dense_1`.
  const comparable =
    x === y || x.startsWith(y.replace(/[._]?#$/, '')) || y.startsWith(x.replace(/[._]?#$/, ''));
  return comparable && new Intl.Collator('en', { numeric: true }).compare(a, b) < 0;
}

function parentOf(path: string): string {
  return path.includes('.') ? path.slice(0, path.lastIndexOf('.')) : '';
}

/** From one linear layer to the next in an `nn.Sequential`: with a ReLU and one or two of dropout, or a flatten, between. */
const MAX_STEP = 4;

/** Why no VGG computes such layers, if their numbers in an `nn.Sequential` say so. */
function problemOf(
  layers: readonly Linear[],
  features: Features,
  channels: number,
  isMapOfOne: boolean,
): string | undefined {
  const [first] = layers;
  const distance = features.distance(first!.module.path);
  // ReLU, pooling and flatten are between the last convolution and the first linear layer.
  if (distance !== undefined && distance < 4) {
    return `'${printable(first!.module.path)}' follows the last convolution with no place for a pooling`;
  }
  const positions = first!.inputs / channels;
  if (distance === 4 && positions === 1 && !isMapOfOne) {
    return `'${printable(first!.module.path)}' follows the last convolution with a place for a pooling or a global average, but not for both (pass inputShape if the feature map is 1x1)`;
  }
  for (const [i, { module, window }] of layers.entries()) {
    const next = layers[i + 1];
    const step = next ? numberOf(next.module.path, parentOf(module.path)) - numberOf(module.path) : 2;
    if (step === 1) {
      return `'${printable(next!.module.path)}' follows '${printable(module.path)}' with no place for a ReLU`;
    }
    if (step > MAX_STEP) {
      return `'${printable(next!.module.path)}' does not follow '${printable(module.path)}' by its number, so a layer between them is missing, or is none that a VGG has`;
    }
    const side = window && size(window);
    if (i === 0 && side === 9 && !module.path.includes('pre_logits')) {
      return `'${printable(module.path)}' is a 3x3 convolution, which may be dilated`;
    }
    if (i > 0 && side !== undefined && side !== 1) {
      return `'${printable(module.path)}' is a convolution with a window of ${window!.join('x')}`;
    }
  }
  return undefined;
}

/** A layer's place in the `nn.Sequential` with the path `parent`. */
function numberOf(path: string, parent = parentOf(path)): number {
  return parentOf(path) === parent && /(^|\.)\d+$/.test(path) ? Number(path.split('.').at(-1)) : Number.NaN;
}

/** What follows the last linear layer: nothing, if its outputs are the classes; a ReLU, if the classifier was removed. */
export function endOf({ layers }: Head, classes: number | undefined): 'classes' | 'hidden' | 'unknown' {
  const { module, inputs, outputs } = layers.at(-1)!;
  if (/(^|\.)pre_logits\.fc\d$/.test(module.path)) return 'hidden';
  const named = /(predictions|head|logits|out|fc8)/i.test(module.path);
  // Keras and this library call hidden layers so, and others their last one.
  const hiddenNames = !module.outFirst && layers.every((one, i) => one.module.path === `fc${i + 1}`);
  if ((layers.length === 1 || inputs !== outputs || named) && !hiddenNames) return 'classes';
  return classes === 0 ? 'hidden' : classes === outputs ? 'classes' : 'unknown';
}
