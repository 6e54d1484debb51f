import type { WeightFile } from './file.js';
import { fieldAt, type WireField } from './protobuf.js';

export const SAVED_MODEL =
  'TensorFlow SavedModel; save the Keras model that it was exported from with model.save("vgg.keras") (Keras 2 wrote folders that tf_keras.models.load_model reads)';

export const CORE_ML =
  'Core ML model, which is made for inference; use the weights of the PyTorch or Keras model that it was converted from';

/** Fields that are looked at; GraphDef has one for each node. */
const MAX_FIELDS = 200;

/**
 * What a protobuf file is, by the numbers and types of its fields: nothing in it names its type. Their schemas: onnx.proto,
 * Model.proto of Core ML, caffe.proto, and TensorFlow's saved_model, graph and meta_graph.
 */
export async function protobufKind(file: WeightFile): Promise<string | undefined> {
  if (await isCutOnnx(file)) return 'an ONNX model that is damaged or cut off; get it again';
  const fields = await fieldsOf(file);
  if (!fields) return undefined;
  const has = (number: number, wire: number) =>
    fields.some((field) => field.number === number && field.wire === wire);
  const only = (...numbers: number[]) => fields.every(({ number }) => numbers.includes(number));
  const [first] = fields;
  if (first!.number === 1 && first!.wire === 0) {
    if (fields.some(({ number, wire }) => number >= 200 && wire === 2)) return `a ${CORE_ML}`;
    if (has(2, 2) && only(1, 2)) return `a ${SAVED_MODEL}`;
    return undefined;
  }
  if (first!.wire !== 2) return undefined;
  const head = await file.read(first!.start, Math.min(first!.length, 64));
  const isName = head.every((byte) => byte >= 0x20 && byte < 0x7f);
  const hasLayers = has(2, 2) || has(100, 2);
  if (hasLayers && (first!.number !== 1 || isName) && only(1, 2, 3, 4, 5, 6, 7, 8, 100)) {
    return 'a Caffe model; convert it to PyTorch or Keras (for example with caffemodel2pytorch) and use the result';
  }
  // A node and the information of a meta graph both begin with a field 1 of bytes.
  if (first!.number !== 1 || (head[0] !== 0x0a && head[0] !== 0x12) || !only(1, 2, 3, 4, 5, 6, 7))
    return undefined;
  return 'a TensorFlow graph; use the weights of the Keras model or the checkpoint that it was made from, saved with model.save("vgg.keras")';
}

/**
 * Whether a file is an ONNX model: a message that begins with the version of its format or with its metadata, and has a graph.
 */
export async function isOnnx(file: WeightFile, head: Uint8Array): Promise<boolean> {
  // The first byte of a field of one of the numbers below.
  if (!KNOWN_TO_ONNX.includes(head[0]! >> 3)) return false;
  const fields = await fieldsOf(file);
  if (!fields?.every(({ number }) => KNOWN_TO_ONNX.includes(number))) return false;
  const has = (number: number, wire: number) =>
    fields.some((field) => field.number === number && field.wire === wire);
  return has(7, 2) && has(1, 0);
}

/** Whether a file begins as an ONNX model whose graph does not fit into it. */
async function isCutOnnx(file: WeightFile): Promise<boolean> {
  const fields = (await fieldsOf(file, false)) ?? [];
  const last = fields.at(-1);
  return (
    last?.number === 7 &&
    last.start + last.length > file.size &&
    fields.some(({ number, wire }) => number === 1 && wire === 0) &&
    fields.every(({ number }) => KNOWN_TO_ONNX.includes(number))
  );
}

/** The fields of `ModelProto`. */
const KNOWN_TO_ONNX = [1, 2, 3, 4, 5, 6, 7, 8, 14, 20, 25, 26];

/** The fields of the message that is a whole file, or the first of them; undefined if it is no message, or is not whole. */
async function fieldsOf(file: WeightFile, whole = true): Promise<WireField[] | undefined> {
  const fields: WireField[] = [];
  for (let at = 0; at < file.size && fields.length < MAX_FIELDS; ) {
    const field = fieldAt(await file.read(at, Math.min(20, file.size - at)), at);
    if (!field) return undefined;
    fields.push(field);
    at = field.start + field.length;
    if (at > file.size) return whole ? undefined : fields;
  }
  return fields.length > 0 ? fields : undefined;
}
