import type { ConvArch } from '../../core/arch.js';
import { ADAPTIVE_SIZE } from '../../core/options.js';
import { featureSize } from '../../core/sizes.js';
import type { Checkpoint } from '../formats/checkpoint.js';
import { type NetworkSpec, titleOf } from '../names/network.js';
import { type Parameter, type Parameters, parameterOf } from '../names/parameters.js';
import type { KerasLayer, KerasModel } from './graph.js';
import { isLeftOut } from './layers.js';
import { matchWeights, type Weight } from './match.js';
import { parseModel } from './parse.js';
import { type Op, opsOf } from './vggOps.js';
import { checkWidths } from './widths.js';

type BatchNorm = Exclude<NetworkSpec['batchNorm'], false>;
type InputShape = NonNullable<NonNullable<NetworkSpec['config']>['inputShape']>;

/**
 * The VGG that a configuration describes, if it is exactly what `vgg` builds: every argument of every layer has the value that
 * `vgg` gives it, or has no effect on predictions. Undefined for any other network, and for a file without a configuration.
 *
 * @throws WeightFileError when the configuration cannot be read.
 */
export function vggByConfiguration(
  checkpoint: Checkpoint,
): { network: NetworkSpec; parameters: Parameters } | undefined {
  if (checkpoint.configuration === undefined) return undefined;
  const model = parseModel(checkpoint.file, checkpoint.configuration, checkpoint.kerasVersion);
  checkWidths(checkpoint.file, model, checkpoint.tensors);
  if (model.layers.some((layer) => layer.model)) return undefined;
  const ops = opsOf(checkpoint.file, model);
  const network = ops && networkOf(ops, imageShapeOf(model));
  if (!network?.complete) return undefined;
  const weights = weightsOf(ops!, network);
  const { found, others } = matchWeights(checkpoint, model, (layer) => weights.get(layer) ?? []);
  const epsilon = network.spec.batchNorm ? network.spec.batchNorm.epsilon : undefined;
  const parameters = [...found].flatMap(([{ role }, tensor]): Parameter[] =>
    role === undefined
      ? []
      : [{ ...parameterOf(role, tensor), ...(role.endsWith('/moving_variance') && { epsilon }) }],
  );
  return { network: network.spec, parameters: { names: 'keras', parameters, others } };
}

/**
 * The VGG in a model, after whatever prepares images; undefined if there is none. Its top is described if it is one of `vgg`
 * but for dropout.
 */
export function vggWithin(file: string, model: KerasModel): NetworkSpec | undefined {
  const ops = opsOf(file, model)?.filter(
    ({ kind, layer }) => kind !== 'dropout' && !isLeftOut(layer.className),
  );
  const first = ops?.findIndex(({ kind }) => kind === 'conv') ?? -1;
  return first < 0 ? undefined : networkOf(ops!.slice(first), imageShapeOf(model))?.spec;
}

/** A network, the roles of its layers, and whether it is all that the operations compute. */
interface Recognized {
  spec: NetworkSpec;
  roles: Map<KerasLayer, string>;
  complete: boolean;
}

/** Reads blocks and then a head; undefined unless there is a block. */
function networkOf(ops: readonly Op[], inputShape: InputShape | undefined): Recognized | undefined {
  if (!inputShape) return undefined;
  const roles = new Map<KerasLayer, string>();
  const arch: [number, number, number][] = [];
  const styles = new Set<string>();
  let style: { padding: 'same' | 'valid'; bias: boolean; norm: BatchNorm | false } | undefined;
  let at = 0;
  while (ops[at]?.kind === 'conv') {
    const row: [number, number, number] = [0, 0, 0];
    for (let op = ops[at]; op?.kind === 'conv'; op = ops[at]) {
      const unit = convUnit(ops, at);
      if (!unit || (row[1] !== 0 && row[1] !== op.filters) || (op.window === 3 && row[2] > 0))
        return undefined;
      row[1] = op.filters;
      row[op.window === 3 ? 0 : 2]++;
      const name = `block${arch.length + 1}_conv${row[0] + row[2]}`;
      roles.set(op.layer, name);
      if (unit.norm) roles.set(unit.norm, `${name}_bn`);
      // A 1x1 convolution needs no padding.
      const padding = op.window === 3 ? op.padding : (style?.padding ?? 'same');
      style = { padding, bias: op.bias, norm: unit.options };
      styles.add(JSON.stringify(style));
      at = unit.end;
    }
    if (ops[at]?.kind !== 'maxPool') return undefined;
    arch.push(row);
    at++;
  }
  if (!style || styles.size !== 1) return undefined;
  const { padding } = style;
  const blocks: ConvArch = arch.map(([threes, width, ones]) =>
    ones > 0 ? [threes, width, ones] : [threes, width],
  );
  const tooSmall = inputShape
    .slice(0, 2)
    .some((length) => length !== null && featureSize(blocks, length, padding) < 1);
  if (tooSmall) return undefined;
  const head = headOf(ops.slice(at), blocks, padding, inputShape);
  for (const [layer, role] of head?.roles ?? []) roles.set(layer, role);
  return {
    spec: {
      title: titleOf(blocks, style.norm !== false),
      names: 'keras',
      arch: blocks,
      inputChannels: inputShape[2],
      batchNorm: style.norm,
      convBias: style.bias,
      padding,
      top: head?.top,
      config: { inputShape, dropout: 0, adaptivePool: false, ...head?.config },
    },
    roles,
    complete: head !== undefined,
  };
}

/** A convolution with its ReLU and its normalization, before or after it. */
function convUnit(
  ops: readonly Op[],
  at: number,
): { norm?: KerasLayer; options: BatchNorm | false; end: number } | undefined {
  const [conv, ...next] = ops.slice(at, at + 3);
  if (conv?.kind !== 'conv') return undefined;
  const kinds = next.map(({ kind }) => kind);
  const norm = (op: Op | undefined, afterRelu: boolean, length: number) =>
    op?.kind === 'batchNorm'
      ? {
          norm: op.layer,
          options: { epsilon: op.epsilon, momentum: op.momentum, afterRelu },
          end: at + length,
        }
      : undefined;
  if (conv.relu) return norm(next[0], true, 2) ?? { options: false, end: at + 1 };
  if (kinds[0] === 'relu') return norm(next[1], true, 3) ?? { options: false, end: at + 2 };
  return kinds[1] === 'relu' ? norm(next[0], false, 3) : undefined;
}

interface Head {
  top?: NetworkSpec['top'];
  config: Partial<NonNullable<NetworkSpec['config']>>;
  roles: Map<KerasLayer, string>;
}

/** What follows the blocks, if it is nothing, global pooling, or a top that `vgg` builds. */
function headOf(
  ops: readonly Op[],
  arch: ConvArch,
  padding: 'same' | 'valid',
  inputShape: InputShape,
): Head | undefined {
  const roles = new Map<KerasLayer, string>();
  const averaged = averageOf(ops);
  const [first, ...rest] = ops.slice(averaged);
  if (!first) return averaged === 0 ? { config: {}, roles } : undefined;
  if (first.kind !== 'flatten' && first.kind !== 'globalPool') return undefined;
  const pooling = first.kind === 'globalPool' ? first.pooling : undefined;
  if (pooling && averaged > 0) return undefined;
  if (rest.length === 0) return pooling ? { config: { pooling }, roles } : undefined;
  const last = rest.findLastIndex(({ kind }) => kind === 'dense');
  const hiddenUnits: number[] = [];
  const rates: number[] = [];
  for (let i = 0; i < last; ) {
    const hidden = rest[i++]!;
    // The ReLU is part of the layer, or a layer of its own.
    const isActive = hidden.kind === 'dense' && (hidden.activation === 'relu' || rest[i]?.kind === 'relu');
    if (!isActive) return undefined;
    if (hidden.activation !== 'relu') i++;
    hiddenUnits.push(hidden.units);
    roles.set(hidden.layer, `fc${hiddenUnits.length}`);
    const after = rest[i]!;
    rates.push(after.kind === 'dropout' ? after.rate : 0);
    if (after.kind === 'dropout') i++;
  }
  const predictions = rest[last];
  const softmax = rest.slice(last + 1).map(({ kind }) => kind);
  if (predictions?.kind !== 'dense' || predictions.activation === 'relu' || new Set(rates).size > 1)
    return undefined;
  if (softmax.length > 0 && (softmax.join() !== 'softmax' || predictions.activation === 'softmax'))
    return undefined;
  roles.set(predictions.layer, 'predictions');
  const classifierActivation = softmax.length > 0 ? 'softmax' : predictions.activation;
  const [height, width] = inputShape;
  const adaptivePool = averaged > 0;
  const sizes = adaptivePool
    ? ([ADAPTIVE_SIZE, ADAPTIVE_SIZE] as const)
    : ([height, width].map((length) => featureSize(arch, length ?? 0, padding)) as [number, number]);
  if (!pooling && sizes.some((length) => length < 1)) return undefined;
  return {
    top: { hiddenUnits, classes: predictions.units, ...(pooling ? { pooling } : { featureSize: sizes }) },
    config: { classifierActivation, dropout: rates[0] ?? 0, adaptivePool },
    roles,
  };
}

/** The names of the layers by which `adaptivePool` averages a feature map to 7x7. */
const AVERAGING = ['avgpool_height_last', 'avgpool_height', 'avgpool_width_last', 'avgpool_width', 'avgpool'];

/** How many of the operations are those layers, which this library alone writes. */
function averageOf(ops: readonly Op[]): number {
  const names = ops.map(({ layer }) => layer.name);
  if (names[0] === 'avgpool' && ops[0]!.layer.className === 'AveragePooling2D') return 1;
  return AVERAGING.every((name, i) => names[i] === name) ? AVERAGING.length : 0;
}

/** The weights of a network's layers; those of `adaptivePool` have no role, since they are constants. */
function weightsOf(
  ops: readonly Op[],
  { roles, spec }: Recognized,
): Map<KerasLayer, (Weight & { role?: string })[]> {
  return new Map(
    ops.map(({ kind, layer }) => {
      const role = roles.get(layer);
      const trained = kind === 'conv' && !spec.convBias ? ['kernel'] : ['kernel', 'bias'];
      const names =
        kind === 'batchNorm'
          ? ['gamma', 'beta', 'moving_mean', 'moving_variance']
          : kind === 'conv' || kind === 'dense'
            ? trained
            : AVERAGING.includes(layer.name) && layer.className === 'Dense'
              ? ['kernel']
              : [];
      return [
        layer,
        names.map((name) => ({
          name,
          trainable: !name.startsWith('moving_'),
          role: role && `${role}/${name}`,
        })),
      ];
    }),
  );
}

/** The maximum height or width of an image; memory runs out below it. */
const MAX_IMAGE_SIZE = 2 ** 14;

/** The shape of a model's images; undefined if its input is none. */
export function imageShapeOf({ inputs, layers }: KerasModel): InputShape | undefined {
  const [input, ...others] = inputs;
  const { config } = layers.find(({ name }) => name === input?.layer) ?? {};
  const shape = config?.batch_shape ?? config?.batch_input_shape;
  if (others.length > 0 || !Array.isArray(shape) || shape.length !== 4) return undefined;
  const isLength = (length: unknown) =>
    Number.isSafeInteger(length) && (length as number) >= 1 && (length as number) <= MAX_IMAGE_SIZE;
  const [height, width, channels] = shape.slice(1);
  const fits = [height, width].every((length) => length === null || isLength(length)) && isLength(channels);
  return fits ? [height, width, channels] : undefined;
}
