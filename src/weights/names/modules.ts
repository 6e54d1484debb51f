import { isAverage } from '../../core/vgg.js';
import { WeightFileError } from '../formats/error.js';
import type { StoredTensor } from '../formats/tensor.js';
import { folded } from './folded.js';

/** The variables of layers by their names in Keras and tfjs. */
const VARIABLES = ['kernel', 'bias', 'gamma', 'beta', 'moving_mean', 'moving_variance'] as const;

/** The name of a layer's variable in Keras and tfjs. */
export type Variable = (typeof VARIABLES)[number];

/** A layer of a file: the tensors that share a path. */
export interface Module {
  /** Its name without the variable and the wrappers of training: `features.0`, `block1_conv1`. */
  path: string;
  /** Undefined for a layer that no VGG has. */
  kind: 'conv' | 'dense' | 'norm' | undefined;
  /** Whether its kernel is in PyTorch's order of axes. */
  outFirst: boolean;
  variables: ReadonlyMap<Variable, StoredTensor>;
  /** All its tensors by their names in it, those without a place among the variables included. */
  named: ReadonlyMap<string, StoredTensor>;
  tensors: readonly StoredTensor[];
}

/** What `DataParallel`, `torch.compile`, FSDP and activation checkpointing put into the names, wherever a module is wrapped. */
const WRAPPERS = ['module', '_orig_mod', '_fsdp_wrapped_module', '_checkpoint_wrapped_module'];

/** PyTorch's counters, of batch normalization and of averaged models, and the state of Keras' random generators. */
const WITHOUT_EFFECT = ['num_batches_tracked', 'n_averaged', 'seed_generator_state'];

/**
 * The layers of a file in the order of their tensors. Weights that are stored in parts, by weight normalization or pruning, are
 * folded into one.
 *
 * @throws WeightFileError when two tensors are the same variable, or the parts of a weight cannot be folded.
 */
export function modulesOf(file: string, tensors: readonly StoredTensor[]): Module[] {
  const groups = new Map<string, { outFirst: boolean; tensors: Map<string, StoredTensor> }>();
  const nested = modelsIn(tensors);
  const slashed = tensors.some(({ name, role }) => role === undefined && name.endsWith('/weight'));
  for (const tensor of folded(file, tensors)) {
    const { path, variable, outFirst } = split(tensor, nested, slashed);
    if (WITHOUT_EFFECT.includes(variable) || isAverage(path)) continue;
    const group = groups.get(path) ?? { outFirst, tensors: new Map() };
    groups.set(path, group);
    if (group.tensors.has(variable)) {
      throw new WeightFileError(file, `it contains ${path}'s ${variable} twice; save one network per file.`, {
        tensor: tensor.name,
      });
    }
    group.tensors.set(variable, tensor);
  }
  return [...groups].map(([path, group]) => moduleOf(path, group.outFirst, group.tensors));
}

/**
 * Keras separates a layer from its variable by a slash, PyTorch a module by a dot.
 *
 * @param slashed whether slashes are in the place of PyTorch's dots.
 */
function split(
  { name, role }: StoredTensor,
  nested: ReadonlySet<string>,
  slashed: boolean,
): { path: string; variable: string; outFirst: boolean } {
  const keras = (role ?? name).replace(/:\d+$/, '');
  if (role !== undefined || (keras.includes('/') && !slashed)) {
    const [layer = '', variable = ''] = keras.split('/').slice(-2);
    const path = nested.has(layer) ? name.split('/').at(-2)! : layer;
    return { path, variable, outFirst: false };
  }
  const parts = name.split(slashed ? /[./]/ : '.');
  const variable = parts.pop()!;
  return { path: parts.filter((part) => !WRAPPERS.includes(part)).join('.'), variable, outFirst: true };
}

/** The layers of a Keras file that are models, whose weights are listed together. */
function modelsIn(tensors: readonly StoredTensor[]): Set<string> {
  const roles = new Set<string>();
  const models = new Set<string>();
  for (const { name, role } of tensors) {
    if (role === undefined || role === name) continue;
    if (roles.has(role)) models.add(role.slice(0, role.lastIndexOf('/')));
    roles.add(role);
  }
  return models;
}

function moduleOf(path: string, outFirst: boolean, tensors: ReadonlyMap<string, StoredTensor>): Module {
  const normalizes =
    tensors.has('running_mean') || tensors.has('running_var') || tensors.get('weight')?.shape.length === 1;
  const names: Readonly<Record<string, Variable>> = normalizes
    ? { weight: 'gamma', bias: 'beta', running_mean: 'moving_mean', running_var: 'moving_variance' }
    : { weight: 'kernel', bias: 'bias' };
  const variables = new Map<Variable, StoredTensor>();
  for (const [name, tensor] of tensors) {
    const variable = outFirst ? names[name] : VARIABLES.find((one) => one === name);
    if (variable) variables.set(variable, tensor);
  }
  return {
    path,
    outFirst,
    kind: kindOf(variables),
    variables,
    named: tensors,
    tensors: [...tensors.values()],
  };
}

function kindOf(variables: ReadonlyMap<Variable, StoredTensor>): Module['kind'] {
  if (variables.has('moving_mean') && variables.has('moving_variance')) return 'norm';
  const rank = variables.get('kernel')?.shape.length;
  return rank === 4 ? 'conv' : rank === 2 ? 'dense' : undefined;
}
