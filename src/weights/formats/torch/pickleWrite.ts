import { OP } from './opcodes.js';

/** Bytes of a pickle that push one value onto the reader's stack. */
export type Pickled = readonly number[];

/** A whole pickle, of protocol 2 like PyTorch's. */
export function pickle(value: Pickled): Uint8Array {
  return Uint8Array.from([OP.PROTO, 2, ...value, OP.STOP]);
}

export const FALSE: Pickled = [OP.NEWFALSE];

/** A string. */
export function text(value: string): Pickled {
  const bytes = new TextEncoder().encode(value);
  return [OP.BINUNICODE, ...littleEndian(bytes.length, 4), ...bytes];
}

/** A whole number of at least 0. */
export function whole(value: number): Pickled {
  if (value < 2 ** 8) return [OP.BININT1, value];
  if (value < 2 ** 16) return [OP.BININT2, ...littleEndian(value, 2)];
  if (value < 2 ** 31) return [OP.BININT, ...littleEndian(value, 4)];
  return [OP.LONG1, 8, ...littleEndian(value, 8)];
}

export function tuple(...items: readonly Pickled[]): Pickled {
  return items.length === 0 ? [OP.EMPTY_TUPLE] : [OP.MARK, ...items.flat(), OP.TUPLE];
}

/** A dict with these items added, such as an empty OrderedDict; its keys are strings. */
export function dict(empty: Pickled, items: readonly (readonly [key: string, value: Pickled])[]): Pickled {
  const pairs = items.flatMap(([key, value]) => [...text(key), ...value]);
  return [...empty, OP.MARK, ...pairs, OP.SETITEMS];
}

/** A Python name: `torch.FloatStorage` as its module and member. */
export function name(module: string, member: string): Pickled {
  return [OP.GLOBAL, ...new TextEncoder().encode(`${module}\n${member}\n`)];
}

export function call(callee: Pickled, ...args: readonly Pickled[]): Pickled {
  return [...callee, ...tuple(...args), OP.REDUCE];
}

/** An object that the reader looks up by id, such as PyTorch's storages. */
export function persistent(id: Pickled): Pickled {
  return [...id, OP.BINPERSID];
}

function littleEndian(value: number, bytes: number): number[] {
  return Array.from({ length: bytes }, (_, i) => Math.floor(value / 2 ** (8 * i)) % 256);
}
