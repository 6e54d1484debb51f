import { isError } from '../../base/realm.js';
import { reason } from '../../io/errors.js';
import type { ReadOptions, Source } from '../../io/read.js';
import { WeightFileError } from './error.js';
import { openFile, type WeightFile } from './file.js';
import { isHdf5 } from './hdf5/read.js';
import { isKerasZip, readKerasH5, readKerasZip } from './keras/read.js';
import { METADATA_KEY } from './metadata.js';
import { isSafetensors, readSafetensors } from './safetensors.js';
import type { StoredTensor } from './tensor.js';
import { isJson, readTfjs, type ShardSource } from './tfjsModel.js';
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
  | 'tfjs model.json';

/** Options of all functions that read weight files. */
export interface WeightFileOptions extends ReadOptions {
  /** The weight files of a tfjs `model.json` that is passed as bytes or a Blob, and so has no folder. */
  shards?: ShardSource;
  /**
   * Which state dict of a PyTorch checkpoint: the keys that lead to it, joined by dots (`model_ema`, `ema.state_dict`), or the
   * beginning of its tensors' names (`generator` for `generator.features.0.weight`), which is then removed. Default: the one
   * state dict that there is beside averages of it.
   */
  key?: string;
}

/** An open weight file: its tensors are listed, and their numbers can be read. */
export interface Checkpoint {
  readonly file: string;
  /** Its length in bytes; of a tfjs model, that of `model.json`. */
  readonly bytes: number;
  readonly format: WeightFormat;
  readonly tensors: readonly StoredTensor[];
  /** The model's configuration as the file has it: parsed JSON of Keras or tfjs, limited in size and depth, but not checked. */
  readonly configuration?: unknown;
  /** The version of Keras that wrote the file, if it says so. */
  readonly kerasVersion?: string;
  /** The epsilon of batch normalization, if the file states it. */
  readonly batchNormEpsilon?: number;
  /** What this library stored about the model, unchecked: JSON, or the value that it stands for. */
  readonly metadata?: unknown;
}

/**
 * Opens a weight file, passes its content to `use`, and always closes it.
 *
 * @throws WeightFileError when the format is unknown, or the file is damaged or exceeds a limit.
 */
export async function withCheckpoint<T>(
  source: Source,
  options: WeightFileOptions,
  use: (checkpoint: Checkpoint) => Promise<T>,
): Promise<T> {
  const file = await openFile(source, options);
  try {
    const checkpoint = await read(file, source, options);
    if (options.key !== undefined && !checkpoint.format.startsWith('PyTorch')) {
      throw new WeightFileError(
        file.name,
        `it is ${checkpoint.format}, which holds one network, and the option key is for PyTorch's checkpoints; leave it out.`,
      );
    }
    return await use(checkpoint);
  } finally {
    await file.close();
  }
}

const HEAD_BYTES = 512;

async function read(file: WeightFile, source: Source, options: WeightFileOptions): Promise<Checkpoint> {
  const head = await file.read(0, Math.min(file.size, HEAD_BYTES));
  const parts = await parse(file, head, source, options).catch((error: unknown) => {
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

async function parse(
  file: WeightFile,
  head: Uint8Array,
  source: Source,
  options: WeightFileOptions,
): Promise<
  Pick<Checkpoint, 'format' | 'tensors' | 'configuration' | 'kerasVersion' | 'batchNormEpsilon' | 'metadata'>
> {
  if (isZip(head)) {
    const entries = await readZip(file);
    if (isTorchZip(entries))
      return { format: 'PyTorch .pth (zip)', ...(await readTorchZip(file, entries, options.key)) };
    if (isKerasZip(entries)) return { format: 'Keras .keras', ...(await readKerasZip(file, entries)) };
    throw new WeightFileError(
      file.name,
      "it is a zip archive, but neither torch.save's nor a .keras file; use one that torch.save or Keras wrote.",
    );
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
    const epsilon = Number(metadata.batch_norm_epsilon);
    return {
      format: 'safetensors',
      tensors,
      batchNormEpsilon: epsilon > 0 ? epsilon : undefined,
      metadata: metadata[METADATA_KEY],
    };
  }
  if (isJson(head)) return { format: 'tfjs model.json', ...(await readTfjs(file, source, options)) };
  throw new WeightFileError(
    file.name,
    `it is not a known weight file${hint(head)}; supported formats are .safetensors, .pth, .h5, .keras and tfjs model.json.`,
  );
}

/** A hint about a file of another kind. */
function hint(head: Uint8Array): string {
  const text = new TextDecoder().decode(head);
  if (head.length === 0) return ' (it is empty)';
  if (/^\s*(<!doctype|<html|<\?xml)/i.test(text))
    return ' (it is a web page, perhaps an error page of the server)';
  if (text.startsWith('version https://git-lfs')) return ' (it is a Git LFS pointer; fetch the file itself)';
  if (text.slice(257, 262) === 'ustar') return ' (it is a tar archive, as PyTorch wrote before 0.1.10)';
  if (head[0] === 0x80 && head[1]! <= 5) return ' (it is a bare pickle; save the state_dict with torch.save)';
  if (head[0] === 0x1f && head[1] === 0x8b) return ' (it is compressed with gzip; decompress it first)';
  return '';
}
