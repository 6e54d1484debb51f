import { size } from '../../base/shapes.js';
import { WeightFileError } from '../formats/error.js';
import { decoder } from '../formats/numbers.js';
import { BYTES_PER_ELEMENT, type StoredTensor } from '../formats/tensor.js';

/** A weight computed from several tensors of the file. */
interface FoldedTensor extends StoredTensor {
  readonly parts: readonly StoredTensor[];
}

/** The tensors of the file that a weight comes from. */
export function partsOf(tensor: StoredTensor): readonly StoredTensor[] {
  return (tensor as Partial<FoldedTensor>).parts ?? [tensor];
}

/**
 * The tensors with those that PyTorch stores in parts made whole: weight normalization (a direction and a length per filter),
 * and pruning (a weight and a mask). The others stay.
 *
 * @throws WeightFileError for spectral norm and other parametrizations, and for parts that do not fit.
 */
export function folded(file: string, tensors: readonly StoredTensor[]): StoredTensor[] {
  const named = tensors.map((tensor) => ({ tensor, part: partOf(tensor) }));
  const groups = new Map<string, Map<string, StoredTensor>>();
  for (const { tensor, part } of named) {
    if (part) groups.set(part.whole, (groups.get(part.whole) ?? new Map()).set(part.is, tensor));
  }
  return named.flatMap(({ tensor, part }) => {
    if (!part) return [tensor];
    const group = groups.get(part.whole)!;
    const first = group.values().next().value === tensor;
    return first ? [whole(file, part.whole, group)] : [];
  });
}

/** Whether a tensor is a part of a weight: the weight's name, and which part. */
function partOf({ name, role }: StoredTensor): { whole: string; is: string } | undefined {
  if (role !== undefined) return undefined;
  const parametrized = /^(.+)\.parametrizations\.(weight|bias)\.(.+)$/.exec(name);
  if (parametrized) return { whole: `${parametrized[1]}.${parametrized[2]}`, is: parametrized[3]! };
  const hooked = /^(.+\.(?:weight|bias))_(g|v|u|orig|mask)$/.exec(name);
  return hooked ? { whole: hooked[1]!, is: hooked[2]! } : undefined;
}

function whole(file: string, name: string, parts: ReadonlyMap<string, StoredTensor>): StoredTensor {
  const has = (...wanted: string[]) =>
    parts.size === wanted.length && wanted.every((part) => parts.has(part));
  const pair = ([a, b]: string[]) => [parts.get(a!)!, parts.get(b!)!] as const;
  for (const names of [
    ['g', 'v'],
    ['original0', 'original1'],
  ]) {
    if (has(...names)) return weightNorm(file, name, ...pair(names));
  }
  if (has('orig', 'mask')) return pruned(file, name, ...pair(['orig', 'mask']));
  const spectral = parts.has('u') || parts.has('0._u');
  throw new WeightFileError(
    file,
    `it is stored as ${spectral ? 'spectral norm' : 'a parametrization that is not known'} (${[...parts.keys()].slice(0, 4).join(', ')}), whose weight PyTorch computes when it runs; call torch.nn.utils.${spectral ? 'remove_spectral_norm or parametrize.' : 'parametrize.'}remove_parametrizations and save the state_dict again.`,
    { tensor: name },
  );
}

/** `length * direction / |direction|`, a row per filter, as `torch.nn.utils.weight_norm` has it for `dim=0`. */
function weightNorm(
  file: string,
  name: string,
  lengths: StoredTensor,
  direction: StoredTensor,
): FoldedTensor {
  const { shape } = direction;
  if (lengths.shape.join() !== shape.map((n, i) => (i === 0 ? n : 1)).join()) {
    throw new WeightFileError(
      file,
      `its weight normalization has lengths of the shape [${lengths.shape}] for a weight of [${shape}]; only one per filter (dim=0) is supported, so remove it in PyTorch and save again.`,
      { tensor: name },
    );
  }
  return byRows(name, [lengths, direction], shape, ([length, row]) => {
    const norm = Math.sqrt(row!.reduce((sum, value) => sum + value * value, 0));
    return row!.map((value) => (value * length![0]!) / norm);
  });
}

function pruned(file: string, name: string, weight: StoredTensor, mask: StoredTensor): FoldedTensor {
  if (weight.shape.join() !== mask.shape.join()) {
    throw new WeightFileError(
      file,
      `its pruning mask has the shape [${mask.shape}], but the weight [${weight.shape}].`,
      { tensor: name },
    );
  }
  return byRows(name, [weight, mask], weight.shape, ([row, keep]) =>
    row!.map((value, i) => value * keep![i]!),
  );
}

/** A float32 tensor whose rows are computed, one at a time, from the same rows of its parts. */
function byRows(
  name: string,
  parts: readonly StoredTensor[],
  shape: readonly number[],
  compute: (rows: readonly Float32Array[]) => Float32Array,
): FoldedTensor {
  const count = shape[0]!;
  return {
    name,
    dtype: 'F32',
    shape,
    parts,
    open() {
      const streams = parts.map(({ shape, dtype, affine, open }) => {
        const length = size(shape) / count;
        const bytes = new Uint8Array(length * BYTES_PER_ELEMENT[dtype]);
        return { stream: open(), bytes, decode: decoder(dtype, length, affine) };
      });
      let rest: Uint8Array = new Uint8Array(0);
      return {
        async readInto(into) {
          for (let at = 0; at < into.length; ) {
            if (rest.length === 0) {
              for (const { stream, bytes } of streams) await stream.readInto(bytes);
              const row = compute(streams.map(({ decode, bytes }) => decode(bytes)));
              rest = new Uint8Array(row.buffer, row.byteOffset, row.byteLength);
            }
            const piece = rest.subarray(0, into.length - at);
            into.set(piece, at);
            rest = rest.subarray(piece.length);
            at += piece.length;
          }
        },
        async close() {
          await Promise.all(streams.map(({ stream }) => stream.close()));
        },
      };
    },
  };
}
