import { COUNT, FUNCTION, type Kind, kind, STRING } from '../../base/arguments.js';
import { isError } from '../../base/realm.js';
import { reason } from '../../io/errors.js';
import type { ReadOptions } from '../../io/request.js';
import { checkSource, type Source } from '../../io/source.js';
import { locateShards, noFolder, type ShardSource } from './companions.js';
import { printable, WeightFileError } from './error.js';
import { fileSize, isLocal, OpenFiles, type WeightFile } from './file.js';
import { fileIn } from './folder.js';
import { isHdf5 } from './hdf5/read.js';
import type { Part } from './joined.js';
import { isJson, readJson } from './json.js';
import { isKerasZip, type PresentLayer, readKerasH5, readKerasZip } from './keras/read.js';
import { LAYOUTS, type Layout } from './layouts.js';
import { METADATA_KEY } from './metadata.js';
import { HEAD_BYTES, recognize, zipKind } from './recognize.js';
import { isOnnx } from './recognizeProtobuf.js';
import { jsonKind, pageKind } from './recognizeText.js';
import { RENAME, type Rename, renamed } from './rename.js';
import { epsilonOf, isSafetensors, readSafetensors } from './safetensors.js';
import { isShardIndex, readShardIndex } from './shardIndex.js';
import type { StoredTensor } from './tensor.js';
import { isGraphModel, readTfjs } from './tfjsModel.js';
import type { ModuleNetwork } from './torch/module.js';
import { isTorchLegacy, isTorchZip, readTorchLegacy, readTorchZip } from './torch/read.js';
import { isZip, readZip } from './zip/read.js';

/** The format of a weight file, recognized by its content and never by its name. */
export type WeightFormat =
  | 'safetensors'
  | 'PyTorch .pth (zip)'
  | 'PyTorch .pth (before 1.6)'
  | 'Keras .h5 (weights)'
  | 'Keras .h5 (model)'
  | 'Keras .weights.h5'
  | 'Keras .keras'
  | 'ONNX'
  | 'tfjs model.json'
  | 'tfjs graph model.json';

/** Options of all functions that read weight files. */
export interface WeightFileOptions extends ReadOptions {
  /**
   * The weight files of a tfjs `model.json`, of an index of shards, or of an ONNX model, that is passed as bytes or a Blob, and so has no folder. It is
   * called only with paths that stay in a folder, and may return a promise.
   */
  shards?: ShardSource;
  /**
   * Which state dict of a PyTorch checkpoint: the keys that lead to it, joined by dots (`model_ema`, `ema.state_dict`), or the
   * beginning of its tensors' names (`generator` for `generator.features.0.weight`), which is then removed. A dict of state
   * dicts, such as `{ features, classifier }`, is read as one; '' is the outermost. Default: the one state dict that there
   * is, beside averages of it and those of losses.
   */
  key?: string;
  /**
   * New names for tensors, for a file whose names are not known: a function, or a table. An entry `OLD: NEW` applies to a name
   * that is OLD or begins with it and then `.` or `/`, such as `{ 'stem.first': 'block1_conv1', fc: 'predictions' }`; the
   * longest OLD wins. Tensors of Keras files go by layer and variable, as in `conv2d_3/kernel`.
   */
  rename?: Rename;
  /**
   * The order of the axes of an ONNX file's images, channels first (`'NCHW'`) or last (`'NHWC'`), for a file that does not say it. Most
   * do: by a convolution that takes the images as they come, or by a transposition before it.
   */
  layout?: Layout;
}

/** The names of the options. */
export const WEIGHT_FILE_OPTIONS: Readonly<Record<keyof WeightFileOptions, 1 | Kind>> = {
  shards: FUNCTION,
  key: STRING,
  rename: RENAME,
  layout: kind(LAYOUTS.map((one) => `'${one}'`).join(' or '), (value) => LAYOUTS.includes(value as Layout)),
  fetch: 1,
  signal: 1,
  onProgress: 1,
  maxBytes: COUNT,
};

/** An open weight file: its tensors are listed, and their numbers can be read. */
export interface Checkpoint {
  readonly file: string;
  /** Its length in bytes; of a tfjs model, that of `model.json`, and of shards, that of their index. */
  readonly bytes: number;
  readonly format: WeightFormat;
  readonly tensors: readonly StoredTensor[];
  /** The model's configuration as the file has it: parsed JSON of Keras or tfjs, limited in size and depth, but not checked. */
  readonly configuration?: unknown;
  /** The version of Keras that wrote the file, if it says so. */
  readonly kerasVersion?: string;
  /** The names of all layers in their order, those without weights included, if a Keras file of weights lists them. */
  readonly layerNames?: readonly string[];
  /** All layers in no order, if a Keras file of weights has them so. */
  readonly layersPresent?: readonly PresentLayer[];
  /** The epsilon of batch normalization, if the file states it. */
  readonly batchNormEpsilon?: number;
  /** What a whole pickled module of PyTorch says of its network. */
  readonly network?: ModuleNetwork;
  /** The paths of state dicts of a PyTorch checkpoint that were left aside. */
  readonly leftAside?: readonly string[];
  /** What this library stored about the model, unchecked: JSON, or the value that it stands for. */
  readonly metadata?: unknown;
  /**
   * Checks what can be checked only after the numbers were read, before they are used: the lengths of weight files from a
   * server.
   */
  finish?(): Promise<void>;
}

/**
 * Opens a weight file, passes its content to `use`, and always closes it. What the caller's own functions throw, `onProgress` and
 * `shards`, is thrown as it is.
 *
 * @param use gets the options to go on with.
 * @throws WeightFileError when the format is unknown, or the file is damaged or exceeds a limit.
 */
export async function withCheckpoint<T, Options extends WeightFileOptions>(
  source: Source,
  options: Options,
  use: (checkpoint: Checkpoint, options: Options) => Promise<T>,
): Promise<T> {
  checkSource(source);
  const caller = watchCaller(options);
  const files = new OpenFiles(caller.options);
  try {
    const found = await fileIn(source);
    const file = await files.open(found);
    const checkpoint = await read(file, found, files, caller.options);
    if (options.key !== undefined && !checkpoint.format.startsWith('PyTorch')) {
      throw new WeightFileError(
        file.name,
        `it is ${checkpoint.format}, which holds one network, and the option key is for PyTorch's checkpoints; leave it out.`,
      );
    }
    if (options.layout !== undefined && checkpoint.format !== 'ONNX') {
      throw new WeightFileError(
        file.name,
        `it is ${checkpoint.format}, whose order of axes is known, and the option layout is for ONNX; leave it out.`,
      );
    }
    const tensors = renamed(file.name, checkpoint.tensors, caller.options.rename);
    return await use({ ...checkpoint, tensors }, caller.options);
  } catch (error) {
    caller.rethrow();
    throw error;
  } finally {
    await files.close();
  }
}

/** Options whose functions remember what they throw, because readers make errors of their own of it. */
function watchCaller<Options extends WeightFileOptions>(
  options: Options,
): { options: Options; rethrow(): void } {
  let thrown: { error: unknown } | undefined;
  const watched = Object.entries(options).map(([name, value]) => {
    // What `fetch` throws is a broken connection.
    if (typeof value !== 'function' || name === 'fetch') return [name, value];
    const remember = (error: unknown): never => {
      thrown ??= { error };
      throw error;
    };
    const call = (...args: unknown[]) => {
      try {
        const result = value(...args);
        return typeof result?.then === 'function' ? result.then(undefined, remember) : result;
      } catch (error) {
        return remember(error);
      }
    };
    return [name, call];
  });
  return {
    options: Object.fromEntries(watched),
    rethrow() {
      if (thrown) throw thrown.error;
    },
  };
}

async function read(
  file: WeightFile,
  source: Source,
  files: OpenFiles,
  options: WeightFileOptions,
): Promise<Checkpoint> {
  const parts = await parse(file, source, files, options).catch((error: unknown) => {
    if (error instanceof WeightFileError) throw error;
    options.signal?.throwIfAborted();
    // What this runtime lacks, such as TextDecoder under jsdom, is no fault of the file.
    if (isError(error) && error.name === 'ReferenceError') throw error;
    throw new WeightFileError(
      file.name,
      `it is damaged in an unforeseen way (${reason(error)}); get it again.`,
      {
        cause: error,
      },
    );
  });
  return { file: file.name, bytes: file.size, ...parts };
}

function headOf(file: WeightFile): Promise<Uint8Array> {
  return file.read(0, Math.min(file.size, HEAD_BYTES));
}

type Parsed = Omit<Checkpoint, 'file' | 'bytes'>;

async function parse(
  file: WeightFile,
  source: Source,
  files: OpenFiles,
  options: WeightFileOptions,
): Promise<Parsed> {
  const head = await headOf(file);
  if (!isSafetensors(head) && isJson(head)) return parseJson(file, source, files, options);
  if (!(await isOnnx(file, head))) return parseTensors(file, head, options);
  // Loaded only for such files.
  const { readOnnx } = await import('./onnx/read.js');
  const partOf = async (path: string) => {
    const beside = await locateShards(file.name, source, [path], options);
    return partAt(file.name, path, beside.get(path), files);
  };
  return { format: 'ONNX', ...(await readOnnx(file, partOf, options.layout)) };
}

/** Reads a file that has tensors itself. */
async function parseTensors(file: WeightFile, head: Uint8Array, options: WeightFileOptions): Promise<Parsed> {
  if (isZip(head)) {
    const entries = await readZip(file);
    if (isTorchZip(entries))
      return { format: 'PyTorch .pth (zip)', ...(await readTorchZip(file, entries, options.key)) };
    if (isKerasZip(entries)) return { format: 'Keras .keras', ...(await readKerasZip(file, entries)) };
    throw new WeightFileError(file.name, `it is ${zipKind([...entries.keys()])}.`);
  }
  if (isTorchLegacy(head)) {
    return { format: 'PyTorch .pth (before 1.6)', ...(await readTorchLegacy(file, options.key)) };
  }
  if (isHdf5(head)) {
    const { layout, ...rest } = await readKerasH5(file);
    const format = {
      published: 'Keras .h5 (weights)',
      model: 'Keras .h5 (model)',
      weights: 'Keras .weights.h5',
    } as const;
    return { format: format[layout], ...rest };
  }
  if (isSafetensors(head)) {
    const { tensors, metadata } = await readSafetensors(file);
    return {
      format: 'safetensors',
      tensors,
      batchNormEpsilon: epsilonOf(file.name, metadata),
      metadata: metadata[METADATA_KEY],
    };
  }
  const kind = await recognize(file);
  throw new WeightFileError(
    file.name,
    kind === undefined
      ? 'it is not a known weight file; supported formats are .safetensors, .pth, .h5, .keras, .onnx and tfjs model.json.'
      : `it is ${kind}.`,
  );
}

/** Reads a file that lists other files: a tfjs model, or an index of shards. */
async function parseJson(
  file: WeightFile,
  source: Source,
  files: OpenFiles,
  options: WeightFileOptions,
): Promise<Parsed> {
  const json = await readJson(file);
  const locate = (paths: readonly string[]) => locateShards(file.name, source, paths, options);
  if (!isShardIndex(json)) {
    const kind = json.weightsManifest === undefined ? jsonKind(json) : undefined;
    if (kind !== undefined) throw new WeightFileError(file.name, `it is ${kind}.`);
    const partsAt = async (paths: readonly string[]) =>
      [...(await locate(paths))].map(([path, shard]) => partAt(file.name, path, shard, files));
    const format = isGraphModel(json) ? 'tfjs graph model.json' : 'tfjs model.json';
    return { format, ...(await readTfjs(file, json, partsAt)) };
  }
  return readShardIndex(file.name, json, async (paths) => {
    const shards = new Map<string, Parsed>();
    for (const [path, shard] of await locate(paths)) {
      if (shard === undefined) throw noFolder(file.name, path);
      const opened = await files.open(shard);
      shards.set(path, await parseTensors(opened, await headOf(opened), options));
    }
    return shards;
  });
}

function partAt(file: string, path: string, source: Source | undefined, files: OpenFiles): Part {
  const known = () => {
    if (source === undefined) throw noFolder(file, path);
    return source;
  };
  return {
    path,
    isLocal: source !== undefined && isLocal(source),
    async open() {
      const shard = await files.open(known());
      const kind = await pageKind(shard);
      if (kind !== undefined)
        throw new WeightFileError(file, `its weight file '${printable(path)}' is ${kind}.`);
      return shard;
    },
    size: async () => fileSize(known(), files.options),
  };
}
