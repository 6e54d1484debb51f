import { readBytes } from '../../src/io/read.js';

/** A tensor of a reference file, row-major. */
export interface Reference {
  shape: number[];
  data: Float32Array | Int32Array;
}

interface Entry {
  dtype: string;
  shape: number[];
  data_offsets: [begin: number, end: number];
}

/** The float32, int32 and int64 tensors of a .safetensors file that is known to be sound, by name. */
export async function readReference(path: string): Promise<Map<string, Reference>> {
  const file = await readBytes(path);
  const start = 8 + Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(file.subarray(8, start))) as Record<string, Entry>;
  delete header.__metadata__;
  return new Map(
    Object.entries(header).map(
      ([
        name,
        {
          dtype,
          shape,
          data_offsets: [begin, end],
        },
      ]) => {
        const bytes = file.slice(start + begin, start + end).buffer;
        return [name, { shape, data: values(name, dtype, bytes) }];
      },
    ),
  );
}

function values(name: string, dtype: string, bytes: ArrayBuffer): Reference['data'] {
  if (dtype === 'F32') return new Float32Array(bytes);
  if (dtype === 'I32') return new Int32Array(bytes);
  if (dtype === 'I64') return Int32Array.from(new BigInt64Array(bytes), Number);
  throw new Error(`readReference: ${name} is ${dtype}; the tests read F32, I32 and I64 alone.`);
}
