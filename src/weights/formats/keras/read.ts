import { reason } from '../../../io/errors.js';
import { checkNames, checkOverlaps, checkTotal, type Span } from '../checks.js';
import { WeightFileError } from '../error.js';
import { fileOfBytes, partOf, type WeightFile } from '../file.js';
import { type Hdf5Dataset, type Hdf5Group, openHdf5 } from '../hdf5/read.js';
import { MAX_HEADER_BYTES } from '../limits.js';
import { METADATA_KEY } from '../metadata.js';
import type { StoredTensor } from '../tensor.js';
import { after, type Entry } from '../zip/read.js';
import { parseConfiguration } from './config.js';

/** Keras' layouts of HDF5 files. */
type KerasLayout = 'published' | 'model' | 'weights';

/** A layer of a `.weights.h5`. */
export interface PresentLayer {
  /** The group in the file, named by the layer's class: `max_pooling2d_1`. */
  group: string;
  name: string;
}

/** The tensors of a Keras file, and the model's configuration if it contains one. */
export interface KerasFile {
  layout: KerasLayout;
  tensors: StoredTensor[];
  configuration?: unknown;
  /** The version of Keras that wrote the file. */
  kerasVersion?: string;
  /** What this library stored about the model, unchecked. */
  metadata?: unknown;
  /** All layers in their order, those without weights included, in the published layout. */
  layerNames?: readonly string[];
  /** All layers in no order, those without weights included, in a `.weights.h5`. */
  layersPresent?: readonly PresentLayer[];
}

/**
 * Reads a Keras HDF5 file: the published layout and Keras 2's `save_weights` (`layer_names`, and a group for each layer with
 * `weight_names`), a whole model (the same below `model_weights`, and the attribute `model_config`), or Keras 3's
 * `.weights.h5` (`layers/.../vars/0`, the layer's name in an attribute).
 *
 * @param isPart whether it is part of a `.keras` file, whose model may have no weights.
 * @throws WeightFileError when the file is damaged or has none of these layouts.
 */
export async function readKerasH5(file: WeightFile, isPart = false): Promise<KerasFile> {
  const root = await openHdf5(file);
  const attributes = await root.attributes();
  const children = await root.children();
  const inner = children.get('model_weights');
  const [text, version, backend] = ['model_config', 'keras_version', 'backend'].map((name) =>
    attributes.get(name),
  );
  if (backend === 'theano') {
    throw new WeightFileError(
      file.name,
      'Keras wrote it with Theano, which mirrors the kernels of convolutions; load it in Keras 2 with TensorFlow, whose load_weights converts them, and save it again.',
    );
  }
  const stated = {
    configuration: typeof text === 'string' ? parseConfiguration(file.name, text) : undefined,
    kerasVersion: typeof version === 'string' ? version : undefined,
    metadata: attributes.get(METADATA_KEY),
  };
  if (inner?.kind === 'group') {
    return { layout: 'model', tensors: finish(file, await namedWeights(file, inner)), ...stated };
  }
  if (attributes.has('layer_names')) {
    const layerNames = names(attributes, 'layer_names');
    return {
      layout: 'published',
      tensors: finish(file, await namedWeights(file, root)),
      ...stated,
      layerNames,
    };
  }
  const layersPresent: PresentLayer[] = [];
  const found = await numberedWeights(root, layersPresent);
  if (found.length === 0 && !isPart) {
    throw new WeightFileError(
      file.name,
      'it is an HDF5 file without Keras layers (layer_names, model_weights or layers/*/vars); use a file that Keras saved.',
    );
  }
  return { layout: 'weights', tensors: finish(file, found), ...stated, layersPresent };
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
  const configuration = parseConfiguration(file.name, text);
  const weights = entries.get('model.weights.h5')!;
  // Keras does not compress, so the weights can be read in place.
  const inside = weights.span
    ? partOf(file, weights.span.offset, weights.span.length)
    : fileOfBytes(file.name, await unpack(file.name, weights));
  const { [METADATA_KEY]: metadata, keras_version: version } = await zipMetadata(file, entries);
  const kerasVersion = typeof version === 'string' ? version : undefined;
  const { tensors, ...keras } = await readKerasH5(inside, true);
  const checked = tensors.map((tensor) => ({ ...tensor, open: () => after(weights.verify, tensor.open()) }));
  return { ...keras, tensors: checked, configuration, kerasVersion, metadata };
}

/** The archive's `metadata.json`: Keras' version, and what this library stored about the model. */
async function zipMetadata(
  file: WeightFile,
  entries: ReadonlyMap<string, Entry>,
): Promise<Record<string, unknown>> {
  const entry = entries.get('metadata.json');
  if (!entry) return {};
  try {
    return Object(JSON.parse(new TextDecoder().decode(await entry.read(MAX_HEADER_BYTES))));
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

const MODEL_WEIGHTS = 'top_level_model_weights';

/** The layers that `layer_names` lists, each with the datasets that its `weight_names` list. */
async function namedWeights(file: WeightFile, group: Hdf5Group): Promise<Found[]> {
  const found: Found[] = [];
  const listed = names(await group.attributes(), 'layer_names');
  // Weights that belong to the model itself, of which it has none unless a program added them.
  const own = (await group.children()).has(MODEL_WEIGHTS) ? [MODEL_WEIGHTS] : [];
  for (const layer of [...listed, ...own]) {
    const at = await descend(group, layer);
    if (at?.kind !== 'group') {
      throw new WeightFileError(
        file.name,
        `it lists the layer '${layer}' but has no group of that name; it is damaged.`,
      );
    }
    const weights = names(await at.attributes(), 'weight_names');
    for (const [i, weight] of weights.entries()) {
      const dataset = await descend(at, weight);
      if (dataset?.kind !== 'dataset') {
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

/** A list of names; Keras splits one of more than 64 kB into the attributes `name0`, `name1`, ... */
function names(attributes: ReadonlyMap<string, unknown>, name: string): string[] {
  const parts: unknown[] = [attributes.get(name)];
  for (let i = 0; attributes.has(`${name}${i}`); i++) parts.push(attributes.get(`${name}${i}`));
  return parts.flat().filter((one): one is string => typeof one === 'string');
}

/** What lies at a path below a group; names of layers may have slashes, which HDF5 takes for groups. */
async function descend(group: Hdf5Group, path: string): Promise<Hdf5Group | Hdf5Dataset | undefined> {
  let at: Hdf5Group | Hdf5Dataset | undefined = group;
  for (const step of path.split('/')) {
    at = at?.kind === 'group' ? (await at.children()).get(step) : undefined;
  }
  return at;
}

/** Keras' current name of a weight: `block1_conv1/kernel:0` and the old `block1_conv1_W_1:0` are both the kernel. */
function variableName(name: string, index: number, count: number): string {
  const last = name.split('/').at(-1)!.replace(/:\d+$/, '');
  return Object.values(ORDER).some((list) => list.includes(last)) ? last : (ORDER[count]?.[index] ?? last);
}

/** The maximum nesting of models within models. */
const MAX_LAYER_DEPTH = 8;

/**
 * The datasets `0`, `1`, ... of every group `vars`, except the optimizer's.
 *
 * @param present receives all layers, those without weights included.
 */
async function numberedWeights(
  group: Hdf5Group,
  present: PresentLayer[],
  layer = '',
  depth = 0,
): Promise<Found[]> {
  if (depth > 2 * MAX_LAYER_DEPTH) return [];
  const found: Found[] = [];
  for (const [name, child] of await group.children()) {
    // Keras on Windows wrote paths with backslashes, which HDF5 takes for part of a name.
    const steps = name.split('\\');
    if (child.kind !== 'group' || name.startsWith('optimizer') || steps.includes('seed_generator')) continue;
    if (steps.at(-1) !== 'vars') {
      found.push(...(await numberedWeights(child, present, steps.at(-1), depth + 1)));
      continue;
    }
    const given = (await child.attributes()).get('name');
    const group = steps.at(-2) ?? layer;
    present.push({ group, name: typeof given === 'string' ? given : group });
    const datasets = [...(await child.children())]
      .filter((entry): entry is [string, Hdf5Dataset] => entry[1].kind === 'dataset')
      .sort(([a], [b]) => Number(a) - Number(b));
    for (const [i, [, dataset]] of datasets.entries()) {
      const role = ORDER[datasets.length]?.[i] ?? String(i);
      const owner = steps.at(-2) ?? layer;
      found.push({ dataset, role: `${typeof given === 'string' ? given : owner}/${role}` });
    }
  }
  return found;
}

/** The datasets as tensors, named by their paths in the file. */
function finish(file: WeightFile, found: readonly Found[]): StoredTensor[] {
  const tensors = found.map(({ dataset, role }) => ({
    name: dataset.path.replace(/^\//, '').replaceAll('\\', '/'),
    role,
    dtype: dataset.dtype,
    shape: dataset.shape,
    open: () => dataset.open(),
  }));
  checkNames(
    file.name,
    tensors.map(({ name }) => name),
  );
  checkTotal(file.name, tensors, file.size);
  checkOverlaps(
    file.name,
    found.flatMap(({ dataset }): Span[] => (dataset.span ? [{ tensor: dataset.path, ...dataset.span }] : [])),
  );
  return tensors;
}
