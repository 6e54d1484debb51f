import {
  type ConvArch,
  FAMILY,
  type FamilyName,
  OPTIMIZERS,
  type OptimizerName,
  VGG11,
  VGG16,
} from 'vgg-blocks';

export const BACKENDS = ['wasm', 'webgl', 'webgpu'] as const;
export type Backend = (typeof BACKENDS)[number];
export const VIEWS = ['start', 'own', 'network', 'train', 'inside', 'style', 'weights'] as const;
export type View = (typeof VIEWS)[number];
export const OPTIMIZER_NAMES = Object.keys(OPTIMIZERS) as OptimizerName[];
export const DATA = ['garments', 'files', 'fashion-mnist'] as const;
type DataKind = (typeof DATA)[number];
/** What the classes of dropped files are called: as Fashion-MNIST's, or by their numbers, which are MNIST's names. */
export type FileNames = 'numbers' | 'garments';
/** Preprocessing of images: as in training here, or that of torchvision's or Keras' weights. */
/** `file`: as the opened weight file says. */
export const PREPROCESSINGS = ['plain', 'torchvision', 'keras', 'file'] as const;
export type PreprocessingName = (typeof PREPROCESSINGS)[number];

/** Everything that a person can choose; the address bar holds it. */
export interface Choice {
  view: View;
  arch: ConvArch;
  ratio: number;
  size: number;
  channels: number;
  classes: number;
  hidden: number;
  batchNorm: boolean;
  data: DataKind;
  /** Training images to draw; a quarter as many test images are drawn too. */
  images: number;
  epochs: number;
  batchSize: number;
  optimizer: OptimizerName;
  rate: number;
  cosine: boolean;
  seed: number;
  backend: Backend;
  /** Whether WebGPU computes with this library's kernels; wasm always does, since it cannot train without them. */
  kernels: boolean;
}

/** The README's network, which a browser trains in a minute. */
export const DEFAULTS: Choice = {
  view: 'start',
  arch: VGG11,
  ratio: 8,
  size: 32,
  channels: 1,
  classes: 10,
  hidden: 256,
  batchNorm: false,
  data: 'garments',
  images: 4000,
  epochs: 5,
  batchSize: 32,
  optimizer: 'adam',
  rate: 0.001,
  cosine: true,
  seed: 0,
  backend: 'wasm',
  kernels: true,
};

/** The smallest and the largest value of each number. */
export const RANGES = {
  ratio: [1, 512],
  size: [1, 2048],
  classes: [1, 100_000],
  hidden: [1, 65_536],
  images: [40, 60_000],
  epochs: [1, 1000],
  batchSize: [1, 1024],
  rate: [1e-7, 10],
  seed: [0, 0xffffffff],
} as const satisfies { [name in keyof Choice]?: readonly [min: number, max: number] };

/** Networks to start from. */
export const STARTS = {
  small: { arch: VGG11, ratio: 8, size: 32, channels: 1, classes: 10, hidden: 256, batchNorm: false },
  chapter: { arch: VGG11, ratio: 1, size: 224, channels: 1, classes: 10, hidden: 4096, batchNorm: false },
  imagenet: { arch: VGG16, ratio: 1, size: 224, channels: 3, classes: 1000, hidden: 4096, batchNorm: false },
} as const satisfies Record<string, Partial<Choice>>;

/** The member of the family that an architecture is, if one. */
export function memberOf(arch: ConvArch): FamilyName | undefined {
  const text = archText(arch);
  return (Object.keys(FAMILY) as FamilyName[]).find((name) => archText(FAMILY[name].arch) === text);
}

/** The name of a network: `VGG-11`, `VGG-11 / 8` for the same with an eighth of the channels, or `VGG` with blocks of its own. */
export function titleOf({ arch, ratio }: Pick<Choice, 'arch' | 'ratio'>): string {
  const widened = (by: number): ConvArch =>
    arch.map(([convs, channels, ...ones]) => [convs, (channels / ratio) * by, ...ones]);
  const by = [ratio, 2, 4, 8, 16, 32, 64].find((one) => memberOf(widened(one)));
  if (by === undefined) return 'VGG';
  const { title } = FAMILY[memberOf(widened(by))!];
  return by > 1 ? `${title} / ${by}` : title;
}

/** `1x64-2x128-2x256.1`: convolutions x channels, and after a point the 1x1 convolutions. */
function archText(arch: ConvArch): string {
  return arch.map(([convs, channels, one = 0]) => `${convs}x${channels}${one ? `.${one}` : ''}`).join('-');
}

/** Limits of an architecture. */
export const MAX = { blocks: 8, convs: 8, channels: 4096 };

/** The smallest image that a pixel is left of after the last pooling. */
export function smallestSize({ arch }: Pick<Choice, 'arch'>): number {
  return 2 ** arch.length;
}

function parseArch(text: string): ConvArch | undefined {
  if (Object.hasOwn(FAMILY, text)) return FAMILY[text as FamilyName].arch;
  const blocks = text.split('-').map((part) => /^(\d{1,4})x(\d{1,4})(?:\.(\d{1,4}))?$/.exec(part));
  if (blocks.length > MAX.blocks || blocks.some((block) => !block)) return undefined;
  return blocks.map((block) => {
    const [convs, channels, one] = block!.slice(1).map((digits) => Number(digits ?? 0)) as [
      number,
      number,
      number,
    ];
    const pair = [Math.min(convs, MAX.convs), Math.min(channels, MAX.channels)] as const;
    return one > 0 ? [...pair, Math.min(one, MAX.convs)] : pair;
  });
}

/** The choice as the fragment of an address. */
export function formatChoice(choice: Choice): string {
  const { arch, size, channels, batchNorm, cosine, kernels, ...rest } = choice;
  const { view, ratio, classes, hidden, data, images, epochs, batchSize, optimizer, rate, seed, backend } =
    rest;
  return Object.entries({
    view,
    net: memberOf(arch) ?? archText(arch),
    ratio,
    input: `${size}x${channels}`,
    classes,
    fc: hidden,
    bn: Number(batchNorm),
    data,
    images,
    epochs,
    batch: batchSize,
    optimizer,
    rate,
    cosine: Number(cosine),
    seed,
    backend,
    kernels: Number(kernels),
  })
    .map(([key, value]) => `${key}=${value}`)
    .join('&');
}

/** The choice that an address holds; defaults replace what is missing or invalid. */
export function parseChoice(hash: string): Choice {
  const given = new URLSearchParams(hash.replace(/^#/, ''));
  const number = (name: keyof typeof RANGES, text: string | null | undefined) => {
    const [min, max] = RANGES[name];
    const valid = text && (name === 'rate' || /^\d+$/.test(text)) && +text >= min && +text <= max;
    return valid ? +text : DEFAULTS[name];
  };
  const one = <const T extends string>(key: string, allowed: readonly T[], fallback: T): T =>
    allowed.find((value) => value === given.get(key)) ?? fallback;
  const flag = (key: string, fallback: boolean) => (given.has(key) ? given.get(key) === '1' : fallback);
  const d = DEFAULTS;
  const [, size, channels] = /^(\d{1,4})x(1|3)$/.exec(given.get('input') ?? '') ?? [];
  return {
    view: one('view', VIEWS, d.view),
    arch: parseArch(given.get('net') ?? '') ?? d.arch,
    ratio: number('ratio', given.get('ratio')),
    size: number('size', size),
    channels: Number(channels ?? d.channels),
    classes: number('classes', given.get('classes')),
    hidden: number('hidden', given.get('fc')),
    batchNorm: flag('bn', d.batchNorm),
    data: one('data', DATA, d.data),
    images: number('images', given.get('images')),
    epochs: number('epochs', given.get('epochs')),
    batchSize: number('batchSize', given.get('batch')),
    optimizer: one('optimizer', OPTIMIZER_NAMES, d.optimizer),
    rate: number('rate', given.get('rate')),
    cosine: flag('cosine', d.cosine),
    seed: number('seed', given.get('seed')),
    backend: one('backend', BACKENDS, d.backend),
    kernels: flag('kernels', d.kernels),
  };
}
