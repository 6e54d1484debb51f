import type { LayersModel } from '@tensorflow/tfjs-layers';
import { size } from '../base/shapes.js';
import { isAverage } from '../core/vgg.js';
import { layersWithin } from '../tfjs/models.js';
import { vggByConfiguration } from './configuration/vgg.js';
import { inputOrderOf } from './flattenedMap.js';
import type { Checkpoint } from './formats/checkpoint.js';
import { WeightFileError } from './formats/error.js';
import { snakeCase } from './formats/keras/snakeCase.js';
import { checkStrict, type LoadReport, matchUp, type Pair } from './names/match.js';
import { type Module, modulesOf, type Variable } from './names/modules.js';
import { type NetworkHints, vggByNames } from './names/network.js';
import type { Parameter, Parameters } from './names/parameters.js';
import { type Target, targetsOf } from './names/targets.js';

/** Tensors matched to a model's weights. */
interface Match {
  pairs: Pair[];
  report: LoadReport;
}

/**
 * Matches a file's tensors to the weights of a model: as a VGG's; or else by the names of layers; or else by their order, if
 * both have the same layers.
 *
 * @throws WeightFileError when the file does not fit exactly, if `strict`, or not at all.
 */
export function matchModel(
  where: string,
  checkpoint: Checkpoint,
  model: LayersModel,
  hints: NetworkHints,
  strict: boolean,
): Match {
  const errors: unknown[] = [];
  const partial: Match[] = [];
  for (const match of [byRoles, byNames, byOrder]) {
    try {
      const found = match(where, checkpoint, model, hints);
      if (!found) continue;
      found.pairs = found.pairs.map((pair) => asTheModelFlattens(checkpoint.file, model, pair));
      if (isComplete(found.report)) return found;
      partial.push(found);
    } catch (error) {
      // Not a VGG, a model or a file; the next way needs none.
      if (!(error instanceof WeightFileError) && !(error instanceof RangeError)) throw error;
      errors.push(error);
    }
  }
  const best = partial.sort((a, b) => b.pairs.length - a.pairs.length)[0];
  if (!best) throw errors[0];
  if (strict) checkStrict(checkpoint.file, best.report);
  return best;
}

/** PyTorch's rows of a dense layer, in the order in which the model flattens the map before it. */
function asTheModelFlattens(file: string, model: LayersModel, pair: Pair): Pair {
  const { parameter, target } = pair;
  const { axes, tensor } = parameter;
  const [inputs, out] = target.variable.shape as [number, number];
  const layer = layersWithin(model).find(({ weights }) => weights.includes(target.variable));
  if (!axes || target.variable.shape.length !== 2 || layer?.getClassName() !== 'Dense') return pair;
  const order = inputOrderOf(model, layer);
  if (order === 'unknown') {
    throw new WeightFileError(
      file,
      `the order in which the model's layer '${layer.name}' takes a feature map is not known to be PyTorch's; flatten the map itself, or permute it to channels first before.`,
      { tensor: tensor.name },
    );
  }
  const channels = order === 'as in PyTorch' ? inputs : order.channels;
  return { ...pair, parameter: { ...parameter, axes: { out, channels, window: inputs / channels } } };
}

function isComplete({ missing, leftOver, mismatched }: LoadReport): boolean {
  return missing.length === 0 && leftOver.length === 0 && mismatched.length === 0;
}

function byRoles(where: string, checkpoint: Checkpoint, model: LayersModel, hints: NetworkHints): Match {
  const { parameters } = vggByConfiguration(checkpoint) ?? vggByNames(checkpoint, hints);
  return matchUp(checkpoint, parameters, targetsOf(where, model));
}

/** By the names of layers and variables, for a file in the order of axes of tfjs. */
function byNames(_where: string, checkpoint: Checkpoint, model: LayersModel): Match | undefined {
  const modules = modulesOf(checkpoint.file, checkpoint.tensors);
  if (modules.some(({ outFirst }) => outFirst)) return undefined;
  const layers = layersOf(model);
  const targets = layers.flatMap(({ name, weights }) =>
    weights.map(({ variable, target }): [string, Target] => [`${name}/${variable}`, target]),
  );
  const byRole = new Map(targets);
  if (byRole.size < targets.length) return undefined;
  const parameters = modules.flatMap(({ path, named }) =>
    [...named].map(([variable, tensor]): Parameter => {
      const role = `${path}/${variable}`;
      // Keras 3 calls the kernel of a depthwise convolution a kernel, as any other.
      const isDepthwise =
        variable === 'kernel' && !byRole.has(role) && byRole.has(`${path}/depthwise_kernel`);
      return { role: isDepthwise ? `${path}/depthwise_kernel` : role, shape: tensor.shape, tensor };
    }),
  );
  return matchUp(checkpoint, parametersOf(modules, parameters, 'keras'), byRole, 'names');
}

/** One after the other, if file and model have layers of the same kinds and shapes. */
function byOrder(_where: string, checkpoint: Checkpoint, model: LayersModel): Match | undefined {
  const layers = layersOf(model).filter(({ weights }) => weights.length > 0);
  const modules = inOrderOf(layers, checkpoint) ?? inOrder(checkpoint);
  if (modules?.length !== layers.length) return undefined;
  const parameters: Parameter[] = [];
  const targets = new Map<string, Target>();
  for (const [i, { name, weights }] of layers.entries()) {
    const module = modules[i]!;
    if (module.variables.size !== weights.length || module.tensors.length !== weights.length)
      return undefined;
    for (const { variable, target } of weights) {
      // A PReLU has nothing else, under a name of each framework.
      const isSlope = variable === 'alpha' && module.tensors.length === 1;
      const tensor = isSlope ? module.tensors[0] : module.variables.get(variable as Variable);
      const shape = target.variable.shape as number[];
      if (!tensor) return undefined;
      const { axes, ...parameter } = oriented(module, tensor.shape);
      if (
        (variable === 'kernel' ? parameter.shape : isSlope ? slopes(tensor.shape) : tensor.shape).join() !==
        (isSlope ? slopes(shape) : shape).join()
      ) {
        return undefined;
      }
      const role = `${i}/${name}/${variable}`;
      parameters.push({ role, tensor, shape, ...(variable === 'kernel' && { axes }) });
      targets.set(role, target);
    }
  }
  const names = modules.some(({ outFirst }) => outFirst) ? 'torchvision' : 'keras';
  return matchUp(checkpoint, parametersOf(modules, parameters, names), targets, 'order');
}

/** The shape of a PReLU's slopes without the axes that share one. */
function slopes(shape: readonly number[]): number[] {
  return shape.filter((length) => length !== 1);
}

/**
 * The layers of a `.weights.h5` in the order of a model's: Keras numbers those of each class, `conv2d`, `conv2d_1`.
 *
 * @returns undefined if the file has other classes, or they are numbered more than once.
 */
function inOrderOf(layers: readonly ModelLayer[], checkpoint: Checkpoint): Module[] | undefined {
  const { file, tensors, layersPresent } = checkpoint;
  if (!layersPresent) return undefined;
  const byGroup = new Map(layersPresent.map(({ group, name }) => [group, name]));
  const byPath = new Map(modulesOf(file, tensors).map((module) => [module.path, module]));
  const names = new Set(layersPresent.map(({ name }) => name));
  if (byGroup.size < layersPresent.length || names.size < layersPresent.length) return undefined;
  const counts = new Map<string, number>();
  const found = layers.flatMap(({ group }) => {
    const count = counts.get(group) ?? 0;
    counts.set(group, count + 1);
    return byPath.get(byGroup.get(count === 0 ? group : `${group}_${count}`) ?? '') ?? [];
  });
  return found.length === layers.length && found.length === byPath.size ? found : undefined;
}

function parametersOf(
  modules: readonly Module[],
  parameters: readonly Parameter[],
  names: Parameters['names'],
): Parameters {
  const used = new Set(parameters.map(({ tensor }) => tensor));
  const others = modules.flatMap(({ tensors }) => tensors.filter((tensor) => !used.has(tensor)));
  return { names, parameters, others };
}

/**
 * The layers of a file in the order of the network. PyTorch's and Keras' files keep it; where tensors are sorted by name, the
 * numbers in the names do, if they can.
 */
function inOrder({ file, format, tensors, layerNames }: Checkpoint): Module[] | undefined {
  const modules = modulesOf(file, tensors);
  if (format.startsWith('PyTorch') || layerNames) return modules;
  const natural = new Intl.Collator('en', { numeric: true });
  const sorted = modules.sort((a, b) => natural.compare(a.path, b.path));
  // Layers of one shape whose names differ in more than a number could be in any order.
  const names = new Map<string, string>();
  for (const { path, variables } of sorted) {
    const shapes = [...variables.values()].map(({ shape }) => shape.join()).join(';');
    const name = path.replace(/\d+/g, '#');
    if ((names.get(shapes) ?? name) !== name) return undefined;
    names.set(shapes, name);
  }
  return sorted;
}

/** A kernel's shape in tfjs, and its axes if they are PyTorch's. */
function oriented({ outFirst }: Module, shape: readonly number[]): Pick<Parameter, 'shape' | 'axes'> {
  if (!outFirst) return { shape };
  const [out, inputs, ...window] = shape as [number, number, ...number[]];
  return { shape: [...window, inputs, out], axes: { out, channels: inputs, window: size(window) } };
}

interface ModelLayer {
  name: string;
  /** Its class, as Keras names its layers by it: `conv2d`. */
  group: string;
  weights: { variable: Variable | 'alpha'; target: Target }[];
}

function layersOf(model: LayersModel): ModelLayer[] {
  return layersWithin(model)
    .filter(({ name }) => !isAverage(name))
    .map((layer) => ({
      name: layer.name,
      group: snakeCase(layer.getClassName()),
      weights: layer.weights.map((variable) => {
        const last = variable.originalName.split('/').at(-1)! as Variable | 'alpha';
        const { epsilon } = layer.getConfig();
        const role = `${layer.name}/${last}`;
        const target = { role, variable, ...(last === 'moving_variance' && { epsilon: Number(epsilon) }) };
        return { variable: last, target };
      }),
    }));
}
