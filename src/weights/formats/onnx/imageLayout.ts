import { LAYOUT_KEY, LAYOUTS, type Layout } from '../layouts.js';
import type { OnnxModel, OnnxNode } from './model.js';

/** What keeps the axes of images as they are. */
const KEEPING = new Set([
  ...['Identity', 'Cast', 'Dropout', 'Add', 'Sub', 'Mul', 'Div', 'Neg', 'Clip', 'Sum', 'Mean', 'Max', 'Min'],
  ...['Relu', 'LeakyRelu', 'Elu', 'Selu', 'Sigmoid', 'HardSigmoid', 'Tanh', 'Softplus', 'Softsign', 'Mish'],
  ...['ThresholdedRelu', 'PRelu', 'Pad', 'Slice', 'Resize', 'Upsample'],
]);

/** Operators of maps, which ONNX defines with channels first. */
const CHANNELS_FIRST = new Set([
  ...['Conv', 'ConvTranspose', 'MaxPool', 'AveragePool', 'LpPool', 'GlobalAveragePool', 'GlobalMaxPool'],
  ...['BatchNormalization', 'InstanceNormalization', 'GroupNormalization', 'LRN'],
  ...['DepthToSpace', 'SpaceToDepth'],
]);

/** The most channels that images have. */
const MAX_CHANNELS = 4;

/** Operators that may take a number for each channel. */
const BY_CHANNEL = new Set(['Add', 'Sub', 'Mul', 'Div', 'PRelu']);

/**
 * The order of the axes of a graph's images. `said` is what the file says: by its metadata, by an operator that needs channels first, or by one
 * that moves them. `likely` is what numbers for each channel suggest, or the lengths of the axes: few channels beside a larger height and width.
 * It is for a graph that flattens its images at once.
 */
export function layoutOf(
  { nodes, metadata, initializers }: OnnxModel,
  input: string,
  dims: readonly (number | null)[],
): { said?: Layout; likely?: Layout } {
  const stated = LAYOUTS.find((layout) => layout === metadata.get(LAYOUT_KEY));
  if (stated) return { said: stated };
  const constants = new Map(initializers.map(({ name, dims }) => [name, dims]));
  const prepared = new Set([input]);
  let suggested: Layout | undefined;
  for (const node of nodes) {
    if (!node.inputs.some((name) => prepared.has(name))) continue;
    const said = saidBy(node);
    if (said) return { said };
    if (KEEPING.has(node.op)) for (const name of node.outputs) prepared.add(name);
    if (!BY_CHANNEL.has(node.op)) continue;
    for (const name of node.inputs) suggested ??= suggestedBy(constants.get(name), dims);
  }
  return { likely: suggested ?? LAYOUTS.find((layout) => areImages(dims, layout)) };
}

function saidBy({ op, attributes }: OnnxNode): Layout | undefined {
  if (CHANNELS_FIRST.has(op)) return 'NCHW';
  if (op !== 'Transpose') return undefined;
  const perm = String(attributes.get('perm'));
  return perm === '0,3,1,2' ? 'NHWC' : perm === '0,2,3,1' ? 'NCHW' : undefined;
}

/** What the shape of a constant suggests that has one number for each channel. */
function suggestedBy(
  shape: readonly number[] | undefined,
  dims: readonly (number | null)[],
): Layout | undefined {
  const [at, ...others] = dims.flatMap((_, i) => ((shape?.at(i - dims.length) ?? 1) > 1 ? [i] : []));
  if (others.length > 0 || shape?.at(at! - dims.length) !== dims[at!]) return undefined;
  return at === 1 ? 'NCHW' : at === 3 ? 'NHWC' : undefined;
}

function areImages(dims: readonly (number | null)[], layout: Layout): boolean {
  const [, ...lengths] = dims;
  const [channels] = lengths.splice(layout === 'NCHW' ? 0 : 2, 1);
  return (
    (channels ?? MAX_CHANNELS + 1) <= MAX_CHANNELS &&
    lengths.every((one) => one === null || one > MAX_CHANNELS)
  );
}
