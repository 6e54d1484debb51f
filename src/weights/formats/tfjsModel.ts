import { shown } from '../../base/check.js';
import { withDepthMultipliers } from '../../io/depthMultipliers.js';
import {
  storedBytes,
  storedType,
  type WeightGroup,
  type WeightSpec,
  weightGroups,
} from '../../io/modelJson.js';
import { checkNames, checkShape } from './checks.js';
import { WeightFileError } from './error.js';
import type { WeightFile } from './file.js';
import { JoinedFiles, type Part } from './joined.js';
import { checkConfiguration } from './keras/config.js';
import { METADATA_KEY } from './metadata.js';
import { QUANTIZED_DTYPES } from './quantization.js';
import type { Dtype, StoredTensor } from './tensor.js';

/** The tensors of a tfjs model, and its configuration if it is a layers model. */
export interface TfjsFile {
  tensors: StoredTensor[];
  configuration?: unknown;
  kerasVersion?: string;
  metadata?: unknown;
  /** Checks the lengths of files that were not read. */
  finish(): Promise<void>;
}

/** Number types by tfjs's names. */
const DTYPES: Record<string, Dtype> = {
  float32: 'F32',
  float16: 'F16',
  int32: 'I32',
  uint8: 'U8',
  uint16: 'U16',
  bool: 'BOOL',
};

/**
 * Reads a tfjs model's `model.json`. The weights are in other files, which are opened when a tensor is read; numbers quantized
 * to 8 or 16 bits are restored.
 *
 * @param json its content.
 * @param locate returns the weight files at its paths.
 * @throws WeightFileError when it has no weights, or files on this machine do not have their length.
 */
export async function readTfjs(
  file: WeightFile,
  json: { modelTopology?: unknown; userDefinedMetadata?: unknown },
  locate: (paths: readonly string[]) => Promise<Part[]>,
): Promise<TfjsFile> {
  const groups = weightGroups(json);
  if (!groups) {
    throw new WeightFileError(
      file.name,
      'it is JSON without a weightsManifest, or with a malformed one; use the model.json of a tfjs model.',
    );
  }
  const parts = await locate(groups.flatMap(({ paths }) => paths));
  const joined = groups.map(
    ({ paths, weights }) =>
      new JoinedFiles(
        file.name,
        parts.splice(0, paths.length),
        weights.reduce((sum, spec) => sum + storedBytes(spec), 0),
      ),
  );
  const tensors = groups.flatMap((group, i) => tensorsOf(file.name, group, joined[i]!));
  checkNames(
    file.name,
    tensors.map(({ name }) => name),
  );
  for (const one of joined) if (one.isLocal) await one.check();
  return {
    tensors,
    configuration: withDepthMultipliers(
      configurationOf(file.name, json.modelTopology),
      groups.flatMap(({ weights }) => weights),
    ),
    kerasVersion: versionOf(json.modelTopology),
    metadata: Object(json.userDefinedMetadata)[METADATA_KEY],
    async finish() {
      for (const one of joined) await one.check();
    },
  };
}

/** Whether a `model.json` has a graph of operations, as TensorFlow's converter writes it, and not layers. */
export function isGraphModel({ modelTopology }: { modelTopology?: unknown }): boolean {
  return Array.isArray(Object(modelTopology).node);
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

/** The tensors of a group, whose bytes run consecutively through its files. */
function tensorsOf(file: string, { weights }: WeightGroup, joined: JoinedFiles): StoredTensor[] {
  let at = 0;
  return weights.map((spec) => {
    const { name, shape } = spec;
    const from = at;
    at += storedBytes(spec);
    return {
      name,
      ...affineOf(file, spec),
      dtype: dtypeOf(file, spec),
      shape: checkShape(file, name, shape),
      open: () => joined.stream(from),
    };
  });
}

/** The type of a weight's numbers in the file. */
function dtypeOf(file: string, spec: WeightSpec): Dtype {
  const stored = storedType(spec);
  if (Object.hasOwn(DTYPES, stored)) return DTYPES[stored]!;
  const types = Object.keys(DTYPES).join(', ');
  throw new WeightFileError(
    file,
    `its number type is ${shown(stored)}; save the model again with one of ${types}.`,
    { tensor: spec.name },
  );
}

/** What quantized numbers stand for; throws a WeightFileError for what tfjs does not read. */
function affineOf(file: string, { name, dtype, quantization }: WeightSpec): Pick<StoredTensor, 'affine'> {
  if (!quantization) return {};
  const fault = (reason: string) => new WeightFileError(file, reason, { tensor: name });
  const { dtype: stored, scale, min } = quantization;
  if (!(QUANTIZED_DTYPES as readonly unknown[]).includes(stored)) {
    throw fault(
      `it is quantized to ${shown(stored)}; TensorFlow.js reads ${QUANTIZED_DTYPES.join(', ')}, so quantize the model to one of these.`,
    );
  }
  if (dtype !== 'float32' && (dtype !== 'int32' || stored === 'float16')) {
    throw fault(
      `it is ${shown(dtype)} quantized to ${stored}, which TensorFlow.js does not read; convert the model again.`,
    );
  }
  if (stored === 'float16') return {};
  if (!Number.isFinite(scale) || !Number.isFinite(min)) {
    throw fault('it is quantized without a scale or a minimum that is a number; the file is damaged.');
  }
  return { affine: { scale: scale as number, min: min as number, whole: dtype === 'int32' } };
}
