import { type ConvArch, FAMILY, type FamilyName, VGG11, VGG16 } from 'vgg-blocks';

export const BACKENDS = ['wasm', 'webgl', 'webgpu'] as const;
export type Backend = (typeof BACKENDS)[number];
export const VIEWS = ['network', 'train', 'inside', 'weights'] as const;
export type View = (typeof VIEWS)[number];
export const DATA = ['garments', 'files', 'fashion-mnist'] as const;
type DataKind = (typeof DATA)[number];
export const OPTIMIZERS = ['sgd', 'momentum', 'adam'] as const;

/** Everything that a person can choose, as the address bar holds it. */
export interface Choice {
  view: View;
  arch: ConvArch;
  ratio: number;
  side: number;
  channels: number;
  classes: number;
  hidden: number;
  batchNorm: boolean;
  data: DataKind;
  /** Training pictures that are drawn; a quarter as many test. */
  pictures: number;
  epochs: number;
  batchSize: number;
  optimizer: (typeof OPTIMIZERS)[number];
  rate: number;
  cosine: boolean;
  seed: number;
  backend: Backend;
}

/** A network that a browser trains in a minute: that of the README. */
export const DEFAULTS: Choice = {
  view: 'network',
  arch: VGG11,
  ratio: 8,
  side: 32,
  channels: 1,
  classes: 10,
  hidden: 256,
  batchNorm: false,
  data: 'garments',
  pictures: 4000,
  epochs: 5,
  batchSize: 32,
  optimizer: 'adam',
  rate: 0.001,
  cosine: true,
  seed: 0,
  backend: 'wasm',
};

/** Networks to begin with. */
export const STARTS = {
  small: { arch: VGG11, ratio: 8, side: 32, channels: 1, classes: 10, hidden: 256, batchNorm: false },
  chapter: { arch: VGG11, ratio: 1, side: 224, channels: 1, classes: 10, hidden: 4096, batchNorm: false },
  imagenet: { arch: VGG16, ratio: 1, side: 224, channels: 3, classes: 1000, hidden: 4096, batchNorm: false },
} as const satisfies Record<string, Partial<Choice>>;

/** The member of the family that an architecture is, if one. */
export function memberOf(arch: ConvArch): FamilyName | undefined {
  const text = archText(arch);
  return (Object.keys(FAMILY) as FamilyName[]).find((name) => archText(FAMILY[name].arch) === text);
}

/** `1x64-2x128-2x256.1`: convolutions x channels, and after a point the 1x1 convolutions. */
function archText(arch: ConvArch): string {
  return arch.map(([convs, channels, one = 0]) => `${convs}x${channels}${one ? `.${one}` : ''}`).join('-');
}

const MOST = { blocks: 8, convs: 8, channels: 4096 };

function parseArch(text: string): ConvArch | undefined {
  if (Object.hasOwn(FAMILY, text)) return FAMILY[text as FamilyName].arch;
  const blocks = text.split('-').map((part) => /^(\d{1,4})x(\d{1,4})(?:\.(\d{1,4}))?$/.exec(part));
  if (blocks.length > MOST.blocks || blocks.some((block) => !block)) return undefined;
  return blocks.map((block) => {
    const [convs, channels, one] = block!.slice(1).map((digits) => Number(digits ?? 0)) as [
      number,
      number,
      number,
    ];
    const most = (n: number, limit: number) => Math.min(n, limit);
    const pair = [most(convs, MOST.convs), most(channels, MOST.channels)] as const;
    return one > 0 ? [...pair, most(one, MOST.convs)] : pair;
  });
}

/** The choice as the part of an address after its #. */
export function formatChoice(choice: Choice): string {
  const { arch, side, channels, batchNorm, cosine, ...rest } = choice;
  const { view, ratio, classes, hidden, data, pictures, epochs, batchSize, optimizer, rate, seed, backend } =
    rest;
  return Object.entries({
    view,
    net: memberOf(arch) ?? archText(arch),
    ratio,
    input: `${side}x${channels}`,
    classes,
    fc: hidden,
    bn: Number(batchNorm),
    data,
    pictures,
    epochs,
    batch: batchSize,
    optimizer,
    rate,
    cosine: Number(cosine),
    seed,
    backend,
  })
    .map(([key, value]) => `${key}=${value}`)
    .join('&');
}

/** The choice that an address holds; what it lacks or has wrong is the default. */
export function parseChoice(hash: string): Choice {
  const given = new URLSearchParams(hash.replace(/^#/, ''));
  const whole = (key: string, fallback: number, least: number, most: number) => {
    const text = given.get(key);
    return text && /^\d+$/.test(text) && +text >= least && +text <= most ? +text : fallback;
  };
  const one = <const T extends string>(key: string, allowed: readonly T[], fallback: T): T =>
    allowed.find((value) => value === given.get(key)) ?? fallback;
  const flag = (key: string, fallback: boolean) => (given.has(key) ? given.get(key) === '1' : fallback);
  const d = DEFAULTS;
  const [, side, channels] = /^(\d{1,4})x(1|3)$/.exec(given.get('input') ?? '') ?? [];
  const rate = Number(given.get('rate'));
  return {
    view: one('view', VIEWS, d.view),
    arch: parseArch(given.get('net') ?? '') ?? d.arch,
    ratio: whole('ratio', d.ratio, 1, 512),
    side: Number(side ?? d.side),
    channels: Number(channels ?? d.channels),
    classes: whole('classes', d.classes, 1, 100_000),
    hidden: whole('fc', d.hidden, 1, 65_536),
    batchNorm: flag('bn', d.batchNorm),
    data: one('data', DATA, d.data),
    pictures: whole('pictures', d.pictures, 40, 60_000),
    epochs: whole('epochs', d.epochs, 1, 1000),
    batchSize: whole('batch', d.batchSize, 1, 1024),
    optimizer: one('optimizer', OPTIMIZERS, d.optimizer),
    rate: rate > 0 && rate <= 10 ? rate : d.rate,
    cosine: flag('cosine', d.cosine),
    seed: whole('seed', d.seed, 0, 0xffffffff),
    backend: one('backend', BACKENDS, d.backend),
  };
}
