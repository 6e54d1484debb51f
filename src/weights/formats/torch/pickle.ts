import { WeightFileError } from '../error.js';
import { viewOf } from '../numbers.js';
import { OP } from './opcodes.js';
import {
  type Budget,
  CONTAINER_COST,
  PickleName,
  PickleObject,
  type PickleValue,
  TEXT_COST,
} from './values.js';

/** Interprets a pickle's calls and persistent ids. */
export interface PickleMeaning {
  /** The value of a call of a name; a PickleObject where the name has no meaning here. */
  reduce(name: string, args: PickleValue[]): PickleValue;
  /** The value of a persistent id. */
  persistent(id: PickleValue): PickleValue;
}

/** Characters of a Python name, and of a number in decimal. */
const MAX_LINE = 1024;

const MARK = Symbol('mark');

/**
 * Reads one pickle. A pickle is a program for a stack machine, but nothing in it is executed: `meaning` gives the values of
 * the calls that it knows, and all others become opaque objects.
 *
 * @param bytes the pickle; more bytes may follow it.
 * @returns the value, and the length of the pickle in bytes.
 * @throws WeightFileError when it is truncated or damaged, or exceeds the budget.
 */
export function readPickle(
  file: string,
  bytes: Uint8Array,
  meaning: PickleMeaning,
  budget: Budget,
): { value: PickleValue; length: number } {
  const machine = new Machine(file, bytes, meaning, budget);
  const value = machine.run();
  return { value, length: machine.at };
}

class Machine {
  at = 0;
  readonly #stack: (PickleValue | typeof MARK)[] = [];
  readonly #memo = new Map<number, PickleValue>();
  readonly #view: DataView;
  readonly #decoder = new TextDecoder();

  constructor(
    readonly file: string,
    readonly bytes: Uint8Array,
    readonly meaning: PickleMeaning,
    readonly budget: Budget,
  ) {
    this.#view = viewOf(bytes);
  }

  run(): PickleValue {
    for (;;) {
      const op = this.#byte();
      if (op === OP.STOP) return this.#pop();
      this.budget.spend(1);
      this.#step(op);
    }
  }

  #step(op: number): void {
    switch (op) {
      case OP.PROTO: {
        const version = this.#byte();
        if (version > 5)
          throw this.#fault(
            `its pickle has protocol ${version}, but only 1 to 5 are supported; save it with another pickle_protocol.`,
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
      case OP.LONG4:
        this.#push(this.#long(this.#uint32()));
        break;
      case OP.INT:
        this.#push(this.#decimal());
        break;
      case OP.LONG:
        this.#push(this.#decimal());
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
      case OP.BINUNICODE8:
        this.#push(this.#text(this.#uint64()));
        break;
      case OP.BINBYTES:
        this.#pushBytes(this.#uint32());
        break;
      case OP.SHORT_BINBYTES:
        this.#pushBytes(this.#byte());
        break;
      case OP.BINBYTES8:
      case OP.BYTEARRAY8:
        this.#pushBytes(this.#uint64());
        break;

      case OP.MARK:
        this.#stack.push(MARK);
        break;
      case OP.POP:
        if (this.#stack.pop() === undefined) throw this.#emptyStack();
        break;
      case OP.POP_MARK:
        this.#popToMark();
        break;
      case OP.DUP:
        this.#push(this.#top());
        break;

      case OP.EMPTY_TUPLE:
      case OP.EMPTY_LIST:
      case OP.EMPTY_SET:
        this.#pushNew([]);
        break;
      case OP.TUPLE:
      case OP.LIST:
      case OP.FROZENSET:
        this.#pushNew(this.#popToMark());
        break;
      case OP.TUPLE1:
        this.#pushNew(this.#popN(1));
        break;
      case OP.TUPLE2:
        this.#pushNew(this.#popN(2));
        break;
      case OP.TUPLE3:
        this.#pushNew(this.#popN(3));
        break;
      case OP.APPEND:
        this.#append([this.#pop()]);
        break;
      case OP.APPENDS:
      case OP.ADDITEMS:
        this.#append(this.#popToMark());
        break;
      case OP.EMPTY_DICT:
        this.#pushNew(new Map());
        break;
      case OP.DICT: {
        const items = this.#popToMark();
        this.#pushNew(new Map());
        this.#setItems(items);
        break;
      }
      case OP.SETITEM:
        this.#setItems(this.#popN(2));
        break;
      case OP.SETITEMS:
        this.#setItems(this.#popToMark());
        break;

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
        this.#pushNew(this.#global());
        break;
      case OP.STACK_GLOBAL: {
        const [module, name] = this.#popN(2);
        if (typeof module !== 'string' || typeof name !== 'string' || module.length + name.length > MAX_LINE)
          throw this.#fault('its pickle refers to something that is not a name; it is damaged.');
        this.#pushNew(new PickleName(`${module}.${name}`));
        break;
      }
      case OP.EXT1:
        this.#pushExtension(this.#byte());
        break;
      case OP.EXT2:
        this.#pushExtension(this.#view.getUint16(this.#take(2), true));
        break;
      case OP.EXT4:
        this.#pushExtension(this.#uint32());
        break;
      case OP.REDUCE:
      case OP.NEWOBJ: {
        const [callee, args] = this.#popN(2);
        this.#call(callee!, args!);
        break;
      }
      case OP.NEWOBJ_EX: {
        const [callee, args] = this.#popN(3);
        this.#call(callee!, args!);
        break;
      }
      case OP.INST: {
        const name = this.#global();
        this.#call(name, this.#popToMark());
        break;
      }
      case OP.OBJ: {
        const [callee = null, ...args] = this.#popToMark();
        this.#call(callee, args);
        break;
      }
      case OP.BUILD: {
        // Of a dict, such as an OrderedDict's `_metadata`, it is not needed.
        const state = this.#pop();
        const object = this.#top();
        if (object instanceof PickleObject) object.state = state;
        break;
      }
      case OP.BINPERSID:
        this.#pushNew(this.meaning.persistent(this.#pop()));
        break;
      default:
        throw this.#fault(
          `its pickle has the opcode 0x${op.toString(16)} at byte ${this.at - 1}, which torch.save does not write; save the model's state_dict with torch.save.`,
        );
    }
  }

  /** Nothing is called: the result is what `meaning` knows, or an opaque object. */
  #call(callee: PickleValue, args: PickleValue): void {
    if (!Array.isArray(args)) throw this.#fault('its pickle makes a call without arguments; it is damaged.');
    const known = callee instanceof PickleName;
    this.#pushNew(known ? this.meaning.reduce(callee.name, args) : new PickleObject('unknown'));
  }

  #push(value: PickleValue): void {
    this.#stack.push(value);
  }

  #pushNew(value: PickleValue): void {
    this.budget.spend(CONTAINER_COST);
    this.#stack.push(value);
  }

  /** Bytes, such as those of a NumPy array, are not looked into. */
  #pushBytes(length: number): void {
    this.#take(length);
    this.#pushNew(new PickleObject('bytes'));
  }

  /** A name that Python keeps in a registry. */
  #pushExtension(code: number): void {
    this.#pushNew(new PickleName(`copyreg.extension_${code}`));
  }

  #top(): PickleValue {
    const value = this.#stack.at(-1);
    if (value === undefined || value === MARK) throw this.#emptyStack();
    return value;
  }

  #pop(): PickleValue {
    const value = this.#top();
    this.#stack.pop();
    return value;
  }

  #popN(n: number): PickleValue[] {
    return Array.from({ length: n }, () => this.#pop()).reverse();
  }

  #popToMark(): PickleValue[] {
    const mark = this.#stack.lastIndexOf(MARK);
    if (mark < 0) throw this.#fault('its pickle lacks a mark; it is damaged.');
    const values = this.#stack.slice(mark + 1);
    this.#stack.length = mark;
    this.budget.spend(values.length);
    return values as PickleValue[];
  }

  /** Appends to the list on the stack; an object's items, such as a deque's, are not needed. */
  #append(items: readonly PickleValue[]): void {
    const list = this.#top();
    if (Array.isArray(list)) for (const item of items) list.push(item);
    else if (!(list instanceof PickleObject))
      throw this.#fault('its pickle appends to something that is not a list; it is damaged.');
  }

  /** Sets items of the dict on the stack; an object's items, such as a Counter's, are not needed. */
  #setItems(items: readonly PickleValue[]): void {
    const dict = this.#top();
    if (dict instanceof Map) for (let i = 0; i + 1 < items.length; i += 2) dict.set(items[i]!, items[i + 1]!);
    else if (!(dict instanceof PickleObject))
      throw this.#fault('its pickle sets an item of something that is not a dict; it is damaged.');
  }

  #remember(key: number): void {
    this.budget.spend(TEXT_COST);
    this.#memo.set(key, this.#top());
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

  #uint64(): number {
    return Number(this.#view.getBigUint64(this.#take(8), true));
  }

  #text(length: number): string {
    this.budget.spend(TEXT_COST);
    const from = this.#take(length);
    return this.#decoder.decode(this.bytes.subarray(from, from + length));
  }

  /** An integer in two's complement; opaque where a double cannot represent it. */
  #long(length: number): number | PickleObject {
    const from = this.#take(length);
    if (length > 8) return new PickleObject('int');
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.bytes[from + i]!);
    return wholeNumber(Number(BigInt.asIntN(8 * length, value)));
  }

  /** An integer as protocol 1 writes it: `12`, `12L`; also `01` for True. */
  #decimal(): number | boolean | PickleObject {
    const line = this.#line();
    if (line === '00' || line === '01') return line === '01';
    return wholeNumber(Number(line.replace(/L$/, '')));
  }

  #global(): PickleName {
    return new PickleName(`${this.#line()}.${this.#line()}`);
  }

  #line(): string {
    const end = this.bytes.subarray(this.at, this.at + MAX_LINE).indexOf(0x0a);
    if (end < 0) throw this.#fault('its pickle has a name without an end; it is damaged.');
    const text = this.#text(end);
    this.#take(1);
    return text;
  }

  #emptyStack(): WeightFileError {
    return this.#fault('its pickle pops more values than it pushed; it is damaged.');
  }

  #fault(reason: string): WeightFileError {
    return new WeightFileError(this.file, reason);
  }
}

function wholeNumber(value: number): number | PickleObject {
  return Number.isSafeInteger(value) ? value : new PickleObject('int');
}
