import { isUrl } from '../../base/realm.js';
import {
  staysInFolder,
  storedBytes,
  storedType,
  type WeightGroup,
  type WeightSpec,
  weightGroups,
} from '../../io/modelJson.js';
import { isPath, type ReadOptions, type Source } from '../../io/read.js';
import { baseUrl, nodeModules } from '../../io/runtime.js';
import { checkDtype, checkNames, checkShape } from './checks.js';
import { printable, WeightFileError } from './error.js';
import { openFile, type WeightFile } from './file.js';
import { checkConfiguration } from './keras/config.js';
import { MAX_HEADER_BYTES } from './limits.js';
import { METADATA_KEY } from './metadata.js';
import type { ByteStream, Dtype, StoredTensor } from './tensor.js';

/** The tensors of a tfjs model, and its configuration if it is a layers model. */
export interface TfjsFile {
  tensors: StoredTensor[];
  configuration?: unknown;
  kerasVersion?: string;
  metadata?: unknown;
}

/** Returns the weight file for a path in `model.json`. */
export type ShardSource = (path: string) => Source;

/** Number types by tfjs's names. */
const DTYPES: Record<string, Dtype> = {
  float32: 'F32',
  float16: 'F16',
  int32: 'I32',
  uint8: 'U8',
  uint16: 'U16',
  bool: 'BOOL',
};

/** Whether a file begins like JSON. */
export function isJson(head: Uint8Array): boolean {
  return /^\s*\{/.test(new TextDecoder().decode(head.subarray(0, 64)));
}

/**
 * Reads a tfjs model's `model.json`. The weights are in files beside it, which are opened when a tensor is read; numbers
 * quantized to 8 or 16 bits are restored.
 *
 * @param source the source of `model.json`, which locates the weight files beside it.
 * @throws WeightFileError when it is not JSON, has no weights, or names a file outside its folder.
 */
export async function readTfjs(
  file: WeightFile,
  source: Source,
  options: ReadOptions & { shards?: ShardSource },
): Promise<TfjsFile> {
  if (file.size > MAX_HEADER_BYTES) {
    throw new WeightFileError(
      file.name,
      `it is JSON of ${file.size} bytes, more than the limit of ${MAX_HEADER_BYTES}; use the model.json of a tfjs model.`,
    );
  }
  const json = parse(file.name, await file.read(0, file.size));
  const groups = weightGroups(json);
  if (!groups) {
    throw new WeightFileError(
      file.name,
      'it is JSON without a weightsManifest, or with a malformed one; use the model.json of a tfjs model.',
    );
  }
  const shards = Math.max(0, ...groups.map(({ paths }) => paths.length));
  if (shards > MAX_SHARDS) {
    throw new WeightFileError(
      file.name,
      `its weights are split into ${shards} files, more than the limit of ${MAX_SHARDS}; save it in larger ones.`,
    );
  }
  const locate = options.shards ?? shardsBeside(file.name, source);
  const tensors = groups.flatMap((group) =>
    tensorsOf(file.name, group, (path) => openFile(locate(path), options)),
  );
  checkNames(
    file.name,
    tensors.map(({ name }) => name),
  );
  return {
    tensors,
    configuration: configurationOf(file.name, json.modelTopology),
    kerasVersion: versionOf(json.modelTopology),
    metadata: Object(json.userDefinedMetadata)[METADATA_KEY],
  };
}

/** The configuration of a layers model saved by tfjs or its converter; a graph model has none. */
function configurationOf(file: string, topology: unknown): unknown {
  const { model_config, config } = Object(topology) as { model_config?: unknown; config?: unknown };
  if (!model_config && !config) return undefined;
  return checkConfiguration(file, model_config ?? topology);
}

/** The version of Keras that a layers model's format is of; tfjs writes its own as 'tfjs-layers 4.22.0'. */
function versionOf(topology: unknown): string | undefined {
  const version = Object(topology).keras_version;
  return typeof version === 'string' ? version : undefined;
}

/** The maximum number of weight files in a group; at tfjs's 4 MB per file, VGG-19 has 138. */
const MAX_SHARDS = 10_000;

function parse(file: string, bytes: Uint8Array): { modelTopology?: unknown; userDefinedMetadata?: unknown } {
  try {
    return Object(JSON.parse(new TextDecoder().decode(bytes)));
  } catch (cause) {
    throw new WeightFileError(file, 'it begins like JSON but is not; use the model.json of a tfjs model.', {
      cause,
    });
  }
}

/** The tensors of a group, whose bytes run consecutively through its files. */
function tensorsOf(
  file: string,
  { paths, weights }: WeightGroup,
  open: (path: string) => Promise<WeightFile>,
): StoredTensor[] {
  let at = 0;
  return weights.map((spec) => {
    const { name, shape } = spec;
    const from = at;
    at += storedBytes(spec);
    return {
      name,
      dtype: checkDtype(file, name, DTYPES[storedType(spec)] ?? storedType(spec)),
      shape: checkShape(file, name, shape),
      ...affineOf(file, spec),
      open: () => across(file, paths, from, open),
    };
  });
}

function affineOf(file: string, { name, quantization }: WeightSpec): Pick<StoredTensor, 'affine'> {
  if (!quantization || quantization.dtype === 'float16') return {};
  const { scale, min } = quantization;
  if (typeof scale !== 'number' || typeof min !== 'number') {
    throw new WeightFileError(file, 'it is quantized without a scale or a minimum; the file is damaged.', {
      tensor: name,
    });
  }
  return { affine: { scale, min } };
}

/** Reads consecutive files as one, from an offset into them. */
function across(
  name: string,
  paths: readonly string[],
  from: number,
  open: (path: string) => Promise<WeightFile>,
): ByteStream {
  let next = 0;
  let skip = from;
  let current: WeightFile | undefined;
  const advance = async () => {
    await current?.close();
    current = undefined;
    const path = paths[next++];
    if (path === undefined) {
      throw new WeightFileError(
        name,
        'its weight files are shorter than its weights; copy all of them again.',
      );
    }
    current = await open(path);
  };
  return {
    async readInto(into) {
      for (let done = 0; done < into.length; ) {
        while (!current || skip >= current.size) {
          skip -= current?.size ?? 0;
          await advance();
        }
        const length = Math.min(into.length - done, current.size - skip);
        await current.readInto(into.subarray(done, done + length), skip);
        done += length;
        skip += length;
      }
    },
    close: async () => current?.close(),
  };
}

/** Weight files in the folder of `model.json` only. */
function shardsBeside(file: string, source: Source): ShardSource {
  return (path) => {
    if (!staysInFolder(path)) {
      throw new WeightFileError(
        file,
        `its weight file '${printable(path)}' is outside its folder; nothing was read.`,
      );
    }
    const node = nodeModules();
    if (node && isPath(source)) {
      if (isUrl(source) || /^file:/i.test(source)) return new URL(path, source);
      return node.path.join(node.path.dirname(source), path);
    }
    if (typeof source === 'string' || isUrl(source)) {
      return new URL(path, new URL(source, baseUrl())).href;
    }
    throw new WeightFileError(
      file,
      `it needs the weight file '${printable(path)}' beside it; pass its path or URL, or its weight files as the option shards.`,
    );
  };
}
