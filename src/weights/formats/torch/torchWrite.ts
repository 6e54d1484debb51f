import { type Content, concatenated, contentOf } from '../content.js';
import { stridesOf } from '../shape.js';
import { elements } from '../tensor.js';
import { zipOf } from '../zipWrite.js';
import * as p from './pickleWrite.js';
import { TORCH_MAGIC } from './torch.js';

/** A tensor to be written. */
export interface NewTensor {
  name: string;
  dtype: 'F32' | 'F16' | 'BF16' | 'I64';
  shape: readonly number[];
  content: Content;
}

const STORAGES = {
  F32: 'FloatStorage',
  F16: 'HalfStorage',
  BF16: 'BFloat16Storage',
  I64: 'LongStorage',
} as const;

/**
 * A state dict as `torch.save` writes it since 1.6, a zip archive. Its pickle names an OrderedDict, tensors and storages
 * and nothing else, so that `torch.load(weights_only=True)` takes it, and with `mmap=True` the numbers stay in the file.
 */
export function torchZip(tensors: readonly NewTensor[]): Content {
  const file = (name: string, content: Uint8Array | string) => ({
    name: `archive/${name}`,
    content: contentOf(typeof content === 'string' ? new TextEncoder().encode(content) : content),
  });
  return zipOf([
    file('data.pkl', p.pickle(stateDict(tensors, []))),
    file('byteorder', 'little'),
    ...tensors.map(({ content }, i) => ({ name: `archive/data/${i}`, content })),
    file('version', '3\n'),
  ]);
}

/** A state dict as `torch.save` wrote it before 1.6: a chain of pickles, then each storage as its length and its numbers. */
export function torchLegacy(tensors: readonly NewTensor[]): Content {
  const sizes = p.dict([
    ['short', p.whole(2)],
    ['int', p.whole(4)],
    ['long', p.whole(4)],
  ]);
  const machine = p.dict([
    ['protocol_version', p.whole(1001)],
    ['little_endian', p.TRUE],
    ['type_sizes', sizes],
  ]);
  const keys = p.list(tensors.map((_, i) => p.text(String(i))));
  return concatenated([
    contentOf(TORCH_MAGIC),
    ...[p.whole(1001), machine, stateDict(tensors, [p.NONE]), keys].map((value) =>
      contentOf(p.pickle(value)),
    ),
    ...tensors.flatMap(({ shape, content }) => [contentOf(length(elements(shape))), content]),
  ]);
}

function length(count: number): Uint8Array {
  return new Uint8Array(BigUint64Array.of(BigInt(count)).buffer);
}

/** @param view what follows a storage's length in its id, which differs between the two kinds of file. */
function stateDict(tensors: readonly NewTensor[], view: readonly p.Pickled[]): p.Pickled {
  const orderedDict = p.call(p.name('collections', 'OrderedDict'));
  const sides = (numbers: readonly number[]) => p.tuple(...numbers.map(p.whole));
  const items = tensors.map(({ name, dtype, shape }, i) => {
    const id = p.tuple(
      p.text('storage'),
      p.name('torch', STORAGES[dtype]),
      p.text(String(i)),
      p.text('cpu'),
      p.whole(elements(shape)),
      ...view,
    );
    const tensor = p.call(
      p.name('torch._utils', '_rebuild_tensor_v2'),
      p.persistent(id),
      p.whole(0),
      sides(shape),
      sides(stridesOf(shape)),
      p.FALSE,
      orderedDict,
    );
    return [name, tensor] as const;
  });
  return p.dict(items, orderedDict);
}
