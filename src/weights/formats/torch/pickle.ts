import { printable, WeightFileError } from '../error.js';
import { viewOf } from '../numbers.js';

/** A value of plain data in a pickle. Python's dicts are Maps, lists and tuples arrays, None is null. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | PickleValue[]
  | Map<PickleValue, PickleValue>
  | PickleName
  | PickleObject;

/** A Python name in a pickle, such as `torch.FloatStorage`. It is never resolved. */
export class PickleName {
  constructor(readonly name: string) {}
}

/** An object that the caller's `reduce` or `persistent` returned. */
export class PickleObject {}

/** Interprets a pickle's names, calls and persistent ids. */
export interface PickleMeaning {
  /** Whether the name `module.name` is known; any other ends the reading. */
  knows(name: string): boolean;
  /** The value of a call of a known name. */
  reduce(name: string, args: PickleValue[]): PickleValue;
  /** The value of a persistent id. */
  persistent(id: PickleValue): PickleValue;
}

/** The maximum number of values on the stack and in the memo; a state dict of 400 tensors has 4000. */
const MAX_VALUES = 1_000_000;

/** The opcodes of plain data, documented in Python's pickletools. */
export const OP = {
  MARK: 0x28,
  EMPTY_TUPLE: 0x29,
  STOP: 0x2e,
  BININT: 0x4a,
  BININT1: 0x4b,
  BININT2: 0x4d,
  NONE: 0x4e,
  BINPERSID: 0x51,
  REDUCE: 0x52,
  BINSTRING: 0x54,
  SHORT_BINSTRING: 0x55,
  BINUNICODE: 0x58,
  EMPTY_LIST: 0x5d,
  APPEND: 0x61,
  BUILD: 0x62,
  GLOBAL: 0x63,
  APPENDS: 0x65,
  BINGET: 0x68,
  LONG_BINGET: 0x6a,
  BINPUT: 0x71,
  LONG_BINPUT: 0x72,
  SETITEM: 0x73,
  TUPLE: 0x74,
  SETITEMS: 0x75,
  EMPTY_DICT: 0x7d,
  BINFLOAT: 0x47,
  PROTO: 0x80,
  TUPLE1: 0x85,
  TUPLE2: 0x86,
  TUPLE3: 0x87,
  NEWTRUE: 0x88,
  NEWFALSE: 0x89,
  LONG1: 0x8a,
  SHORT_BINUNICODE: 0x8c,
  STACK_GLOBAL: 0x93,
  MEMOIZE: 0x94,
  FRAME: 0x95,
} as const;

const MARK = Symbol('mark');

/**
 * Reads one pickle. A pickle is a program for a stack machine, but nothing in it is executed: `meaning` handles its calls, and
 * a name that `meaning` does not know is an error.
 *
 * @param bytes the pickle; more bytes may follow it.
 * @returns the value, and the length of the pickle in bytes.
 * @throws WeightFileError when it is truncated, damaged, or more than plain data.
 */
export function readPickle(
  file: string,
  bytes: Uint8Array,
  meaning: PickleMeaning,
): { value: PickleValue; length: number } {
  const machine = new Machine(file, bytes, meaning);
  const value = machine.run();
  return { value, length: machine.at };
}

class Machine {
  at = 0;
  readonly #stack: (PickleValue | typeof MARK)[] = [];
  readonly #memo = new Map<number, PickleValue>();
  readonly #view: DataView;

  constructor(
    readonly file: string,
    readonly bytes: Uint8Array,
    readonly meaning: PickleMeaning,
  ) {
    this.#view = viewOf(bytes);
  }

  run(): PickleValue {
    for (;;) {
      const op = this.#byte();
      if (op === OP.STOP) return this.#pop();
      this.#step(op);
      if (this.#stack.length > MAX_VALUES || this.#memo.size > MAX_VALUES) {
        throw this.#fault(`its pickle has more than ${MAX_VALUES} values; no state dict does.`);
      }
    }
  }

  #step(op: number): void {
    switch (op) {
      case OP.PROTO: {
        const version = this.#byte();
        if (version > 5)
          throw this.#fault(
            `its pickle has protocol ${version}, but only 0 to 5 are supported; save it with another pickle_protocol.`,
          );
        break;
      }
      case OP.FRAME:
        this.#take(8);
        break;

      case OP.NONE:
        this.#push(null);
        break;
      case OP.NEWTRUE:
        this.#push(true);
        break;
      case OP.NEWFALSE:
        this.#push(false);
        break;
      case OP.BININT:
        this.#push(this.#view.getInt32(this.#take(4), true));
        break;
      case OP.BININT1:
        this.#push(this.#byte());
        break;
      case OP.BININT2:
        this.#push(this.#view.getUint16(this.#take(2), true));
        break;
      case OP.LONG1:
        this.#push(this.#long(this.#byte()));
        break;
      case OP.BINFLOAT:
        this.#push(this.#view.getFloat64(this.#take(8), false));
        break;
      case OP.BINUNICODE:
      case OP.BINSTRING:
        this.#push(this.#text(this.#uint32()));
        break;
      case OP.SHORT_BINUNICODE:
      case OP.SHORT_BINSTRING:
        this.#push(this.#text(this.#byte()));
        break;

      case OP.MARK:
        this.#stack.push(MARK);
        break;
      case OP.EMPTY_TUPLE:
      case OP.EMPTY_LIST:
        this.#push([]);
        break;
      case OP.EMPTY_DICT:
        this.#push(new Map());
        break;
      case OP.TUPLE:
        this.#push(this.#popToMark());
        break;
      case OP.TUPLE1:
        this.#push(this.#popN(1));
        break;
      case OP.TUPLE2:
        this.#push(this.#popN(2));
        break;
      case OP.TUPLE3:
        this.#push(this.#popN(3));
        break;
      case OP.APPEND: {
        const item = this.#pop();
        this.#list().push(item);
        break;
      }
      case OP.APPENDS: {
        const items = this.#popToMark();
        const list = this.#list();
        for (const item of items) list.push(item);
        break;
      }
      case OP.SETITEM: {
        const [key, value] = this.#popN(2);
        this.#dict().set(key!, value!);
        break;
      }
      case OP.SETITEMS: {
        const items = this.#popToMark();
        const dict = this.#dict();
        for (let i = 0; i + 1 < items.length; i += 2) dict.set(items[i]!, items[i + 1]!);
        break;
      }

      case OP.BINPUT:
        this.#remember(this.#byte());
        break;
      case OP.LONG_BINPUT:
        this.#remember(this.#uint32());
        break;
      case OP.MEMOIZE:
        this.#remember(this.#memo.size);
        break;
      case OP.BINGET:
        this.#push(this.#recall(this.#byte()));
        break;
      case OP.LONG_BINGET:
        this.#push(this.#recall(this.#uint32()));
        break;

      case OP.GLOBAL:
        this.#push(this.#known(`${this.#line()}.${this.#line()}`));
        break;
      case OP.STACK_GLOBAL: {
        const [module, name] = this.#popN(2);
        this.#push(this.#known(`${String(module)}.${String(name)}`));
        break;
      }
      case OP.REDUCE: {
        const [callee, args] = this.#popN(2);
        if (!(callee instanceof PickleName) || !Array.isArray(args)) {
          throw this.#fault('its pickle calls something that is not a name; it is damaged.');
        }
        this.#push(this.meaning.reduce(callee.name, args));
        break;
      }
      case OP.BUILD:
        // The state of an object, such as an OrderedDict's `_metadata`; weights do not need it.
        this.#pop();
        break;
      case OP.BINPERSID:
        this.#push(this.meaning.persistent(this.#pop()));
        break;
      default:
        throw this.#fault(
          `its pickle has the opcode 0x${op.toString(16)} at byte ${this.at - 1}, which no state dict needs; save the model's state_dict with torch.save.`,
        );
    }
  }

  #known(name: string): PickleName {
    if (this.meaning.knows(name)) return new PickleName(name);
    throw this.#fault(
      `its pickle refers to '${printable(name)}', which no state dict needs; nothing was executed. Save the model's state_dict alone, or as safetensors.`,
    );
  }

  #push(value: PickleValue): void {
    this.#stack.push(value);
  }

  #pop(): PickleValue {
    const value = this.#stack.pop();
    if (value === undefined || value === MARK)
      throw this.#fault('its pickle pops more values than it pushed; it is damaged.');
    return value;
  }

  #popN(n: number): PickleValue[] {
    return Array.from({ length: n }, () => this.#pop()).reverse();
  }

  #popToMark(): PickleValue[] {
    const mark = this.#stack.lastIndexOf(MARK);
    if (mark < 0) throw this.#fault('its pickle lacks a mark; it is damaged.');
    const values = this.#stack.splice(mark);
    values.shift();
    return values as PickleValue[];
  }

  #list(): PickleValue[] {
    const list = this.#stack.at(-1);
    if (!Array.isArray(list))
      throw this.#fault('its pickle appends to something that is not a list; it is damaged.');
    return list;
  }

  #dict(): Map<PickleValue, PickleValue> {
    const dict = this.#stack.at(-1);
    if (!(dict instanceof Map))
      throw this.#fault('its pickle sets an item of something that is not a dict; it is damaged.');
    return dict;
  }

  #remember(key: number): void {
    const value = this.#stack.at(-1);
    if (value === undefined || value === MARK)
      throw this.#fault('its pickle stores a value that does not exist; it is damaged.');
    this.#memo.set(key, value);
  }

  #recall(key: number): PickleValue {
    const value = this.#memo.get(key);
    if (value === undefined)
      throw this.#fault('its pickle recalls a value that it never stored; it is damaged.');
    return value;
  }

  #take(length: number): number {
    const from = this.at;
    if (from + length > this.bytes.length)
      throw this.#fault('its pickle ends too early; it is truncated or damaged, so get it again.');
    this.at += length;
    return from;
  }

  #byte(): number {
    return this.bytes[this.#take(1)]!;
  }

  #uint32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  #text(length: number): string {
    const from = this.#take(length);
    return new TextDecoder().decode(this.bytes.subarray(from, from + length));
  }

  /** An integer of up to 255 bytes; a bigint where a double cannot hold it. */
  #long(length: number): number | bigint {
    const from = this.#take(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.bytes[from + i]!);
    value = BigInt.asIntN(8 * length, value);
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }

  #line(): string {
    const end = this.bytes.indexOf(0x0a, this.at);
    if (end < 0 || end - this.at > 1024)
      throw this.#fault('its pickle has a name without an end; it is damaged.');
    const text = this.#text(end - this.at);
    this.#take(1);
    return text;
  }

  #fault(reason: string): WeightFileError {
    return new WeightFileError(this.file, reason);
  }
}
