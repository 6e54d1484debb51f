import type { Checkpoint } from '../formats/checkpoint.js';
import { snakeCase } from '../formats/keras/snakeCase.js';
import type { StoredTensor } from '../formats/tensor.js';
import type { KerasLayer, KerasModel } from './graph.js';

/** A weight that a layer has in Keras. */
export interface Weight {
  /** `kernel`, `moving_mean`, ... */
  name: string;
  trainable: boolean;
}

/** The tensors of a file, and the weights that they are. */
export interface Matched<W extends Weight> {
  found: Map<W, StoredTensor>;
  /** Tensors that are no layer's weights. */
  others: StoredTensor[];
}

/** Returns the weights of a layer in Keras' order; none for a layer without weights. */
export type WeightsOf<W extends Weight> = (layer: KerasLayer) => readonly W[];

/** A weight and its place among models within models. */
interface Placed<W> {
  weight: W;
  /** The names of the models around its layer, and of the layer. */
  owners: string[];
}

/**
 * Finds the tensors of a model's weights: by paths in `.keras` files, by layer and name or order in `.h5`, by names in tfjs, by the
 * graph in ONNX.
 */
export function matchWeights<W extends Weight>(
  { format, tensors }: Pick<Checkpoint, 'format' | 'tensors'>,
  model: KerasModel,
  weightsOf: WeightsOf<W>,
): Matched<W> {
  const relevant = tensors.filter(({ name }) => !isSeed(name));
  const found = new Map<W, StoredTensor>();
  if (format === 'ONNX') byRole(relevant, model, weightsOf, found);
  else if (format === 'Keras .keras') byPath(relevant, model, weightsOf, found);
  else if (format === 'tfjs model.json') byName(relevant, placedIn(model, weightsOf, []), found);
  else byGroup(relevant, model, weightsOf, found);
  const used = new Set(found.values());
  return { found, others: relevant.filter((tensor) => !used.has(tensor)) };
}

/** The reader of ONNX has named each weight by its layer. */
function byRole<W extends Weight>(
  tensors: readonly StoredTensor[],
  model: KerasModel,
  weightsOf: WeightsOf<W>,
  found: Map<W, StoredTensor>,
): void {
  const byRoles = new Map(tensors.map((tensor) => [tensor.role, tensor]));
  for (const { weight, owners } of placedIn(model, weightsOf, [])) {
    const tensor = byRoles.get(`${owners.at(-1)}/${weight.name}`);
    if (tensor) found.set(weight, tensor);
  }
}

/** States of random generators, which Keras stores with dropout and augmentation. */
function isSeed(name: string): boolean {
  return /(^|\/)(seed_generator(_\d+)?(_state)?|StateVar)([/:]|$)/.test(name);
}

/** All weights within a model, layer by layer. */
function placedIn<W extends Weight>(
  model: KerasModel,
  weightsOf: WeightsOf<W>,
  around: string[],
): Placed<W>[] {
  return model.layers.flatMap((layer) => placedAt(layer, weightsOf, around));
}

function placedAt<W extends Weight>(
  layer: KerasLayer,
  weightsOf: WeightsOf<W>,
  around: string[],
): Placed<W>[] {
  const owners = [...around, layer.name];
  if (layer.model) return placedIn(layer.model, weightsOf, owners);
  return weightsOf(layer).map((weight) => ({ weight, owners }));
}

/**
 * Keras' saving library numbers the layers of each class within their model, `layers/conv2d_1/vars/0`, and the weights of
 * each layer.
 */
function byPath<W extends Weight>(
  tensors: readonly StoredTensor[],
  model: KerasModel,
  weightsOf: WeightsOf<W>,
  found: Map<W, StoredTensor>,
  folder = '',
): void {
  // Keras 2.12 to 2.15 called it so.
  const pathOf = ({ name }: StoredTensor) => name.replaceAll('_layer_checkpoint_dependencies/', 'layers/');
  const byPaths = new Map(tensors.map((tensor) => [pathOf(tensor), tensor]));
  const walk = (inside: KerasModel, at: string): void => {
    const counts = new Map<string, number>();
    for (const layer of inside.layers) {
      const kind = snakeCase(layer.writtenClass);
      const count = counts.get(kind) ?? 0;
      counts.set(kind, count + 1);
      const path = `${at}layers/${count === 0 ? kind : `${kind}_${count}`}/`;
      if (layer.model) walk(layer.model, path);
      else {
        for (const [i, weight] of weightsOf(layer).entries()) {
          const tensor = byPaths.get(`${path}vars/${i}`);
          if (tensor) found.set(weight, tensor);
        }
      }
    }
  };
  walk(model, folder);
}

/** HDF5 files have a group for each layer of the model; that of a model has the weights of all layers within. */
function byGroup<W extends Weight>(
  tensors: readonly StoredTensor[],
  model: KerasModel,
  weightsOf: WeightsOf<W>,
  found: Map<W, StoredTensor>,
): void {
  const groups = new Map<string, StoredTensor[]>();
  for (const tensor of tensors) {
    const owner = (tensor.role ?? '').split('/').slice(0, -1).join('/');
    const group = groups.get(owner);
    if (group) group.push(tensor);
    else groups.set(owner, [tensor]);
  }
  for (const layer of model.layers) {
    const group = groups.get(layer.name) ?? [];
    const placed = placedAt(layer, weightsOf, []);
    const named = new Map<W, StoredTensor>();
    byName(group, layer.model ? placed : placed.map(({ weight }) => ({ weight, owners: [] })), named);
    const pairs =
      named.size === group.length
        ? named
        : inOrder(
            group,
            placed.map(({ weight }) => weight),
          );
    for (const [weight, tensor] of pairs) found.set(weight, tensor);
  }
}

/** Keras lists the trainable weights first; names that two programs gave differ, but not the last part. */
function inOrder<W extends Weight>(
  tensors: readonly StoredTensor[],
  weights: readonly W[],
): Map<W, StoredTensor> {
  const ordered = [
    ...weights.filter(({ trainable }) => trainable),
    ...weights.filter(({ trainable }) => !trainable),
  ];
  const fits =
    tensors.length === ordered.length &&
    tensors.every((tensor, i) => kindOf(variableOf(tensor)) === kindOf(ordered[i]!.name));
  return new Map(fits ? ordered.map((weight, i) => [weight, tensors[i]!]) : []);
}

/**
 * Matches weights by the names of their layers and their own; several of one name, in models that are built alike, in their
 * order.
 */
function byName<W extends Weight>(
  tensors: readonly StoredTensor[],
  placed: readonly Placed<W>[],
  found: Map<W, StoredTensor>,
): void {
  const free = new Map<string, StoredTensor[]>();
  for (const tensor of tensors) {
    const around = tensor.name.split('/').slice(0, -1);
    for (let steps = 0; steps <= Math.min(around.length, MAX_STEPS); steps++) {
      const key = [...around.slice(around.length - steps), kindOf(variableOf(tensor))].join('/');
      const list = free.get(key);
      if (list) list.push(tensor);
      else free.set(key, [tensor]);
    }
  }
  const used = new Set<StoredTensor>();
  // The longest paths first: of two layers `conv`, one in a model `left`, `left/conv/kernel` is the latter's.
  for (const depth of [3, 2, 1, 0]) {
    for (const { weight, owners } of placed) {
      if (found.has(weight) || owners.length < depth || (depth === 0 && owners.length > 0)) continue;
      const key = [...owners.slice(owners.length - depth), kindOf(weight.name)].join('/');
      const tensor = free.get(key)?.find((one) => !used.has(one));
      if (!tensor) continue;
      found.set(weight, tensor);
      used.add(tensor);
    }
  }
}

/** The maximum parts of a path that are compared: models within models, and slashes in names. */
const MAX_STEPS = 8;

/** A tensor's own name in today's Keras: that of `conv1/kernel:0` and of Keras 1's `convolution2d_1_W` is `kernel`. */
function variableOf({ name }: StoredTensor): string {
  const last = name.split('/').at(-1)!.replace(/:\d+$/, '');
  const [, old] = /_(W|b|gamma|beta|running_mean|running_std)(_\d+)?$/.exec(last) ?? [];
  return (old && OLD_NAMES[old]) ?? last;
}

const OLD_NAMES: Record<string, string> = {
  W: 'kernel',
  b: 'bias',
  gamma: 'gamma',
  beta: 'beta',
  running_mean: 'moving_mean',
  running_std: 'moving_variance',
};

/** Keras 3 calls the kernel of a depthwise convolution a kernel, as any other. */
function kindOf(variable: string): string {
  return variable === 'depthwise_kernel' ? 'kernel' : variable;
}
