import { size } from '../../../base/shapes.js';
import { stridesOf } from '../checks.js';
import { type Content, contentOf, type NewTensor } from '../content.js';
import { zipOf } from '../zip/write.js';
import * as p from './pickleWrite.js';
import { STORAGES } from './storages.js';

/**
 * A state dict as `torch.save` has written it since 1.6, a zip archive. Its pickle refers only to an OrderedDict, tensors and
 * storages, so `torch.load(weights_only=True)` accepts it; with `mmap=True` the numbers stay in the file.
 *
 * @param metadata texts by name, which PyTorch ignores.
 */
export function torchFile(
  tensors: readonly NewTensor[],
  metadata: Readonly<Record<string, string>>,
): Content {
  const file = (name: string, content: Uint8Array | string) => ({
    name: `archive/${name}`,
    content: contentOf(typeof content === 'string' ? new TextEncoder().encode(content) : content),
  });
  return zipOf([
    file('data.pkl', p.pickle(stateDict(tensors))),
    file('byteorder', 'little'),
    ...tensors.map(({ content }, i) => ({ name: `archive/data/${i}`, content })),
    file('version', '3\n'),
    ...Object.entries(metadata).map(([key, text]) => file(`extra/${key}.json`, text)),
  ]);
}

function stateDict(tensors: readonly NewTensor[]): p.Pickled {
  const orderedDict = p.call(p.name('collections', 'OrderedDict'));
  const tuple = (numbers: readonly number[]) => p.tuple(...numbers.map(p.whole));
  const items = tensors.map(({ name, dtype, shape }, i) => {
    const storage = p.persistent(
      p.tuple(
        p.text('storage'),
        p.name('torch', storageOf(dtype)),
        p.text(String(i)),
        p.text('cpu'),
        p.whole(size(shape)),
      ),
    );
    const tensor = p.call(
      p.name('torch._utils', '_rebuild_tensor_v2'),
      storage,
      p.whole(0),
      tuple(shape),
      tuple(stridesOf(shape)),
      p.FALSE,
      orderedDict,
    );
    return [name, tensor] as const;
  });
  return p.dict(orderedDict, items);
}

/** PyTorch's storage class of a number type. */
function storageOf(dtype: NewTensor['dtype']): string {
  return Object.keys(STORAGES).find((name) => STORAGES[name] === dtype)!;
}
