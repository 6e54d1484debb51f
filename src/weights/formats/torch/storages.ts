import type { Dtype } from '../tensor.js';

/** The number types of PyTorch's storage classes. */
export const STORAGES: Record<string, Dtype> = {
  DoubleStorage: 'F64',
  FloatStorage: 'F32',
  HalfStorage: 'F16',
  BFloat16Storage: 'BF16',
  LongStorage: 'I64',
  IntStorage: 'I32',
  ShortStorage: 'I16',
  CharStorage: 'I8',
  ByteStorage: 'U8',
  BoolStorage: 'BOOL',
};

/** Storage classes whose numbers are not read, with the bytes of an element. An untyped storage counts bytes. */
export const OTHER_STORAGES: Record<string, { itemBytes: number; kind: string }> = {
  UntypedStorage: { itemBytes: 1, kind: 'untyped' },
  ComplexDoubleStorage: { itemBytes: 16, kind: 'complex' },
  ComplexFloatStorage: { itemBytes: 8, kind: 'complex' },
  QInt8Storage: { itemBytes: 1, kind: 'quantized' },
  QUInt8Storage: { itemBytes: 1, kind: 'quantized' },
  QInt32Storage: { itemBytes: 4, kind: 'quantized' },
  QUInt4x2Storage: { itemBytes: 1, kind: 'quantized' },
  QUInt2x4Storage: { itemBytes: 1, kind: 'quantized' },
};

/** PyTorch's number types, by which tensors of untyped storages are read. */
export const TORCH_DTYPES: Record<string, Dtype> = {
  'torch.float64': 'F64',
  'torch.float32': 'F32',
  'torch.float16': 'F16',
  'torch.bfloat16': 'BF16',
  'torch.int64': 'I64',
  'torch.int32': 'I32',
  'torch.int16': 'I16',
  'torch.int8': 'I8',
  'torch.uint64': 'U64',
  'torch.uint32': 'U32',
  'torch.uint16': 'U16',
  'torch.uint8': 'U8',
  'torch.bool': 'BOOL',
};
