import { attempted, shown } from '../base/check.js';
import { checkPreprocessing, type Preprocessing } from '../images/preprocessing.js';
import { printable } from './formats/error.js';
import { checkNames, type ModelMetadata } from './metadata.js';

/** What a repository says about a network. */
export interface HubMetadata extends ModelMetadata {
  /** Why the preprocessing that it states cannot be used, if so: `config.json says ...`. */
  problem?: string;
  /** Why the names of classes that it states cannot be used, if so: `config.json has names ...`. */
  classNamesProblem?: string;
}

/**
 * What the JSON files of a hub's repository say about a network. They are hints: what is missing, unknown, or not possible here
 * is left out, because a preprocessing that is nearly right would give wrong predictions.
 *
 * @param config `config.json`: timm's (its `pretrained_cfg`, or older ones that are this record themselves), or transformers'.
 * @param preprocessor `preprocessor_config.json`, which transformers writes.
 */
export function hubMetadata(config: unknown, preprocessor: unknown): HubMetadata {
  const outer = table(config);
  const inner = table(outer.pretrained_cfg ?? outer);
  const processor = table(preprocessor);
  const preprocessing = [timmPreprocessing(inner), transformersPreprocessing(processor)].find(
    (one) => one !== undefined && isAllowed(one, checkPreprocessing),
  );
  const problem = preprocessing
    ? undefined
    : (problemOf('config.json', inner, [
        'mean',
        'std',
        'input_size',
        'interpolation',
        'crop_pct',
        'crop_mode',
      ]) ??
      problemOf('preprocessor_config.json', processor, [
        'resample',
        'size',
        'crop_size',
        'image_mean',
        'image_std',
      ]));
  const labels = outer.label_names ?? inner.label_names ?? inner.labels ?? outer.id2label ?? undefined;
  const classNames = namesOf(labels);
  const classNamesProblem = classNames
    ? isAllowed(classNames, checkNames)
      ? namesProblem(classNames.length, outer.num_classes ?? inner.num_classes ?? undefined)
      : 'config.json has names of classes that are too long or too many'
    : labels && 'config.json names classes neither in a list nor in a table numbered from 0';
  return {
    ...(preprocessing && { preprocessing }),
    ...(classNamesProblem ? { classNamesProblem } : classNames && { classNames }),
    ...(problem !== undefined && { problem }),
  };
}

/** What a file states of a preprocessing that cannot be used; undefined if it states nothing. */
function problemOf(file: string, config: Table, fields: readonly string[]): string | undefined {
  const stated = fields.filter((field) => config[field] !== undefined && config[field] !== null);
  if (stated.length === 0) return undefined;
  const facts = stated.map((field) => `${field} ${printable(shown(config[field])).slice(0, 40)}`);
  return `${file} says ${facts.join(', ')}, which is incomplete or not available here (images are resized 'bilinear' or 'nearest' and cropped to a square)`;
}

/** What all preprocessings of PyTorch have in common: PIL's RGB from 0 to 1. */
const TORCH = { channels: 'RGB', white: 1, antialias: true } as const;

/** timm's evaluation transform, `transforms_imagenet_eval`, with the crop modes that can be expressed. */
function timmPreprocessing(config: Table): Preprocessing | undefined {
  const { mean, std, input_size, interpolation, crop_pct, crop_mode } = config;
  const [channels, height, width] = Array.isArray(input_size) ? input_size : [];
  const filter = filterOf(interpolation);
  if (channels !== 3 || !isSide(height) || height !== width || !filter) return undefined;
  if (!isTriple(mean) || !isTriple(std) || !std.every(isPositive) || !isPositive(crop_pct)) return undefined;
  const side = Math.floor(height / crop_pct);
  // A larger crop than the image is padded, which no preprocessing here does.
  if (side < height) return undefined;
  const common = { ...TORCH, mean, std, crop: height, interpolation: filter };
  // timm's default, and the only mode of older versions.
  if ((crop_mode ?? 'center') === 'center') return { ...common, resize: { shorterSide: side } };
  return crop_mode === 'squash' ? { ...common, resize: { height: side, width: side } } : undefined;
}

/** The numbers of PIL's filters, as transformers writes them. */
const PIL_FILTERS: Record<number, string> = { 0: 'nearest', 2: 'bilinear' };

/** An image processor of transformers that resizes, optionally crops, rescales to 0..1 and normalizes, each stated explicitly. */
function transformersPreprocessing(config: Table): Preprocessing | undefined {
  const { do_resize, do_center_crop, do_rescale, rescale_factor, do_normalize, resample } = config;
  const { image_mean: mean, image_std: std } = config;
  const filter = filterOf(PIL_FILTERS[resample as number]);
  const rescales = do_rescale === true && Math.abs(Number(rescale_factor) * 255 - 1) < 1e-6;
  if (do_resize !== true || !rescales || do_normalize !== true || !filter) return undefined;
  if (!isTriple(mean) || !isTriple(std) || !std.every(isPositive) || config.do_pad === true) return undefined;
  const { shortest_edge, height, width } = table(config.size);
  const crop = do_center_crop === true ? table(config.crop_size) : { height, width };
  if (!isSide(crop.height) || crop.height !== crop.width) return undefined;
  const common = { ...TORCH, mean, std, crop: crop.height, interpolation: filter };
  if (isSide(shortest_edge) && shortest_edge >= common.crop && do_center_crop === true)
    return { ...common, resize: { shorterSide: shortest_edge } };
  if (isSide(height) && isSide(width) && Math.min(height, width) >= common.crop)
    return { ...common, resize: { height, width } };
  return undefined;
}

/** Whether a model may carry a value: its limits are those of `setMetadata`. */
function isAllowed<T>(value: T, check: (value: T, refuse: (sentence: string) => never) => void): boolean {
  const refuse = (sentence: string) => {
    throw new RangeError(sentence);
  };
  return attempted(() => check(value, refuse) ?? true) ?? false;
}

/** What is wrong with so many names of classes; undefined if nothing is, or the number of classes is not known. */
export function namesProblem(names: number, classes: unknown): string | undefined {
  // One output tells two classes apart.
  if (classes === undefined || names === (classes === 1 ? 2 : classes)) return undefined;
  if (classes === 1)
    return `config.json has names for ${names} class${names === 1 ? '' : 'es'}, but the network's one output tells two apart`;
  return `config.json has names for ${names} classes, but the network has ${printable(shown(classes)).slice(0, 40)}`;
}

/** A list of names, or a table of names by number without gaps. */
function namesOf(labels: unknown): string[] | undefined {
  const entries = table(labels);
  const names = Array.isArray(labels) ? labels : Object.keys(entries).map((_, i) => entries[String(i)]);
  return names.length > 0 && names.every((name) => typeof name === 'string') ? names : undefined;
}

type Table = Readonly<Record<string, unknown>>;

function table(value: unknown): Table {
  return typeof value === 'object' && value !== null ? (value as Table) : {};
}

function filterOf(name: unknown): Preprocessing['interpolation'] | undefined {
  return name === 'bilinear' || name === 'nearest' ? name : undefined;
}

function isPositive(value: unknown): value is number {
  return Number.isFinite(value) && (value as number) > 0;
}

function isSide(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

function isTriple(value: unknown): value is [number, number, number] {
  return Array.isArray(value) && value.length === 3 && value.every(Number.isFinite);
}
