import { isUrl } from '../../base/realm.js';
import { failureReason, isAbsent } from '../../base/systemReason.js';
import { nodeModules } from '../../io/runtime.js';
import { isPath, nodePath, type Source } from '../../io/source.js';
import { printable, WeightFileError } from './error.js';
import { isLocal } from './file.js';
import { CORE_ML } from './recognizeProtobuf.js';

/** Files that say what a folder is, in the order in which they are looked for. */
const LEADING = [/^model\.json$/, /\.safetensors\.index\.json$/, /\.bin\.index\.json$/, /^saved_model\.pb$/];

/** Weight files that can be read, ONNX where there is no other, then those whose reader says what they are. */
const WEIGHTS = [
  /\.(safetensors|pth|pt|bin|ckpt|tar|h5|hdf5|keras)$/,
  /\.onnx$/,
  /\.(tflite|caffemodel|mlmodel|pb|npz|npy|mat|msgpack|params|pdparams|pkl|t7|weights|index|gguf)$/,
];

/** What a folder is by the names in it. */
const KINDS: readonly (readonly [patterns: readonly RegExp[], kind: string])[] = [
  [[/^Manifest\.json$/, /^Data$/], `a ${CORE_ML}`],
  [
    [/^data\.pkl$/],
    'an unpacked file of torch.save; zip the folder, uncompressed, and use that, or load it in PyTorch and save it again',
  ],
  [
    [/\.distcp$/],
    'a distributed checkpoint of PyTorch; convert it in Python with torch.distributed.checkpoint.format_utils.dcp_to_torch_save',
  ],
  [
    [/^(_METADATA|_CHECKPOINT_METADATA|manifest\.ocdbt)$/],
    'an Orbax checkpoint, as Flax writes; restore it in Python and save its flattened arrays with safetensors.numpy.save_file',
  ],
];

/** What repositories of a hub have beside `model.safetensors`: the same weights for other frameworks. */
const COPIES = /^(pytorch_model\.bin|tf_model\.h5|flax_model\.msgpack)$/;

/** Names listed in an error. */
const MAX_NAMES = 4;

/**
 * The weight file in a folder on this machine: `model.json` of a tfjs model, the index of shards, or the only weight file. Any
 * other source is returned as it is.
 *
 * @throws WeightFileError when the folder cannot be read, or has no weight file, or several.
 */
export async function fileIn(source: Source): Promise<Source> {
  const node = nodeModules();
  if (!node || !isPath(source) || !isLocal(source)) return source;
  const folder = nodePath(source);
  const fault = (reason: string) => new WeightFileError(String(source), reason);
  const names = await node.fs.readdir(folder).catch((error: unknown) => {
    // A file, or nothing.
    if (isAbsent(error)) return undefined;
    throw fault(`${failureReason(error)}; make it readable, or use another path.`);
  });
  if (!names) return source;
  const inside = (name: string): Source =>
    isUrl(folder)
      ? new URL(`${folder.href.replace(/\/*$/, '/')}${encodeURIComponent(name)}`)
      : node.path.join(folder, name);
  for (const pattern of LEADING) {
    const [found, ...others] = names.filter((name) => pattern.test(name));
    if (found !== undefined && others.length === 0) return inside(found);
  }
  const kind = KINDS.find(([patterns]) =>
    patterns.every((pattern) => names.some((name) => pattern.test(name))),
  );
  if (kind) throw fault(`it is ${kind[1]}.`);
  const isCopy = (name: string) => names.includes('model.safetensors') && COPIES.test(name);
  for (const pattern of WEIGHTS) {
    const found = names.filter((name) => pattern.test(name) && !isCopy(name)).sort();
    if (found.length === 1) return inside(found[0]!);
    if (found.length > 1) {
      const listed = found.slice(0, MAX_NAMES).map(printable).join(', ');
      throw fault(
        `it is a folder with ${found.length} weight files (${listed}${found.length > MAX_NAMES ? ', ...' : ''}); use one of them.`,
      );
    }
  }
  throw fault('it is a folder without a weight file; use a file, or the folder of a tfjs model.');
}
