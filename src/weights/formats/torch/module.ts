import { checkNames } from '../checks.js';
import { printable, WeightFileError } from '../error.js';
import { OtherTensor, TensorObject } from './rebuild.js';
import { type Budget, CONTAINER_COST, PickleObject, type PickleValue } from './values.js';

/** The tensors of a whole pickled `nn.Module`, under the names that its state dict would have. */
export interface ModuleTensors {
  tensors: Map<string, TensorObject | OtherTensor>;
  /** The epsilon of its batch normalization, if it has any. */
  batchNormEpsilon?: number;
  network: ModuleNetwork;
}

/** What the order of a whole module's layers says and their names may not. */
export interface ModuleNetwork {
  /** The blocks as `[convs, channels, pointwise]`. */
  arch: [convs: number, channels: number, pointwise: number][];
  /** Whether batch normalization follows the ReLU. */
  afterRelu?: true;
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
 * Reads a module's tensors as its `state_dict()` lists them. Unlike a state dict, a module says what its layers compute, so they
 * must be a VGG's one after the other. What a class of the file's own does with its modules is not known: only the outermost
 * one may be of such a class, and is taken to call them in their order.
 *
 * @throws WeightFileError when a layer is not one of {@link LAYERS}, or their order is not that of a VGG.
 */
export function moduleTensors(file: string, module: PickleObject, budget: Budget): ModuleTensors {
  const tensors: ModuleTensors['tensors'] = new Map();
  const layers: Layer[] = [];
  let flattens = false;
  const visit = (value: PickleObject, state: Dict, prefix: string, depth: number, outer: boolean) => {
    budget.spend(CONTAINER_COST);
    const listed = state.get('_non_persistent_buffers_set');
    if (Array.isArray(listed)) budget.spend(listed.length);
    const unsaved = new Set(Array.isArray(listed) ? listed : []);
    for (const [key, tensor] of entriesOf(state, '_parameters', '_buffers')) {
      budget.spend(CONTAINER_COST);
      if ((tensor instanceof TensorObject || tensor instanceof OtherTensor) && !unsaved.has(key))
        tensors.set(prefix + key, tensor);
    }
    const path = prefix.slice(0, -1);
    const children = [...entriesOf(state, '_modules')].filter(([, child]) => child !== null);
    // A loss is no part of a prediction.
    const called = children.filter(([, child]) => !isLoss(child));
    const opaque = value.className !== SEQUENTIAL;
    const hooked = ['_forward_hooks', '_forward_pre_hooks'].some((key) => dictOf(state, key)?.size);
    if (hooked || state.has('forward') || depth > MAX_DEPTH || (called.length > 0 && opaque && !outer)) {
      throw unproven(
        file,
        `'${printable(path)}' is a ${printable(value.className)} that may compute anything`,
      );
    }
    if (called.length === 0 && !isLoss(value)) layers.push(layerOf(file, path, value, state));
    flattens ||= called.length > 1 && opaque;
    for (const [key, child] of children) {
      checkNames(file, [prefix + key]);
      const inner = moduleState(child);
      if (inner)
        visit(child as PickleObject, inner, `${prefix}${key}.`, depth + 1, outer && called.length === 1);
    }
  };
  visit(module, moduleState(module)!, '', 0, true);
  const epsilons = new Set(layers.flatMap(({ state }) => state.get('eps') ?? []));
  if (epsilons.size > 1) {
    throw new WeightFileError(
      file,
      `it is a whole pickled model whose batch normalizations differ in epsilon (${[...epsilons].slice(0, 4).map(shown).join(', ')}), and a VGG has one for all.`,
    );
  }
  const [epsilon] = epsilons;
  return {
    tensors,
    batchNormEpsilon: typeof epsilon === 'number' ? epsilon : undefined,
    network: networkOf(file, layers, flattens),
  };
}

const SEQUENTIAL = 'torch.nn.modules.container.Sequential';

function isLoss(value: PickleValue): boolean {
  return value instanceof PickleObject && value.className.startsWith('torch.nn.modules.loss.');
}

/** A module without modules inside. */
interface Layer {
  /** One of {@link LETTERS}. */
  letter: string;
  state: Dict;
}

/** The order of a VGG's layers, without those that do nothing in prediction. */
const FEATURES = ['(cr)+m', '(cbr)+m', '(crb)+m'];
const HEAD = { flattened: '(a?f(lr)*l)?', free: '(a?f?(lr)*l)?' };

/**
 * The blocks that layers form.
 *
 * @param flattens whether the feature map may be flattened between the layers, by a class that calls them.
 * @throws WeightFileError unless they are those of a VGG, one after the other.
 */
function networkOf(file: string, layers: readonly Layer[], flattens: boolean): ModuleNetwork {
  const letters = layers.map(({ letter }) => letter).join('');
  const order = letters.replace(/d/g, '');
  const head = flattens ? HEAD.free : HEAD.flattened;
  const features = FEATURES.find((block) => new RegExp(`^(${block})+${head}$`).test(order));
  // Between a convolution and its ReLU, or after the last layer, even an identity is in the place of something else.
  if (!features || /^d|[cl]d|cbd/.test(letters)) {
    throw unproven(file, 'modules do not follow each other as those of a VGG');
  }
  const arch: ModuleNetwork['arch'] = [[0, 0, 0]];
  for (const { letter, state } of layers) {
    if (letter === 'm') arch.push([0, 0, 0]);
    if (letter !== 'c') continue;
    const block = arch.at(-1)!;
    const filters = state.get('out_channels');
    block[1] = typeof filters === 'number' ? filters : 0;
    block[list(state.get('kernel_size'))[0] === 1 ? 2 : 0]++;
  }
  arch.pop();
  return { arch, ...(features.includes('rb') && { afterRelu: true }) };
}

function unproven(file: string, what: string): WeightFileError {
  return new WeightFileError(
    file,
    `it is a whole pickled model whose ${what}, so what it computes is not known; if a VGG computes it, save its weights alone, torch.save(model.state_dict(), ...).`,
  );
}

/** An option of a layer, one number or one for each axis, has one of these values. */
type Allowed = Record<string, readonly unknown[]>;

/** The layers of `torch.nn` that a VGG may have, and their options; others have no effect on predictions. */
const LAYERS: Record<string, Allowed> = {
  Conv2d: { stride: [1], dilation: [1], groups: [1], padding_mode: ['zeros'] },
  Linear: {},
  BatchNorm2d: { affine: [true], track_running_stats: [true] },
  ReLU: {},
  MaxPool2d: { kernel_size: [2], stride: [2], padding: [0], dilation: [1], ceil_mode: [false] },
  AdaptiveAvgPool2d: {},
  Flatten: { start_dim: [1], end_dim: [-1] },
  Dropout: {},
  Dropout2d: {},
  Identity: {},
  Sequential: {},
};

/** The letters of {@link LAYERS} in a sequence. */
const LETTERS: Record<string, string> = {
  Conv2d: 'c',
  Linear: 'l',
  BatchNorm2d: 'b',
  ReLU: 'r',
  MaxPool2d: 'm',
  AdaptiveAvgPool2d: 'a',
  Flatten: 'f',
};

/** A module without modules inside; throws unless it is one of a VGG's layers. */
function layerOf(file: string, path: string, { className }: PickleObject, state: Dict): Layer {
  const kind = /^torch\.nn\.modules\.\w+\.(\w+)$/.exec(className)?.[1] ?? '';
  const allowed = Object.hasOwn(LAYERS, kind) ? LAYERS[kind] : undefined;
  const fault = (what: string) =>
    new WeightFileError(
      file,
      `it is a whole pickled model whose layer '${printable(path)}' is a ${printable(className)}${what}, so its weights alone do not say what it computes; save them, torch.save(model.state_dict(), ...), build the model, and call loadWeights.`,
    );
  if (!allowed) throw fault(', which no VGG has');
  for (const [option, values] of Object.entries(allowed)) {
    const value = state.get(option);
    // An option that an older PyTorch did not have yet has its default.
    if (value !== undefined && !list(value).every((one) => values.includes(one)))
      throw fault(` with ${option}=${shown(value)}, which no VGG has`);
  }
  if (kind === 'Conv2d' && !isCentered(state)) throw fault(` with padding=${shown(state.get('padding'))}`);
  return { letter: LETTERS[kind] ?? 'd', state };
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
