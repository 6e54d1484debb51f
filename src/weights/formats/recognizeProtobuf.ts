import type { WeightFile } from './file.js';

export const SAVED_MODEL =
  'TensorFlow SavedModel; save the Keras model that it was exported from with model.save("vgg.keras") (Keras 2 wrote folders that tf_keras.models.load_model reads)';

export const CORE_ML =
  'Core ML model, which is made for inference; use the weights of the PyTorch or Keras model that it was converted from';

/** A field of a protobuf message (https://protobuf.dev/programming-guides/encoding). */
interface Field {
  number: number;
  /** 0: a number; 1 and 5: fixed widths; 2: bytes. */
  wire: number;
  /** Where its bytes begin, and how many they are. */
  start: number;
  length: number;
}

/** Fields that are looked at; GraphDef has one for each node. */
const MAX_FIELDS = 200;

/**
 * What a protobuf file is, by the numbers and types of its fields: nothing in it names its type. Their schemas: onnx.proto,
 * Model.proto of Core ML, caffe.proto, and TensorFlow's saved_model, graph and meta_graph.
 */
export async function protobufKind(file: WeightFile): Promise<string | undefined> {
  const fields = await fieldsOf(file);
  if (!fields) return undefined;
  const has = (number: number, wire: number) =>
    fields.some((field) => field.number === number && field.wire === wire);
  const only = (...numbers: number[]) => fields.every(({ number }) => numbers.includes(number));
  const [first] = fields;
  if (first!.number === 1 && first!.wire === 0) {
    if (has(7, 2) && only(1, 2, 3, 4, 5, 6, 7, 8, 14, 20, 25, 26)) {
      return 'an ONNX model, which cannot be read; export the weights of the PyTorch or Keras model that it came from, as .safetensors, .pth or .keras';
    }
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

/** The fields of the message that is a whole file, or the first of them; undefined if it is no message. */
async function fieldsOf(file: WeightFile): Promise<Field[] | undefined> {
  const fields: Field[] = [];
  for (let at = 0; at < file.size && fields.length < MAX_FIELDS; ) {
    const bytes = await file.read(at, Math.min(20, file.size - at));
    const tag = varint(bytes, 0);
    if (!tag) return undefined;
    const [number, wire] = [Math.floor(tag.value / 8), tag.value % 8];
    const value =
      wire === 0 || wire === 2 ? varint(bytes, tag.end) : { value: wire === 1 ? 8 : 4, end: tag.end };
    if (!value || number === 0 || ![0, 1, 2, 5].includes(wire)) return undefined;
    const length = wire === 0 ? 0 : value.value;
    fields.push({ number, wire, start: at + value.end, length });
    at += value.end + length;
    if (at > file.size) return undefined;
  }
  return fields.length > 0 ? fields : undefined;
}

function varint(bytes: Uint8Array, from: number): { value: number; end: number } | undefined {
  let value = 0;
  for (let i = from; i < bytes.length && i < from + 10; i++) {
    value += (bytes[i]! & 0x7f) * 2 ** (7 * (i - from));
    if (bytes[i]! < 0x80) return { value, end: i + 1 };
  }
  return undefined;
}
