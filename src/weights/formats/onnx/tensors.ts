import { size } from '../../../base/shapes.js';
import { checkNames, checkOverlaps, checkShape, checkTotal } from '../checks.js';
import { printable, WeightFileError } from '../error.js';
import type { WeightFile } from '../file.js';
import { partOf } from '../file.js';
import type { Part } from '../joined.js';
import { decoder } from '../numbers.js';
import { varints } from '../protobuf.js';
import {
  BYTES_PER_ELEMENT,
  type ByteStream,
  byteLength,
  type Dtype,
  type StoredTensor,
  spanOf,
} from '../tensor.js';
import type { OnnxTensor } from './model.js';

/** The types of onnx.proto's `TensorProto.DataType`. */
const DTYPES: Record<number, Dtype> = {
  1: 'F32',
  2: 'U8',
  3: 'I8',
  5: 'I16',
  4: 'U16',
  6: 'I32',
  7: 'I64',
  9: 'BOOL',
  10: 'F16',
  11: 'F64',
  12: 'U32',
  13: 'U64',
  16: 'BF16',
};

/** The most numbers that are read as varints. */
const MAX_VALUES = 2 ** 16;

/** The tensors of an ONNX file, by their names. */
export class OnnxTensors {
  readonly #external = new Map<string, Promise<WeightFile>>();

  /** @param partAt returns a file beside this one. */
  constructor(
    readonly file: WeightFile,
    private readonly partAt: (path: string) => Promise<Part>,
  ) {}

  /** Checks the tensors together. */
  async check(tensors: readonly OnnxTensor[]): Promise<void> {
    const { name } = this.file;
    checkNames(
      name,
      tensors.map((tensor) => tensor.name),
    );
    const spans = tensors.flatMap(({ name: tensor, raw }) =>
      raw ? [{ tensor, offset: raw.start, length: raw.length }] : [],
    );
    checkOverlaps(name, spans);
    const stored = tensors.map((tensor) => this.stored(tensor));
    const beside = new Set(tensors.flatMap(({ external }) => (external ? [external.location] : [])));
    const sizes = await Promise.all(
      [...beside].map(async (location) => (await this.partAt(location)).size()),
    );
    checkTotal(
      name,
      stored,
      sizes.reduce((sum, bytes) => sum + bytes, this.file.size),
    );
  }

  /**
   * A tensor as one that is stored, with its bytes opened on demand.
   *
   * @throws WeightFileError when its type is not read or its bytes are not as many as its shape says.
   */
  stored(tensor: OnnxTensor): StoredTensor {
    const { name, type, raw, int32, int64, external } = tensor;
    const dtype = DTYPES[type];
    if (!dtype)
      this.fail(
        `its type is number ${type} of ONNX's, which is not read; export it with float32 or float16.`,
        name,
      );
    const shape = checkShape(this.file.name, name, tensor.dims);
    const bytes = byteLength({ dtype, shape });
    const found = { name, dtype, shape };
    if (external) return { ...found, open: () => this.#openExternal(tensor, external, bytes) };
    if (raw) {
      if (raw.length !== bytes) this.#wrongLength(name, shape, bytes, raw.length);
      return { ...found, open: () => spanOf(this.file, raw.start) };
    }
    const span = int32 ?? int64;
    if (span && size(shape) <= MAX_VALUES) {
      return { ...found, open: () => this.#openVarints(name, dtype, size(shape), span) };
    }
    if (bytes > 0) {
      this.fail(
        span
          ? 'its numbers are written one by one; save the model with onnx.save.'
          : 'it has no numbers; get it again.',
        name,
      );
    }
    return { ...found, open: () => spanOf(this.file, 0) };
  }

  /** The numbers of a small tensor. */
  async values(stored: StoredTensor): Promise<number[]> {
    const count = size(stored.shape);
    const bytes = new Uint8Array(byteLength(stored));
    const stream = stored.open();
    try {
      await stream.readInto(bytes);
    } finally {
      await stream.close();
    }
    return count === 0 ? [] : [...decoder(stored.dtype, count)(bytes)];
  }

  fail(reason: string, tensor?: string): never {
    throw new WeightFileError(this.file.name, reason, { tensor });
  }

  #openExternal(
    { name, dims }: OnnxTensor,
    { location, offset, length }: NonNullable<OnnxTensor['external']>,
    bytes: number,
  ): ByteStream {
    if (length !== undefined && length !== bytes) this.#wrongLength(name, dims, bytes, length);
    let stream: ByteStream | undefined;
    return {
      readInto: async (into) => {
        if (!stream) {
          const file = await this.#opened(location);
          if (offset + bytes > file.size) {
            this.fail(
              `its ${bytes} bytes from ${offset} on are not all within '${printable(location)}', which has ${file.size}; get that file again.`,
              name,
            );
          }
          stream = spanOf(partOf(file, offset, bytes), 0);
        }
        await stream.readInto(into);
      },
      close: async () => stream?.close(),
    };
  }

  /** A file beside this one, opened once. */
  #opened(location: string): Promise<WeightFile> {
    const found = this.#external.get(location) ?? this.partAt(location).then((part) => part.open());
    this.#external.set(location, found);
    return found;
  }

  #openVarints(
    name: string,
    dtype: Dtype,
    count: number,
    span: { start: number; length: number },
  ): ByteStream {
    let bytes: Uint8Array | undefined;
    let at = 0;
    return {
      readInto: async (into) => {
        if (!bytes) {
          const numbers = varints(await this.file.read(span.start, span.length));
          if (numbers?.length !== count)
            this.fail(
              `it has ${numbers?.length ?? 'damaged'} numbers, not ${count}; get the file again.`,
              name,
            );
          bytes = littleEndian(numbers, BYTES_PER_ELEMENT[dtype]);
        }
        into.set(bytes.subarray(at, at + into.length));
        at += into.length;
      },
      close: async () => {},
    };
  }

  #wrongLength(name: string, shape: readonly number[], bytes: number, found: number): never {
    this.fail(`it has ${found} bytes, and its shape [${shape}] needs ${bytes}; the file is damaged.`, name);
  }
}

/** Whole numbers, or the bits of others, as bytes. */
function littleEndian(numbers: readonly number[], width: number): Uint8Array {
  const bytes = new Uint8Array(numbers.length * width);
  numbers.forEach((number, i) => {
    let rest = BigInt.asUintN(64, BigInt(number));
    for (let k = 0; k < width; k++, rest >>= 8n) bytes[i * width + k] = Number(rest & 255n);
  });
  return bytes;
}
