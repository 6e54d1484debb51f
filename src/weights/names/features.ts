import type { ConvArch } from '../../core/arch.js';
import { printable, WeightFileError } from '../formats/error.js';
import { byPosition, DIALECTS, type Dialect, type Position, placeOf } from './dialects.js';
import type { ListedLayer } from './layers.js';
import type { Module } from './modules.js';

/** A convolution of a file. */
interface Conv {
  module: Module;
  position: Position;
  norm?: Norm;
}

interface Norm {
  module: Module;
  afterRelu: boolean;
}

/** The convolutional part of a VGG, found in a file. */
export interface Features {
  arch: ConvArch;
  inputChannels: number;
  /** The layers by their names here: `block1_conv1`, `block1_conv1_bn`. */
  layers: ReadonlyMap<string, Module>;
  /** Whether normalization follows the ReLU; undefined without normalization. */
  afterRelu?: boolean;
  /** Whether the names are used with and without padding. */
  padding?: Dialect['padding'];
  /** The place of a later layer after the last convolution, if both are in the same `nn.Sequential`. */
  distance(path: string): number | undefined;
  /** The beginning of the paths. */
  prefix: string;
}

/** What helps where names leave several readings. */
export interface FeatureHints {
  arch?: ConvArch;
  /** All layers in their order, those without weights included, if the file lists them. */
  layers?: readonly ListedLayer[];
  /** Whether a number of blocks fits the head and the input shape. */
  fitsBlocks?(arch: ConvArch): boolean;
  /** Whether the head flattens the feature map, so that images of another size than these blocks need are refused. */
  isFlattened?(arch: ConvArch): boolean;
}

/**
 * Finds the convolutions of a VGG and the blocks they form.
 *
 * @throws WeightFileError when the names are unknown, or the layers are not a VGG's, or the blocks cannot be known.
 */
export function featuresOf(file: string, modules: readonly Module[], hints: FeatureHints): Features {
  const { dialect, prefix, convs } = convolutions(file, modules);
  attachNorms(file, modules, dialect, prefix, convs, hints.layers);
  const starts = blockStarts(file, dialect, convs, hints);
  const layers = new Map<string, Module>();
  const blocks: Conv[][] = [];
  convs.forEach((conv, i) => {
    if (starts[i]) blocks.push([]);
    blocks.at(-1)!.push(conv);
    const name = `block${blocks.length}_conv${blocks.at(-1)!.length}`;
    layers.set(name, conv.module);
    if (conv.norm) layers.set(`${name}_bn`, conv.norm.module);
  });
  const last = convs.at(-1)!;
  const afterNorm = last.norm ? 1 : 0;
  return {
    ...archOf(file, blocks, hints),
    layers,
    afterRelu: last.norm?.afterRelu,
    padding: dialect.padding,
    prefix,
    distance(path) {
      const at = placeOf(dialect, path);
      const { index, stage } = last.position;
      const same = at?.prefix === prefix && at.position.stage === stage && index !== undefined;
      return same ? at.position.index! - index - afterNorm : undefined;
    },
  };
}

/** The convolutions of the dialect that explains most of them, in order. */
function convolutions(
  file: string,
  modules: readonly Module[],
): { dialect: Dialect; prefix: string; convs: Conv[] } {
  const all = modules.filter(({ kind }) => kind === 'conv');
  if (all.length === 0) {
    const [first] = modules.flatMap(({ tensors }) => tensors);
    throw new WeightFileError(
      file,
      `it has no convolutions${first ? ` (its first tensor is '${printable(first.name)}')` : ''}, so it is not a VGG.`,
    );
  }
  const readings = DIALECTS.flatMap((dialect) => {
    const prefixes = new Map<string, Conv[]>();
    for (const module of all) {
      const place = placeOf(dialect, module.path);
      if (!place) continue;
      const { prefix, position } = place;
      prefixes.set(prefix, [...(prefixes.get(prefix) ?? []), { module, position }]);
    }
    return [...prefixes].map(([prefix, convs]) => ({ dialect, prefix, convs: convs.sort(byPosition) }));
  });
  const [best, ...others] = readings.sort((a, b) => b.convs.length - a.convs.length);
  if (!best) {
    throw new WeightFileError(
      file,
      `its layers are not named as in any VGG that is known (such as '${printable(all[0]!.path)}'); pass rename, or build its model and call loadWeights.`,
    );
  }
  const second = others.find(({ convs }) => convs.length > 1 && !sharesLayers(best.convs, convs));
  if (second) {
    const names = [best, second].map(({ convs }) => `'${printable(convs[0]!.module.path)}'`);
    throw new WeightFileError(
      file,
      `it has the convolutions of two networks (${names.join(' and ')}); save the state_dict of one alone, or pass the beginning of its names as key.`,
    );
  }
  checkNumbers(file, best.dialect, best.convs);
  return best;
}

/** Throws if numbers are missing, or tell of layers that no VGG has. */
function checkNumbers(file: string, { dilated }: Dialect, convs: readonly Conv[]): void {
  convs.forEach(({ module, position }, i) => {
    const { block, index, order } = position;
    const before = convs[i - 1]?.position;
    const first = before === undefined || before.block !== block;
    const gap =
      block === undefined
        ? i === 0 && index !== undefined && index !== 0
        : block - (before?.block ?? 0) > 1 || order[1]! - (first ? 0 : before.order[1]!) !== 1;
    if (gap) {
      throw new WeightFileError(
        file,
        `its convolution '${printable(module.path)}' is not the next by its number; a layer before it is missing, or is none that a VGG has.`,
      );
    }
  });
  const [wide, last] = convs.slice(-2);
  const ones = convs.filter((conv) => windowOf(conv) === 1);
  if (dilated && ones.length === 1 && ones[0] === last && widthOf(wide!) === widthOf(last!)) {
    throw new WeightFileError(
      file,
      `its last convolutions, '${printable(wide!.module.path)}' and '${printable(last!.module.path)}', are those of vgg16_reducedfc and SSD, the first of them dilated, which no VGG has; build its model and call loadWeights.`,
    );
  }
}

function sharesLayers(some: readonly Conv[], others: readonly Conv[]): boolean {
  return some.some(({ module }) => others.some((other) => other.module === module));
}

/** Finds each convolution's normalization. All of them have one at the same place, or none has. */
function attachNorms(
  file: string,
  modules: readonly Module[],
  dialect: Dialect,
  prefix: string,
  convs: readonly Conv[],
  layers: readonly ListedLayer[] | undefined,
): void {
  const norms = modules.filter(({ kind }) => kind === 'norm');
  for (const conv of convs) conv.norm = normOf(conv, norms, dialect, prefix, layers);
  const found = convs.filter(({ norm }) => norm);
  const [first] = found;
  if (!first) return;
  if (
    found.length < convs.length ||
    found.some(({ norm }) => norm!.afterRelu !== first.norm!.afterRelu) ||
    new Set(found.map(({ norm }) => norm!.module)).size < convs.length
  ) {
    throw new WeightFileError(
      file,
      `its ${convs.length} convolutions do not all have batch normalization at the same place (${found.length} have it, the first is '${printable(first.module.path)}'), which no VGG has; build its model and call loadWeights.`,
    );
  }
}

function normOf(
  { module: { path }, position }: Conv,
  norms: readonly Module[],
  dialect: Dialect,
  prefix: string,
  layers: readonly ListedLayer[] | undefined,
): Norm | undefined {
  const own = [`${path}_bn`, `${path}.bn`, path.replace(/conv(?=[^.]*$)/, 'bn')];
  const named = norms.find((norm) => norm.path !== path && own.includes(norm.path));
  if (position.index !== undefined) {
    for (const norm of norms) {
      const place = placeOf(dialect, norm.path);
      if (place?.prefix !== prefix || place.position.stage !== position.stage) continue;
      // In between is the ReLU, or nothing.
      const distance = place.position.index! - position.index;
      if (distance === 1 || distance === 2) return { module: norm, afterRelu: distance === 2 };
    }
  }
  const at = layers?.findIndex(({ name }) => name === path) ?? -1;
  if (!layers || at < 0) return named && { module: named, afterRelu: false };
  const after = layers.slice(at + 1);
  const end = after.findIndex(({ kind }) => kind === 'conv' || kind === 'pooling');
  const between = end < 0 ? after : after.slice(0, end);
  const normAt = between.findIndex(({ name }) => norms.some((norm) => norm.path === name));
  if (normAt < 0) return undefined;
  // Without an activation after it, the convolution itself has the ReLU.
  const afterRelu = !between.slice(normAt + 1).some(({ kind }) => kind === 'activation');
  return { module: norms.find((norm) => norm.path === between[normAt]!.name)!, afterRelu };
}

/** Whether a convolution starts a block, for each. */
function blockStarts(file: string, dialect: Dialect, convs: readonly Conv[], hints: FeatureHints): boolean[] {
  const breaks = convs.slice(1).map((conv, i) => breakBetween(convs[i]!, conv, dialect, convs, hints));
  const bad = breaks.indexOf('neither');
  if (bad >= 0) {
    const [before, after] = [convs[bad]!, convs[bad + 1]!].map(({ module }) => printable(module.path));
    throw new WeightFileError(file, `its convolution ${after} follows ${before}, which no VGG has.`);
  }
  const { arch } = hints;
  if (arch) return startsIn(file, arch, convs, breaks);
  const read = (maybe: boolean) => [
    true,
    ...breaks.map((one) => one === 'pooling' || one === 'likely' || (one === 'maybe' && maybe)),
  ];
  if (!breaks.includes('maybe')) {
    const starts = read(true);
    const blocks = groupsOf(convs, starts);
    if (!breaks.includes('likely') || hints.isFlattened?.(blocks) || hints.fitsBlocks?.(blocks))
      return starts;
  }
  const readings = [true, false].map(read).filter((starts) => isVgg(convs, starts));
  // A 1x1 convolution may as well follow the last pooling, so that sizes decide nothing.
  const isOpen = breaks.some((one, i) => one === 'maybe' && windowOf(convs[i + 1]!) === 1);
  const fitting = isOpen ? [] : readings.filter((starts) => hints.fitsBlocks?.(groupsOf(convs, starts)));
  if (fitting.length === 1) return fitting[0]!;
  const example = readings[0] ? `, for example ${JSON.stringify(groupsOf(convs, readings[0]))}` : '';
  throw new WeightFileError(
    file,
    `its names do not say after which of its ${convs.length} convolutions a pooling follows; pass arch, the blocks as [convs, channels]${example}.`,
  );
}

/** A pooling is likely where only the widths speak for it: no VGG has two in a block. */
type Break = 'pooling' | 'likely' | 'none' | 'maybe' | 'neither';

/** What the names say of the layers between two convolutions. */
function breakBetween(
  a: Conv,
  b: Conv,
  dialect: Dialect,
  convs: readonly Conv[],
  { layers }: FeatureHints,
): Break {
  if (a.position.block !== undefined) return a.position.block === b.position.block ? 'none' : 'pooling';
  const [from, to] = [a, b].map((one) => layers?.findIndex(({ name }) => name === one.module.path) ?? -1);
  if (from! >= 0 && to! > from!) {
    return layers!.slice(from, to).some(({ kind }) => kind === 'pooling') ? 'pooling' : 'none';
  }
  if (a.position.index === undefined) return 'maybe';
  if (a.position.stage !== b.position.stage) {
    const stages = [...new Set(convs.map(({ position }) => position.stage!))];
    const steps = new Set(stages.slice(1).map((stage, i) => stage - stages[i]!));
    // A stage with several convolutions is a block, if every stage is followed by the same layers.
    const isBlock = stages.length < convs.length && steps.size === 1;
    return dialect.stageIsBlock || isBlock ? 'pooling' : 'maybe';
  }
  return breakByGap(a, b, gapsOf(convs));
}

/** The layers from each convolution to the next, without the normalization, where both are in the same `nn.Sequential`. */
function gapsOf(convs: readonly Conv[]): number[] {
  return convs.slice(1).flatMap((conv, i) => {
    const before = convs[i]!;
    return before.position.stage === conv.position.stage ? [gap(before, conv)] : [];
  });
}

function gap(a: Conv, b: Conv): number {
  return b.position.index! - a.position.index! - (a.norm ? 1 : 0);
}

/**
 * A ReLU between two convolutions makes a gap of 2, a pooling after it one of 3. Dropout makes one of 3 too, or one of 4 with a
 * pooling: where no gap of 2 shows what a ReLU alone takes, or the widths hint at dropout, a gap of 3 leaves it open.
 */
function breakByGap(a: Conv, b: Conv, gaps: readonly number[]): Break {
  const own = gap(a, b);
  if (own === 2) return 'none';
  if (own !== 3 && own !== 4) return 'neither';
  const plain = gaps.includes(2);
  const isClear = own === 4 ? plain || gaps.includes(3) : plain && !gaps.includes(4);
  if (widthOf(a) !== widthOf(b)) return isClear || plain ? 'pooling' : 'likely';
  return isClear ? 'pooling' : 'maybe';
}

/** The block starts that the caller's architecture has, if they fit the file. */
function startsIn(file: string, arch: ConvArch, convs: readonly Conv[], breaks: readonly Break[]): boolean[] {
  const counts = arch.map(([threes, , ones = 0]) => threes + ones);
  const starts = counts.flatMap((count) => Array.from({ length: count }, (_, i) => i === 0));
  const own = groupsOf(convs, starts);
  const impossible = starts.slice(1).findIndex((start, i) => start && breaks[i] === 'none');
  if (
    starts.length !== convs.length ||
    JSON.stringify(own) !== JSON.stringify(arch.map(blockOf)) ||
    impossible >= 0
  ) {
    const widths = convs.map(widthOf).join(', ');
    throw new WeightFileError(
      file,
      impossible >= 0 && starts.length === convs.length
        ? `arch ${JSON.stringify(arch)} has a pooling after ${printable(convs[impossible]!.module.path)}, but its name leaves no room for one.`
        : `arch ${JSON.stringify(arch)} does not fit its ${convs.length} convolutions of ${widths} filters.`,
    );
  }
  return starts;
}

/** The blocks that convolutions form if some of them start one. */
function groupsOf(convs: readonly Conv[], starts: readonly boolean[]): ConvArch {
  const blocks: [convs: number, channels: number, pointwise: number][] = [];
  convs.forEach((conv, i) => {
    if (starts[i]) blocks.push([0, widthOf(conv), 0]);
    blocks.at(-1)![windowOf(conv) === 1 ? 2 : 0]++;
  });
  return blocks.map(blockOf);
}

/** A block without a number of 1x1 convolutions if it has none. */
function blockOf([threes, channels, ones = 0]: ConvArch[number]): ConvArch[number] {
  return ones > 0 ? [threes, channels, ones] : [threes, channels];
}

/** Whether every block has one width. */
function isVgg(convs: readonly Conv[], starts: readonly boolean[]): boolean {
  return convs.every((conv, i) => starts[i] || widthOf(conv) === widthOf(convs[i - 1]!));
}

function kernelOf({ module: { outFirst, variables } }: Conv) {
  const { shape, name } = variables.get('kernel')!;
  const [a, b, c, d] = shape as [number, number, number, number];
  return outFirst
    ? { height: c, width: d, inputs: b, filters: a, name, shape }
    : { height: a, width: b, inputs: c, filters: d, name, shape };
}

function widthOf(conv: Conv): number {
  return kernelOf(conv).filters;
}

function windowOf(conv: Conv): number {
  return kernelOf(conv).width;
}

function archOf(
  file: string,
  blocks: readonly (readonly Conv[])[],
  hints: FeatureHints,
): { arch: ConvArch; inputChannels: number } {
  const first = kernelOf(blocks[0]![0]!).inputs;
  let channels = first;
  const arch = blocks.map((convs, index): ConvArch[number] => {
    const count = { threes: 0, ones: 0 };
    const own = widthOf(convs[0]!);
    for (const conv of convs) {
      const { height, width, inputs, filters, name, shape } = kernelOf(conv);
      const fault = (reason: string) =>
        new WeightFileError(file, `${reason}, so it is not a VGG's.`, { tensor: name });
      const pointwise = height === 1 && width === 1;
      if (!pointwise && (height !== 3 || width !== 3)) {
        throw fault(`its kernel has the shape [${shape}], neither 3x3 nor 1x1`);
      }
      if (inputs !== channels) throw fault(`it takes ${inputs} channels but gets ${channels}`);
      if (filters !== own) throw fault(`it has ${filters} filters but block ${index + 1} has ${own}`);
      if (filters === 0 || inputs === 0) throw fault(`its kernel has the shape [${shape}]`);
      if (!pointwise && count.ones > 0) throw fault('it is 3x3 but follows a 1x1');
      if (pointwise && count.threes === 0 && !hints.arch) {
        const reason =
          'it is 1x1 but begins a block, so it may follow the last pooling; if it does not, pass arch.';
        throw new WeightFileError(file, reason, { tensor: name });
      }
      count[pointwise ? 'ones' : 'threes']++;
      channels = filters;
    }
    return count.ones > 0 ? [count.threes, own, count.ones] : [count.threes, own];
  });
  return { arch, inputChannels: first };
}
