import { OP } from './pickle.js';

/** The bytes that leave one value on the stack of the machine that reads a pickle. */
export type Pickled = readonly number[];

/** A whole pickle, of protocol 2 as PyTorch writes. */
export function pickle(value: Pickled): Uint8Array {
  return Uint8Array.from([OP.PROTO, 2, ...value, OP.STOP]);
}

export const NONE: Pickled = [OP.NONE];
export const TRUE: Pickled = [OP.NEWTRUE];
export const FALSE: Pickled = [OP.NEWFALSE];

/** A text. */
export function text(value: string): Pickled {
  const bytes = new TextEncoder().encode(value);
  return [OP.BINUNICODE, ...littleEndian(bytes.length, 4), ...bytes];
}

/** A whole number from 0 on. */
export function whole(value: number): Pickled {
  if (value < 2 ** 8) return [OP.BININT1, value];
  if (value < 2 ** 16) return [OP.BININT2, ...littleEndian(value, 2)];
  if (value < 2 ** 31) return [OP.BININT, ...littleEndian(value, 4)];
  return [OP.LONG1, 8, ...littleEndian(value, 8)];
}

export function tuple(...items: readonly Pickled[]): Pickled {
  return items.length === 0 ? [OP.EMPTY_TUPLE] : [OP.MARK, ...items.flat(), OP.TUPLE];
}

export function list(items: readonly Pickled[]): Pickled {
  return [OP.EMPTY_LIST, OP.MARK, ...items.flat(), OP.APPENDS];
}

/** A dict of texts, by default a plain one. */
export function dict(items: readonly (readonly [key: string, value: Pickled])[], empty?: Pickled): Pickled {
  const pairs = items.flatMap(([key, value]) => [...text(key), ...value]);
  return [...(empty ?? [OP.EMPTY_DICT]), OP.MARK, ...pairs, OP.SETITEMS];
}

/** One of Python's names, `torch.FloatStorage` as its module and itself. */
export function name(module: string, member: string): Pickled {
  return [OP.GLOBAL, ...new TextEncoder().encode(`${module}\n${member}\n`)];
}

export function call(callee: Pickled, ...args: readonly Pickled[]): Pickled {
  return [...callee, ...tuple(...args), OP.REDUCE];
}

/** What the reader looks up by itself, as PyTorch does storages. */
export function persistent(id: Pickled): Pickled {
  return [...id, OP.BINPERSID];
}

function littleEndian(value: number, bytes: number): number[] {
  return Array.from({ length: bytes }, (_, i) => Math.floor(value / 2 ** (8 * i)) % 256);
}
