import { printable, WeightFileError } from '../error.js';
import { MAX_NAME_LENGTH } from '../limits.js';
import { type ModuleTensors, moduleState, moduleTensors } from './module.js';
import { OtherTensor, TensorObject } from './rebuild.js';
import { type Budget, PickleName, PickleObject, type PickleValue } from './values.js';

/** Tensors by name. */
type Tensors = ReadonlyMap<string, TensorObject | OtherTensor>;

/** A dict of tensors, or a whole module, somewhere in what a training script saved. */
interface Found {
  /** The keys that lead to it, joined by dots: `checkpoint.state_dict`; '' for the value itself. */
  path: string;
  tensors: Tensors;
  /** Set if it is a module; its tensors are then read when it is taken. */
  module?: PickleObject;
}

/** The state dict that a file is about. */
export interface StateDict extends Partial<Pick<ModuleTensors, 'batchNormEpsilon' | 'network'>> {
  tensors: Tensors;
  /** The paths of others, which were left aside for it. */
  leftAside?: string[];
}

/** The nesting of dicts, lists and tuples that are searched; `{"checkpoint": {"state_dict": {...}}}` is three. */
const MAX_DEPTH = 8;

/** Tensors with such names are weights of layers. */
const WEIGHT = /weight|kernel|filter|original/i;

/** A dict that is not the network: optimizers' own names are found by `param_groups`, whatever they are called. */
const ASIDE =
  /(^|\.)(criterion|criteria|loss|losses|loss_?fn|loss_?func|optim|optimizer)(_state(_dict)?)?(\.|$)/i;

/** Where averages of a network's weights over the training steps are. */
const AVERAGE = /(^|[^a-z])(ema|swa|averaged|shadow)([^a-z]|$)/i;

/**
 * The state dict in a pickle. A dict is one if it has a weight of a layer: a tensor of at least two axes with such a name. Of
 * several, averages (`model_ema`) and those of losses (`criterion`) are left aside for the network that was trained, as
 * torchvision's and timm's scripts do; what remains must be one. A whole module is read if there is no state dict.
 *
 * @param key the path of another one, or of a dict of state dicts, which are joined ('' for all of them); or the beginning of
 *   the names of some tensors, which is then removed.
 * @throws WeightFileError when there is none, or none or several that `key` could mean.
 */
export function stateDict(
  file: string,
  value: PickleValue,
  key: string | undefined,
  budget: Budget,
): StateDict {
  const found = [...search(value, budget)];
  if (key !== undefined) return contentOf(file, byKey(file, found, key), budget);
  const candidates = candidatesOf(found);
  const chosen = theOne(file, value, candidates);
  const others = candidates.filter((one) => views(one) !== views(chosen)).map(({ path }) => path);
  return { ...contentOf(file, chosen, budget), ...(others.length > 0 && { leftAside: others }) };
}

function contentOf(file: string, { module, tensors }: Found, budget: Budget): StateDict {
  return module ? moduleTensors(file, module, budget) : { tensors };
}

/** Everything that has tensors under names, outer dicts before inner ones. Each dict is visited once. */
function* search(root: PickleValue, budget: Budget): Generator<Found> {
  const seen = new Set<PickleValue>([root]);
  let level: [path: string, value: PickleValue][] = [['', root]];
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    const inner: typeof level = [];
    for (const [path, value] of level) {
      if (moduleState(value)) yield { path, tensors: new Map(), module: value as PickleObject };
      const tensors = new Map<string, TensorObject | OtherTensor>();
      for (const [key, item] of itemsOf(value)) {
        budget.spend(1);
        const tensor = tensorOf(item);
        if (tensor) {
          if (typeof key === 'string') tensors.set(key, tensor);
        } else if (typeof item === 'object' && !seen.has(item) && String(key).length <= MAX_NAME_LENGTH) {
          seen.add(item);
          inner.push([path === '' ? String(key) : `${path}.${key}`, item]);
        }
      }
      if (isNetwork(tensors)) addArrays(value, tensors);
      if (tensors.size > 0) yield { path, tensors };
    }
    level = inner;
  }
}

/** Adds the weights of a state dict that are NumPy arrays, which no reader may leave out in silence. */
function addArrays(value: PickleValue, tensors: Map<string, TensorObject | OtherTensor>): void {
  for (const [key, item] of itemsOf(value)) {
    if (typeof key === 'string' && isArray(item)) tensors.set(key, new OtherTensor('a NumPy array'));
  }
}

function isArray(value: PickleValue): boolean {
  return value instanceof PickleObject && /^numpy\..*\._reconstruct$/.test(value.className);
}

/** A tensor, or the quantized one in the tuple in which quantized layers keep weight and bias. */
function tensorOf(item: PickleValue): TensorObject | OtherTensor | undefined {
  const value = Array.isArray(item) && item[0] instanceof OtherTensor ? item[0] : item;
  return value instanceof TensorObject || value instanceof OtherTensor ? value : undefined;
}

/** The items of a dict by its keys, and of a list by their places; none of an optimizer. */
function itemsOf(value: PickleValue): Iterable<[string | number, PickleValue]> {
  if (Array.isArray(value)) return value.entries();
  if (!(value instanceof Map) || value.has('param_groups')) return [];
  return named(value);
}

function* named(dict: Map<PickleValue, PickleValue>): Generator<[string | number, PickleValue]> {
  for (const [key, item] of dict) if (typeof key === 'string' || typeof key === 'number') yield [key, item];
}

function theOne(file: string, root: PickleValue, candidates: readonly Found[]): Found {
  const own = withoutAverages(withoutLosses(candidates));
  if (new Set(own.map(views)).size === 1) return own[0]!;
  throw new WeightFileError(
    file,
    own.length === 0
      ? `its pickle contains no state dict (a dict of tensors)${rootOf(root)}; save model.state_dict() with torch.save.`
      : `it holds ${own.length} state dicts: ${listed(own)}; choose one by the option key.`,
  );
}

/** State dicts of networks; or else whole modules; or else all dicts of tensors. */
function candidatesOf(found: readonly Found[]): readonly Found[] {
  const stateDicts = found.filter(({ tensors }) => isNetwork(tensors));
  const modules = found.filter(({ module }) => module);
  return [stateDicts, modules].find(({ length }) => length > 0) ?? found;
}

/** What a pickle without a state dict is, if its class says it. */
function rootOf(root: PickleValue): string {
  if (root instanceof PickleName) return ` but the name '${printable(root.name)}', which was not resolved`;
  if (tensorOf(root) || (Array.isArray(root) && root.some(tensorOf))) return ' but tensors without names';
  if (root instanceof PickleObject) return ` but a '${printable(root.className)}', which was not executed`;
  if (root instanceof Map && root.has('param_groups')) return " but an optimizer's state";
  if (root instanceof Map && [...root.values()].some(isArray)) return ' but NumPy arrays';
  return '';
}

/** The candidates without those of losses and optimizers, unless there are no others. */
function withoutLosses(candidates: readonly Found[]): readonly Found[] {
  const others = candidates.filter(({ path }) => !ASIDE.test(path));
  return others.length > 0 ? others : candidates;
}

/** The candidates without averages of another one. */
function withoutAverages(candidates: readonly Found[]): readonly Found[] {
  const isAverage = ({ path, module }: Found) => !module && AVERAGE.test(path);
  const trained = new Set(candidates.filter((one) => !isAverage(one)).map(kernelShapes));
  return candidates.filter((one) => !(isAverage(one) && trained.has(kernelShapes(one))));
}

/** The shapes of weights. Averages may lack buffers, and count their steps. */
function kernelShapes({ tensors }: Found): string {
  const shapes = [...tensors.values()].map((tensor) => (tensor instanceof TensorObject ? tensor.shape : []));
  return shapes
    .filter(({ length }) => length >= 2)
    .map((shape) => shape.join('x'))
    .join();
}

/** Where the numbers of a state dict are. The best one that a script keeps may be the last one, unless it was copied. */
function views(found: Found): unknown {
  const places = [...found.tensors.values()].map((tensor) =>
    tensor instanceof TensorObject
      ? [tensor.storage.key, tensor.offset, tensor.shape, tensor.strides].join(':')
      : '?',
  );
  return found.module ?? places.join();
}

function isNetwork(tensors: Tensors): boolean {
  for (const [name, tensor] of tensors) {
    const isKernel = tensor instanceof OtherTensor || tensor.shape.length >= 2;
    if (isKernel && name.length <= MAX_NAME_LENGTH && WEIGHT.test(name)) return true;
  }
  return false;
}

function byKey(file: string, found: readonly Found[], key: string): Found {
  const exact = found.find(({ path }) => path === key);
  if (exact && (exact.module || isNetwork(exact.tensors))) return exact;
  const below = found.filter(({ path }) => key === '' || path === key || path.startsWith(`${key}.`));
  if (below.some(({ tensors }) => tensors.size > 0)) return joined(key, below);
  const parts = found
    .map(({ path, tensors }): Found => {
      const full = path === '' ? '' : `${path}.`;
      const prefix = `${key.startsWith(full) ? key.slice(full.length) : key}.`;
      const inside = [...tensors].filter(([name]) => name.startsWith(prefix));
      return {
        path: full + prefix.slice(0, -1),
        tensors: new Map(inside.map(([name, tensor]) => [name.slice(prefix.length), tensor])),
      };
    })
    .filter(({ tensors }) => tensors.size > 0);
  if (parts.length === 1) return parts[0]!;
  const several = parts.length > 0;
  throw new WeightFileError(
    file,
    `the key '${printable(key)}' names ${several ? 'several parts of it' : 'nothing in it'}; it may be ${listed(several ? parts : candidatesOf(found))}, or the beginning of tensors' names.`,
  );
}

/** All tensors in a dict of dicts, under names that begin with the inner dicts' keys. */
function joined(path: string, parts: readonly Found[]): Found {
  const tensors = parts.flatMap((part) => {
    const inner = part.path.slice(path === '' ? 0 : path.length + 1);
    const prefix = inner === '' ? '' : `${inner}.`;
    return [...part.tensors].map(([name, tensor]) => [prefix + name, tensor] as const);
  });
  return { path, tensors: new Map(tensors) };
}

/** The maximum number of state dicts in an error message. */
const LISTED = 5;

function listed(found: readonly Found[]): string {
  const described = found.slice(0, LISTED).map(({ path, tensors, module }) => {
    const what = module ? 'a module' : `${tensors.size} tensor${tensors.size === 1 ? '' : 's'}`;
    return `'${printable(path).slice(0, 40)}' (${path === '' ? 'the outermost dict, ' : ''}${what})`;
  });
  const more = found.length > LISTED ? [`${found.length - LISTED} more`] : [];
  return [...described, ...more].join(', ');
}
