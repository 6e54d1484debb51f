import { checkNames } from '../checks.js';
import { printable, WeightFileError } from '../error.js';
import { OtherTensor, TensorObject } from './rebuild.js';
import { type Budget, CONTAINER_COST, PickleObject, type PickleValue } from './values.js';

/** The tensors of a whole pickled `nn.Module`, under the names that its state dict would have. */
export interface ModuleTensors {
  tensors: Map<string, TensorObject | OtherTensor>;
  /** The epsilon of its batch normalization, if it has any. */
  batchNormEpsilon?: number;
}

type Dict = Map<PickleValue, PickleValue>;

/** The nesting of modules; a VGG in a wrapper is four. */
const MAX_DEPTH = 32;

/** The attributes of a pickled `nn.Module`; undefined for any other value. */
export function moduleState(value: PickleValue): Dict | undefined {
  const state = value instanceof PickleObject ? value.state : undefined;
  const isModule = state instanceof Map && ['_parameters', '_modules'].every((key) => dictOf(state, key));
  return isModule ? state : undefined;
}

/**
 * Reads a module's tensors as its `state_dict()` lists them. Unlike a state dict, a module says what each of its layers
 * computes, so a layer that no VGG has is an error: its weights alone would compute something else.
 *
 * @throws WeightFileError when a layer is not one of {@link LAYERS}, with the options that a VGG has.
 */
export function moduleTensors(file: string, module: PickleObject, budget: Budget): ModuleTensors {
  const tensors: ModuleTensors['tensors'] = new Map();
  const epsilons = new Set<number>();
  const visit = (value: PickleValue, prefix: string, depth: number) => {
    const state = moduleState(value);
    if (!state || depth > MAX_DEPTH) return;
    budget.spend(CONTAINER_COST);
    const listed = state.get('_non_persistent_buffers_set');
    if (Array.isArray(listed)) budget.spend(listed.length);
    const unsaved = new Set(Array.isArray(listed) ? listed : []);
    for (const [key, tensor] of entriesOf(state, '_parameters', '_buffers')) {
      budget.spend(CONTAINER_COST);
      if ((tensor instanceof TensorObject || tensor instanceof OtherTensor) && !unsaved.has(key))
        tensors.set(prefix + key, tensor);
    }
    const children = [...entriesOf(state, '_modules')].filter(([, child]) => child !== null);
    if (children.length === 0) checkLayer(file, prefix.slice(0, -1), value as PickleObject, state, epsilons);
    for (const [key, child] of children) {
      checkNames(file, [prefix + key]);
      visit(child, `${prefix}${key}.`, depth + 1);
    }
  };
  visit(module, '', 0);
  if (epsilons.size > 1) {
    throw new WeightFileError(
      file,
      `it is a whole pickled model whose batch normalizations differ in epsilon (${[...epsilons].slice(0, 4).join(', ')}), and a VGG has one for all.`,
    );
  }
  const [batchNormEpsilon] = epsilons;
  return { tensors, batchNormEpsilon };
}

/** An option of a layer, one number or one for each axis, has one of these values. */
type Allowed = Record<string, readonly unknown[]>;

/** The layers of `torch.nn` that a VGG may have, and their options; others have no effect on predictions. */
const LAYERS: Record<string, Allowed> = {
  Conv2d: { stride: [1], dilation: [1], groups: [1], padding_mode: ['zeros'] },
  Linear: {},
  BatchNorm2d: { affine: [true], track_running_stats: [true] },
  BatchNorm1d: { affine: [true], track_running_stats: [true] },
  ReLU: {},
  MaxPool2d: { kernel_size: [2], stride: [2], padding: [0], dilation: [1], ceil_mode: [false] },
  AdaptiveAvgPool2d: {},
  Flatten: { start_dim: [1] },
  Dropout: {},
  Dropout2d: {},
  Identity: {},
  Sequential: {},
};

/** Throws unless a module without modules inside is one of a VGG's layers. */
function checkLayer(
  file: string,
  path: string,
  { className }: PickleObject,
  state: Dict,
  epsilons: Set<number>,
): void {
  // A loss is no part of a prediction.
  if (className.startsWith('torch.nn.modules.loss.')) return;
  const kind = /^torch\.nn\.modules\.\w+\.(\w+)$/.exec(className)?.[1] ?? '';
  const allowed = Object.hasOwn(LAYERS, kind) ? LAYERS[kind] : undefined;
  const fault = (what: string) =>
    new WeightFileError(
      file,
      `it is a whole pickled model whose layer '${printable(path)}' is a ${printable(className)}${what}, so its weights alone do not say what it computes; if a VGG computes it with other options, save the state_dict, torch.save(model.state_dict(), ...), and pass them.`,
    );
  if (!allowed) throw fault(', which no VGG has');
  for (const [option, values] of Object.entries(allowed)) {
    const value = state.get(option);
    // An option that an older PyTorch did not have yet has its default.
    if (value !== undefined && !list(value).every((one) => values.includes(one)))
      throw fault(` with ${option}=${shown(value)}, which no VGG has`);
  }
  if (kind === 'Conv2d' && !isCentered(state)) throw fault(` with padding=${shown(state.get('padding'))}`);
  const epsilon = state.get('eps');
  if (kind.startsWith('BatchNorm') && typeof epsilon === 'number') epsilons.add(epsilon);
}

/** Whether a convolution's output is as large as its input, or its window is that of a fully connected layer. */
function isCentered(state: Dict): boolean {
  const padding = state.get('padding');
  const window = list(state.get('kernel_size'));
  return (
    padding === 'same' ||
    window.every((length, axis) => {
      const pad = list(padding)[axis] ?? list(padding)[0];
      return length === 3 ? pad === 1 : pad === 0;
    })
  );
}

/** A short list, or one value as a list. */
function list(value: PickleValue | undefined): readonly unknown[] {
  return Array.isArray(value) ? value.slice(0, 3) : [value];
}

function shown(value: PickleValue | undefined): string {
  return list(value)
    .map((one) => (typeof one === 'object' ? '?' : printable(String(one))))
    .join('x');
}

function dictOf(state: Dict, key: string): Dict | undefined {
  const dict = state.get(key);
  return dict instanceof Map ? dict : undefined;
}

function* entriesOf(state: Dict, ...dicts: string[]): Generator<[string, PickleValue]> {
  for (const dict of dicts) {
    for (const [key, value] of dictOf(state, dict) ?? []) if (typeof key === 'string') yield [key, value];
  }
}
