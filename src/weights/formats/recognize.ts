import { printable } from './error.js';
import type { WeightFile } from './file.js';
import { viewOf } from './numbers.js';
import { isPickle0, pickleKind } from './recognizePickle.js';
import { CORE_ML, protobufKind, SAVED_MODEL } from './recognizeProtobuf.js';
import { textKind } from './recognizeText.js';

/** Bytes at the beginning of a file that are enough to recognize it. */
export const HEAD_BYTES = 512;

const latin1 = (bytes: Uint8Array) => new TextDecoder('latin1').decode(bytes);

const UNPACK = 'unpack it and use the file inside';
const IMAGE = 'an image; use a weight file';

/** Kinds of files by the bytes at an offset. The sentences continue "it is". */
const MAGIC: readonly (readonly [offset: number, bytes: string, kind: string])[] = [
  [
    4,
    'TFL3',
    'a TensorFlow Lite model, which is made for inference; save the Keras model that it was converted from, with model.save("vgg.keras")',
  ],
  [4, 'ORTM', 'an ONNX Runtime model; export the weights of the model that it was converted from'],
  [
    4,
    'PTMF',
    'a PyTorch Mobile model; save the state dict of the original with torch.save(model.state_dict(), path)',
  ],
  [
    4,
    'ET12',
    'an ExecuTorch program; save the state dict of the original with torch.save(model.state_dict(), path)',
  ],
  [
    0,
    'GGUF',
    'a GGUF file, which is for language models; use the .safetensors or .pth file that it was converted from',
  ],
  [
    0,
    'MATLAB 5.0 MAT-file',
    'a MATLAB file, perhaps of MatConvNet; read it in Python with scipy.io.loadmat and save its arrays with safetensors.numpy.save_file',
  ],
  [
    0,
    'MATLAB 7.3 MAT-file',
    'a MATLAB 7.3 file, perhaps of MatConvNet; read it in Python with h5py and save its arrays with safetensors.numpy.save_file',
  ],
  [
    0,
    '\x93NUMPY',
    'a NumPy array; save all arrays of the network in one file, with safetensors.numpy.save_file',
  ],
  [
    0,
    '\x12\x01\0\0\0\0\0\0',
    'an MXNet .params file; read it in Python with mxnet.nd.load and save its arrays with safetensors.numpy.save_file',
  ],
  [
    0,
    '\x04\0\0\0\x01\0\0\0\x03\0\0\0V 1',
    'a Torch7 file; read it in Python with torchfile.load and save its arrays with safetensors.numpy.save_file',
  ],
  [
    257,
    'ustar',
    'a tar archive; unpack it and use the weight file inside (PyTorch before 0.1.10 saved such archives: load it there and save it again)',
  ],
  [0, '\x1f\x8b', `compressed with gzip; ${UNPACK}`],
  [0, '\xfd7zXZ\0', `compressed with xz; ${UNPACK}`],
  [0, '\x28\xb5\x2f\xfd', `compressed with Zstandard; ${UNPACK}`],
  [
    0,
    '\x78\x9c',
    'compressed with zlib, as joblib writes; load it in Python and save its arrays with safetensors.numpy.save_file',
  ],
  [0, 'BZh', `compressed with bzip2; ${UNPACK}`],
  [0, '\x04\x22\x4d\x18', `compressed with LZ4; ${UNPACK}`],
  [0, '7z\xbc\xaf\x27\x1c', `a 7z archive; ${UNPACK}`],
  [0, 'Rar!\x1a\x07', `a RAR archive; ${UNPACK}`],
  [0, 'PK\x05\x06', 'an empty zip archive; get it again'],
  [0, '\x89PNG\r\n', IMAGE],
  [0, '\xff\xd8\xff', IMAGE],
  [0, 'GIF8', IMAGE],
  [8, 'WEBP', IMAGE],
  [0, '%PDF-', 'a PDF document; use a weight file'],
];

/**
 * What a file is that no reader knows, by its content, and what to do with it; undefined if nothing is recognized. The sentence
 * continues "it is" and has no period.
 */
export async function recognize(file: WeightFile): Promise<string | undefined> {
  if (file.size === 0) return 'empty; get it again';
  const head = await file.read(0, Math.min(file.size, HEAD_BYTES));
  const first = latin1(head);
  const magic = MAGIC.find(([offset, bytes]) => first.startsWith(bytes, offset));
  if (magic) return magic[2];
  if (isTorch7Table(head)) return MAGIC.find(([, bytes]) => bytes.endsWith('V 1'))![2];
  if (isPickle0(head) || (head[0] === 0x80 && head[1]! >= 2 && head[1]! <= 5)) return pickleKind(file);
  return (
    (await textKind(file)) ??
    (await tableKind(file, head)) ??
    msgpackKind(head) ??
    (await protobufKind(file)) ??
    darknetKind(file, head) ??
    dataKind(file.name)
  );
}

/** What a zip archive is, by the names of its files. */
export function zipKind(names: readonly string[]): string {
  if (names.length > 0 && names.every((name) => name.endsWith('.npy'))) {
    return 'a NumPy .npz archive; save its arrays with safetensors.numpy.save_file(dict(numpy.load(path)), "vgg.safetensors")';
  }
  const holds = (pattern: RegExp) => names.find((name) => pattern.test(name));
  if (holds(/(^|\/)saved_model\.pb$/)) return `a zip archive of a ${SAVED_MODEL}`;
  if (holds(/com\.apple\.CoreML\//)) return `a zip archive of a ${CORE_ML}`;
  const inner =
    holds(/(^|\/)model\.json$/) ?? holds(/\.(safetensors|pth|pt|bin|ckpt|h5|hdf5|keras|tar)$/) ?? names[0];
  const what = inner === undefined ? 'is empty' : `has '${printable(inner)}' in it`;
  return `a zip archive that ${what}, but neither torch.save's nor a .keras file; unpack it and use the weight file inside`;
}

/** A Torch7 file whose first object is a table: its number, its length, and a number or text as its first key. */
function isTorch7Table(head: Uint8Array): boolean {
  if (head.length < 20) return false;
  const view = viewOf(head);
  const [type, index, length, key] = [0, 4, 8, 12].map((at) => view.getInt32(at, true));
  return type === 3 && index === 1 && length! > 0 && length! < 1e6 && (key === 1 || key === 2);
}

/** TensorFlow's tables end in the magic number of LevelDB's (tensorflow/core/lib/io/format.h). */
async function tableKind(file: WeightFile, head: Uint8Array): Promise<string | undefined> {
  if (file.size < 48) return undefined;
  const magic = viewOf(await file.read(file.size - 8, 8)).getBigUint64(0, true);
  if (magic !== 0xdb4775248b80fb57n) return undefined;
  // The first record has an empty key, and its value is a BundleHeaderProto in version 2, tensor slices in version 1.
  const what = head[3] === 0x0a ? 'checkpoint (version 1)' : 'checkpoint (the .index file of version 2)';
  return `a TensorFlow ${what}; read it in Python with tf.train.load_checkpoint and save its tensors with safetensors.numpy.save_file`;
}

/** A msgpack map whose first key is a name and whose first value is a map, an array of Flax (an extension) or a number. */
function msgpackKind(head: Uint8Array): string | undefined {
  const [map, start] = [head[0]!, head[0] === 0xde ? 3 : head[0] === 0xdf ? 5 : 1];
  if (!((map > 0x80 && map < 0x90) || start > 1)) return undefined;
  const marker = head[start]!;
  const [from, length] = marker === 0xd9 ? [start + 2, head[start + 1]!] : [start + 1, marker & 0x1f];
  if (marker !== 0xd9 && marker >> 5 !== 5) return undefined;
  const name = latin1(head.subarray(from, from + length));
  const value = head[from + length];
  if (!/^[\w./-]+$/.test(name) || value === undefined) return undefined;
  if (!(value < 0x90 || (value >= 0xc7 && value <= 0xdf))) return undefined;
  return 'msgpack, as Flax writes; read it in Python with flax.serialization.msgpack_restore and save its flattened arrays with safetensors.numpy.save_file';
}

/** Darknet's header: version 0.1 or 0.2, a revision, the number of images seen, then the weights as float32. */
function darknetKind(file: WeightFile, head: Uint8Array): string | undefined {
  if (head.length < 64 || file.size % 4 !== 0) return undefined;
  const view = viewOf(head);
  const [major, minor, revision] = [0, 4, 8].map((at) => view.getInt32(at, true));
  if (major !== 0 || (minor !== 1 && minor !== 2) || revision! < 0 || revision! > 9) return undefined;
  for (let at = 20; at + 4 <= head.length; at += 4) {
    const weight = Math.abs(view.getFloat32(at, true));
    if (!(weight === 0 || (weight > 1e-12 && weight < 1e4))) return undefined;
  }
  return 'a darknet .weights file, which does not name its tensors; convert it to PyTorch together with its .cfg and save the state dict';
}

/** The only kind that is told by its name: it is nothing but numbers. */
function dataKind(name: string): string | undefined {
  return /\.data-\d{5}-of-\d{5}$/.test(name)
    ? 'the data of a TensorFlow checkpoint (version 2); read the checkpoint in Python with tf.train.load_checkpoint and save its tensors with safetensors.numpy.save_file'
    : undefined;
}
