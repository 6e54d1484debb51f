import { MAX_RANK } from '../limits.js';
import { viewOf } from '../numbers.js';
import { BYTES_PER_ELEMENT, type Dtype } from '../tensor.js';
import { readGlobal } from './globalHeap.js';
import type { Fields } from './metadata.js';

/** The value of an attribute; `undefined` if its type is not used in Keras' files. */
export type AttributeValue = string | string[] | number | number[] | undefined;

/** The type of a dataset's or an attribute's elements. */
export type Datatype =
  | { kind: 'number'; dtype: Dtype; size: number }
  | { kind: 'text'; size: number; spaces: boolean }
  | { kind: 'variableText'; size: number }
  | { kind: 'other'; size: number; name: string };

/** The type and the shape of a dataset. */
export interface Extent {
  path: string;
  shape: readonly number[];
  /** Bytes of an element. */
  elementBytes: number;
}

const CLASSES = [
  'integer',
  'float',
  'time',
  'text',
  'bits',
  'opaque',
  'compound',
  'reference',
  'enum',
  'variable',
  'array',
];

/** By bit offset, precision, position and length of exponent and of fraction, and the exponent's bias. */
const FLOATS: Record<string, Dtype> = {
  '0,16,10,5,0,10,15': 'F16',
  '0,16,7,8,0,7,127': 'BF16',
  '0,32,23,8,0,23,127': 'F32',
  '0,64,52,11,0,52,1023': 'F64',
};

/** Reads a datatype message (IV.A.2.d). */
export function readDatatype(body: Fields): Datatype {
  const kind = body.u8() & 0x0f;
  const bits = body.u8();
  body.skip(2);
  const size = body.u32();
  const other = (name: string): Datatype => ({ kind: 'other', size, name });
  if (kind === 0) {
    const dtype = `${bits & 8 ? 'I' : 'U'}${8 * size}`;
    if (bits & 1) return other('big-endian integer');
    const [offset, precision] = [body.u16(), body.u16()];
    return offset === 0 && precision === 8 * size && isDtype(dtype)
      ? { kind: 'number', dtype, size }
      : other(`integer of ${size} bytes`);
  }
  if (kind === 1) {
    if (bits & 0x41) return other('big-endian float');
    const parts = [body.u16(), body.u16(), body.u8(), body.u8(), body.u8(), body.u8(), body.u32()];
    const dtype = FLOATS[parts.join()];
    return dtype && size === BYTES_PER_ELEMENT[dtype]
      ? { kind: 'number', dtype, size }
      : other(`float of ${size} bytes`);
  }
  if (kind === 3) return { kind: 'text', size, spaces: (bits & 0x0f) === 2 };
  if (kind === 9 && (bits & 0x0f) === 1 && size === 16) return { kind: 'variableText', size };
  return other(CLASSES[kind] ?? 'unknown');
}

function isDtype(name: string): name is Dtype {
  return Object.hasOwn(BYTES_PER_ELEMENT, name);
}

/** Reads a dataspace message (IV.A.2.b): the shape, `[]` for a scalar, or null if there are no elements. */
export function readDataspace(body: Fields): number[] | null {
  const version = body.u8();
  const rank = body.u8();
  body.skip(1);
  if (version !== 1 && version !== 2)
    throw body.metadata.fault(
      `a shape has version ${version}, but only 1 and 2 are supported; save it with h5py's defaults.`,
    );
  if (rank > MAX_RANK)
    throw body.metadata.fault(`a shape has ${rank} axes, more than the limit of ${MAX_RANK}.`);
  const type = version === 2 ? body.u8() : 0;
  if (version === 1) body.skip(5);
  if (version === 2 && type === 2) return null;
  return Array.from({ length: rank }, () => body.u64());
}

/** The maximum number of elements of an attribute, such as a list of layers; a model has some 60. */
const MAX_STRINGS = 10_000;

/** Reads an attribute message (IV.A.2.m). */
export async function readAttribute(body: Fields): Promise<{ name: string; value: AttributeValue }> {
  const version = body.u8();
  if (version < 1 || version > 3)
    throw body.metadata.fault(
      `an attribute has version ${version}, but only 1 to 3 are supported; save it with h5py's defaults.`,
    );
  const flags = body.u8();
  const sizes = [body.u16(), body.u16(), body.u16()] as const;
  if (version === 3) body.skip(1);
  const part = (size: number) => {
    const fields = body.take(size);
    if (version === 1) body.align();
    return fields;
  };
  const name = part(sizes[0]).text();
  const [typeBody, spaceBody] = [part(sizes[1]), part(sizes[2])];
  // A shared type is stored elsewhere; Keras writes none.
  if (version > 1 && flags & 3) return { name, value: undefined };
  const type = readDatatype(typeBody);
  const shape = readDataspace(spaceBody);
  if (shape === null || type.kind === 'other' || isHalf(type)) return { name, value: undefined };
  const count = shape.reduce((product, length) => Math.min(product * length, MAX_STRINGS + 1), 1);
  if (count > MAX_STRINGS)
    throw body.metadata.fault(`its attribute '${name.slice(0, 40)}' has more than ${MAX_STRINGS} elements.`);
  const values = await readElements(type, count, body);
  return { name, value: (shape.length === 0 ? values[0] : values) as AttributeValue };
}

/** Whether an attribute has 16-bit floats, which `DataView` cannot read and Keras does not use. */
function isHalf(type: Datatype): boolean {
  return type.kind === 'number' && (type.dtype === 'F16' || type.dtype === 'BF16');
}

async function readElements(
  type: Exclude<Datatype, { kind: 'other' }>,
  count: number,
  body: Fields,
): Promise<(string | number)[]> {
  const values: (string | number)[] = [];
  for (let i = 0; i < count; i++) {
    const element = body.take(type.size);
    if (type.kind === 'text') values.push(type.spaces ? element.text().replace(/ +$/, '') : element.text());
    else if (type.kind === 'variableText') values.push(await readGlobal(element));
    else values.push(numberOf(type.dtype, element));
  }
  return values;
}

function numberOf(dtype: Dtype, element: Fields): number {
  const view = viewOf(element.bytes);
  switch (dtype) {
    case 'F64':
      return view.getFloat64(0, true);
    case 'F32':
      return view.getFloat32(0, true);
    case 'I64':
      return Number(view.getBigInt64(0, true));
    case 'I32':
      return view.getInt32(0, true);
    case 'I16':
      return view.getInt16(0, true);
    case 'I8':
      return view.getInt8(0);
    default:
      return element.sized(element.bytes.length);
  }
}
