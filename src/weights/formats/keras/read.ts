import { reason } from '../../../io/errors.js';
import { checkNames, checkOverlaps, type Span } from '../checks.js';
import { WeightFileError } from '../error.js';
import { fileOfBytes, partOf, type WeightFile } from '../file.js';
import { type Hdf5Dataset, type Hdf5Group, openHdf5 } from '../hdf5/read.js';
import { MAX_HEADER_BYTES } from '../limits.js';
import { METADATA_KEY } from '../metadata.js';
import type { StoredTensor } from '../tensor.js';
import type { Entry } from '../zip/read.js';
import { type KerasConfig, parseKerasConfig } from './config.js';

/** Keras' layouts of HDF5 files. */
type KerasLayout = 'published' | 'model' | 'weights';

/** The tensors of a Keras file, and the model's configuration if it contains one. */
export interface KerasFile {
  layout: KerasLayout;
  tensors: StoredTensor[];
  config?: KerasConfig;
  /** What this library stored about the model, unchecked. */
  metadata?: unknown;
}

/**
 * Reads a Keras HDF5 file: the published layout and Keras 2's `save_weights` (`layer_names`, and a group for each layer with
 * `weight_names`), a whole model (the same below `model_weights`, and the attribute `model_config`), or Keras 3's
 * `.weights.h5` (`layers/.../vars/0`, the layer's name in an attribute).
 *
 * @throws WeightFileError when the file is damaged or has none of these layouts.
 */
export async function readKerasH5(file: WeightFile): Promise<KerasFile> {
  const root = await openHdf5(file);
  const attributes = await root.attributes();
  const children = await root.children();
  const metadata = attributes.get(METADATA_KEY);
  const inner = children.get('model_weights');
  const configText = attributes.get('model_config');
  const config = typeof configText === 'string' ? parseKerasConfig(file.name, configText) : undefined;
  if (inner?.kind === 'group') {
    return { layout: 'model', tensors: finish(file, await namedWeights(file, inner)), config, metadata };
  }
  if (attributes.has('layer_names')) {
    return { layout: 'published', tensors: finish(file, await namedWeights(file, root)), config, metadata };
  }
  const found = await numberedWeights(root);
  if (found.length === 0) {
    throw new WeightFileError(
      file.name,
      'it is an HDF5 file without Keras layers (layer_names, model_weights or layers/*/vars); use a file that Keras saved.',
    );
  }
  return { layout: 'weights', tensors: finish(file, found), metadata };
}

/** Whether a zip archive is a `.keras` file. */
export function isKerasZip(entries: ReadonlyMap<string, Entry>): boolean {
  return entries.has('config.json') && entries.has('model.weights.h5');
}

/** The maximum bytes of weights unpacked from a compressed `.keras` file. */
const MAX_WEIGHTS_BYTES = 2 ** 31;

/** Reads a `.keras` file: a zip archive of the model's configuration and a `.weights.h5`. */
export async function readKerasZip(
  file: WeightFile,
  entries: ReadonlyMap<string, Entry>,
): Promise<KerasFile> {
  const text = new TextDecoder().decode(await entries.get('config.json')!.read(MAX_HEADER_BYTES));
  const config = parseKerasConfig(file.name, text);
  const weights = entries.get('model.weights.h5')!;
  // Keras does not compress, so the weights can be read in place.
  const inside = weights.span
    ? partOf(file, weights.span.offset, weights.span.length)
    : fileOfBytes(file.name, await unpack(file.name, weights));
  return { ...(await readKerasH5(inside)), config, metadata: await zipMetadata(file, entries) };
}

/** What this library stored about the model in the archive's `metadata.json`. */
async function zipMetadata(file: WeightFile, entries: ReadonlyMap<string, Entry>): Promise<unknown> {
  const entry = entries.get('metadata.json');
  if (!entry) return undefined;
  try {
    return Object(JSON.parse(new TextDecoder().decode(await entry.read(MAX_HEADER_BYTES))))[METADATA_KEY];
  } catch (error) {
    if (error instanceof WeightFileError) throw error;
    throw new WeightFileError(file.name, 'its metadata.json is not JSON; the file is damaged.', {
      cause: error,
    });
  }
}

function unpack(file: string, weights: Entry): Promise<Uint8Array> {
  return weights.read(MAX_WEIGHTS_BYTES).catch((error: unknown) => {
    if (error instanceof WeightFileError) throw error;
    throw new WeightFileError(
      file,
      `its weights do not fit in memory (${reason(error)}); unzip it and load model.weights.h5.`,
      { cause: error },
    );
  });
}

interface Found {
  dataset: Hdf5Dataset;
  role: string;
}

/** Keras' names of a layer's weights in order, by their number. */
const ORDER: Record<number, readonly string[]> = {
  1: ['kernel'],
  2: ['kernel', 'bias'],
  4: ['gamma', 'beta', 'moving_mean', 'moving_variance'],
};

/** The layers that `layer_names` lists, each with the datasets that its `weight_names` list. */
async function namedWeights(file: WeightFile, group: Hdf5Group): Promise<Found[]> {
  const layers = await group.children();
  const found: Found[] = [];
  for (const layer of names(await group.attributes(), 'layer_names')) {
    const at = layers.get(layer);
    if (at?.kind !== 'group') {
      throw new WeightFileError(
        file.name,
        `it lists the layer '${layer}' but has no group of that name; it is damaged.`,
      );
    }
    const weights = names(await at.attributes(), 'weight_names');
    for (const [i, weight] of weights.entries()) {
      const dataset = await descend(at, weight);
      if (!dataset) {
        throw new WeightFileError(
          file.name,
          `its layer '${layer}' lists it, but it is missing; the file is damaged.`,
          {
            tensor: weight,
          },
        );
      }
      found.push({ dataset, role: `${layer}/${variableName(weight, i, weights.length)}` });
    }
  }
  return found;
}

function names(attributes: ReadonlyMap<string, unknown>, name: string): string[] {
  const value = attributes.get(name) ?? [];
  return (Array.isArray(value) ? value : [value]).filter((one): one is string => typeof one === 'string');
}

async function descend(group: Hdf5Group, path: string): Promise<Hdf5Dataset | undefined> {
  let at: Hdf5Group | Hdf5Dataset | undefined = group;
  for (const step of path.split('/')) {
    at = at?.kind === 'group' ? (await at.children()).get(step) : undefined;
  }
  return at?.kind === 'dataset' ? at : undefined;
}

/** Keras' current name of a weight: `block1_conv1/kernel:0` and the old `block1_conv1_W_1:0` are both the kernel. */
function variableName(name: string, index: number, count: number): string {
  const last = name.split('/').at(-1)!.replace(/:\d+$/, '');
  return Object.values(ORDER).some((list) => list.includes(last)) ? last : (ORDER[count]?.[index] ?? last);
}

/** The maximum nesting of models within models. */
const MAX_LAYER_DEPTH = 8;

/** The datasets `0`, `1`, ... of every group `vars`, except the optimizer's. */
async function numberedWeights(group: Hdf5Group, layer = '', depth = 0): Promise<Found[]> {
  if (depth > 2 * MAX_LAYER_DEPTH) return [];
  const found: Found[] = [];
  for (const [name, child] of await group.children()) {
    if (child.kind !== 'group' || name.startsWith('optimizer') || name === 'seed_generator') continue;
    if (name !== 'vars') {
      found.push(...(await numberedWeights(child, name, depth + 1)));
      continue;
    }
    const given = (await child.attributes()).get('name');
    const datasets = [...(await child.children())]
      .filter((entry): entry is [string, Hdf5Dataset] => entry[1].kind === 'dataset')
      .sort(([a], [b]) => Number(a) - Number(b));
    for (const [i, [, dataset]] of datasets.entries()) {
      const role = ORDER[datasets.length]?.[i] ?? String(i);
      found.push({ dataset, role: `${typeof given === 'string' ? given : layer}/${role}` });
    }
  }
  return found;
}

/** The datasets as tensors, named by their paths in the file. */
function finish(file: WeightFile, found: readonly Found[]): StoredTensor[] {
  const tensors = found.map(({ dataset, role }) => ({
    name: dataset.path.replace(/^\//, ''),
    role,
    dtype: dataset.dtype,
    shape: dataset.shape,
    open: () => dataset.open(),
  }));
  checkNames(
    file.name,
    tensors.map(({ name }) => name),
  );
  checkOverlaps(
    file.name,
    found.flatMap(({ dataset }): Span[] => (dataset.span ? [{ tensor: dataset.path, ...dataset.span }] : [])),
  );
  return tensors;
}
