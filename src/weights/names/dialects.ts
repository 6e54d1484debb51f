/** Where a convolution stands, as its name says. */
export interface Position {
  /** The order among all: numbers, compared one by one. */
  order: readonly number[];
  /** The block, where names say it. */
  block?: number;
  /** The place in an `nn.Sequential`, which counts every layer, so that gaps tell of the layers without weights. */
  index?: number;
  /** The place of that Sequential in another. */
  stage?: number;
}

/** A way to name the convolutions of a VGG. */
export interface Dialect {
  /**
   * The groups: `prefix`, the same for all layers of a network; and either `block` and `conv`, or `index` and perhaps `stage`
   * (see {@link Position}), or `order`, if nothing says where blocks end.
   */
  pattern: RegExp;
  /** Whether a stage is a block, however many convolutions it has. */
  stageIsBlock?: true;
  /**
   * Set where networks with these names are common with and without padding, so that the caller has to say it; perhaps only where
   * no flattened feature map gives away that the images had another size.
   */
  padding?: 'either' | 'either unless flattened';
  /** Whether detectors with these names end in a dilated convolution and one of 1x1. */
  dilated?: true;
}

/** Modules that hold the layers of a plain network: `vgg.0`, `net.0`, `model.0`, fastai's `0.0.0`. */
const CONTAINERS =
  '(?<prefix>(?:(?:vgg|net|model|network|backbone|encoder|base|body|layers|conv_layers|convs|cnn|feature_extractor|extractor|stack)\\.)*';

/**
 * The names that are known. Wrappers' own names are removed before; any other prefix is free where a pattern begins with
 * `.*`, as in `backbone.vgg.features.0`.
 */
export const DIALECTS: readonly Dialect[] = [
  // Keras' applications and this library.
  { pattern: /^(?<prefix>(?:.*\.)?)block_?(?<block>\d+)[._]conv_?(?<conv>\d+)$/ },
  // Caffe, and what was converted from it: VGG-Face, keras-vggface, Gatys' vgg_conv.pth.
  { pattern: /^(?<prefix>(?:.*\.)?)conv(?<block>\d+)_(?<conv>\d+)$/ },
  // TinyVGG of the CNN Explainer, which has no padding.
  { pattern: /^(?<prefix>(?:.*\.)?)conv_(?<block>\d+)_(?<conv>\d+)$/, padding: 'either' },
  // TinyVGG of learnpytorch.io, which has padding in some chapters.
  {
    pattern: /^(?<prefix>(?:.*\.)?(?:conv_)?)block_?(?<stage>\d+)\.(?<index>\d+)$/,
    stageIsBlock: true,
    padding: 'either',
  },
  // torchvision and timm, whose features_only joins by an underscore.
  { pattern: /^(?<prefix>(?:.*\.)?)features[._](?<index>\d+)$/ },
  { pattern: /^(?<prefix>(?:.*\.)?)features\.(?<stage>\d+)\.(?<index>\d+)$/ },
  // The slices of LPIPS keep torchvision's numbers.
  { pattern: /^(?<prefix>(?:.*\.)?)slice\d+\.(?<index>\d+)$/ },
  // vgg16_reducedfc and SSD.
  { pattern: new RegExp(`^${CONTAINERS})(?<index>\\d+)$`), dilated: true },
  // d2l's blocks, and fastai's body.
  { pattern: new RegExp(`^${CONTAINERS}(?:0\\.)?)(?<stage>\\d+)\\.(?<index>\\d+)$`) },
  // Tutorials: one Sequential for each convolution.
  { pattern: /^(?<prefix>(?:.*\.)?(?:layer|conv)_?)(?<stage>\d+)\.(?<index>\d+)$/ },
  // Keras' default names, and hand-numbered convolutions.
  { pattern: /^(?<prefix>(?:.*\.)?)conv2d(?:_(?<order>\d+))?$/, padding: 'either unless flattened' },
  { pattern: /^(?<prefix>(?:.*\.)?)conv_?(?<order>\d+)$/, padding: 'either unless flattened' },
];

/** Where a layer stands in a dialect, and the prefix of its network. */
export function placeOf(dialect: Dialect, path: string): { prefix: string; position: Position } | undefined {
  const groups = dialect.pattern.exec(path)?.groups;
  if (!groups) return undefined;
  const number = (name: string) => (groups[name] === undefined ? undefined : Number(groups[name]));
  const [block, conv, stage, index] = ['block', 'conv', 'stage', 'index'].map(number);
  const order = [block, conv, stage, index].filter((one) => one !== undefined);
  // Keras' first layer of a kind has no number.
  if (order.length === 0) order.push(number('order') ?? -1);
  return { prefix: groups.prefix ?? '', position: { order, block, index, stage } };
}

/** Whether one position is before another; for `sort`. */
export function byPosition(a: { position: Position }, b: { position: Position }): number {
  const at = a.position.order.findIndex((number, i) => number !== b.position.order[i]);
  return at < 0 ? 0 : a.position.order[at]! - b.position.order[at]!;
}
