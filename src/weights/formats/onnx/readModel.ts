import { printable, WeightFileError } from '../error.js';
import type { WeightFile } from '../file.js';
import { MAX_NAME_LENGTH, MAX_RANK, MAX_TENSORS } from '../limits.js';
import { viewOf } from '../numbers.js';
import { Messages, varints, type WireField } from '../protobuf.js';
import type { OnnxAttribute, OnnxModel, OnnxNode, OnnxTensor, OnnxValue, Span } from './model.js';

/** Operators in a graph; VGG-19 with batch normalization has 60. */
const MAX_NODES = 5000;
/** Fields of all messages; a VGG has some thousand. */
const MAX_FIELDS = 200_000;
/** Bytes of a text in the metadata. */
const MAX_TEXT = 2 ** 20;

/**
 * Reads all of an ONNX file but its tensors. The numbers of the fields are those of onnx.proto in github.com/onnx/onnx.
 *
 * @throws WeightFileError when it is damaged, or has what is not read.
 */
export function readModel(file: WeightFile): Promise<OnnxModel> {
  return new ModelReader(file).read();
}

class ModelReader {
  readonly #messages: Messages;

  constructor(private readonly file: WeightFile) {
    this.#messages = new Messages(file, MAX_FIELDS);
  }

  async read(): Promise<OnnxModel> {
    const fields = await this.#messages.fieldsIn({ start: 0, length: this.file.size });
    const graph = fields.find(({ number }) => number === 7);
    if (!graph) return this.#fail('it has no graph; get it again.');
    const metadata = new Map<string, string>();
    for (const field of of(fields, 14)) {
      const entry = await this.#messages.fieldsIn(field);
      metadata.set(await this.#text(entry, 1), await this.#text(entry, 2, MAX_TEXT));
    }
    let opset = 1;
    for (const field of of(fields, 8)) {
      const entry = await this.#messages.fieldsIn(field);
      const domain = await this.#text(entry, 1);
      if (domain === '' || domain === 'ai.onnx') opset = numberOf(entry, 2) ?? opset;
    }
    return { opset, metadata, ...(await this.#graph(graph)) };
  }

  async #graph(span: Span): Promise<Omit<OnnxModel, 'opset' | 'metadata'>> {
    const fields = await this.#messages.fieldsIn(span);
    const [nodes, tensors] = [of(fields, 1), of(fields, 5)];
    if (nodes.length > MAX_NODES || tensors.length > MAX_TENSORS) {
      this.#fail(
        `its graph has ${nodes.length} operators and ${tensors.length} tensors; the limits are ${MAX_NODES} and ${MAX_TENSORS}.`,
      );
    }
    if (of(fields, 15).length > 0)
      this.#fail('it has sparse tensors, which are not read; export it without them.');
    return {
      name: await this.#text(fields, 2),
      nodes: await each(nodes, (field) => this.#node(field)),
      initializers: await each(tensors, (field) => this.#tensor(field)),
      inputs: await each(of(fields, 11), (field) => this.#value(field)),
      outputs: await each(of(fields, 12), (field) => this.#value(field)),
    };
  }

  async #node(span: Span): Promise<OnnxNode> {
    const fields = await this.#messages.fieldsIn(span);
    const attributes: OnnxNode['attributes'] = new Map();
    for (const field of of(fields, 5)) {
      const entry = await this.#messages.fieldsIn(field);
      attributes.set(await this.#text(entry, 1), await this.#attribute(entry));
    }
    return {
      op: await this.#text(fields, 4),
      domain: (await this.#text(fields, 7)).replace(/^ai\.onnx$/, ''),
      name: await this.#text(fields, 3),
      inputs: await each(of(fields, 1), (field) => this.#textAt(field)),
      outputs: await each(of(fields, 2), (field) => this.#textAt(field)),
      attributes,
    };
  }

  /** The value of an attribute; undefined for the kinds that no operator of a VGG has, such as graphs. */
  async #attribute(fields: readonly WireField[]): Promise<OnnxAttribute | undefined> {
    const last = (number: number) => fields.findLast((field) => field.number === number);
    switch (numberOf(fields, 20) ?? kindOf(fields)) {
      case 1: {
        const field = last(2);
        return field ? viewOf(await this.#messages.bytes(field, 4)).getFloat32(0, true) : 0;
      }
      case 2:
        return numberOf(fields, 3) ?? 0;
      case 3:
        return this.#text(fields, 4);
      case 4: {
        const field = last(5);
        return field && this.#tensor(field);
      }
      case 6:
        return this.#floats(of(fields, 7));
      case 7:
        return this.#integers(of(fields, 8));
      default:
        return undefined;
    }
  }

  async #tensor(span: Span): Promise<OnnxTensor> {
    const fields = await this.#messages.fieldsIn(span);
    const name = await this.#text(fields, 8);
    const dims = await this.#integers(of(fields, 1));
    if (dims.length > MAX_RANK || dims.some((length) => length < 0)) {
      this.#fail(
        `its shape is [${dims.slice(0, MAX_RANK + 1)}], which no tensor has; the file is damaged.`,
        name,
      );
    }
    const tensor: OnnxTensor = { name, type: numberOf(fields, 2) ?? 0, dims };
    const numbers = fields.filter(({ number }) => [4, 5, 6, 7, 9, 10, 11].includes(number));
    if (numberOf(fields, 14) === 1) return { ...tensor, external: await this.#external(of(fields, 13)) };
    const [first, ...others] = numbers;
    if (!first) return tensor;
    if (others.length > 0 || first.wire !== 2 || first.number === 6 || first.number === 11) {
      this.#fail(
        'its numbers are written one by one, in two ways or as texts; save the model with onnx.save.',
        name,
      );
    }
    // Packed float32 and float64 are the same bytes as raw ones.
    const kind = first.number === 5 ? 'int32' : first.number === 7 ? 'int64' : 'raw';
    return { ...tensor, [kind]: { start: first.start, length: first.length } };
  }

  async #external(fields: readonly WireField[]): Promise<NonNullable<OnnxTensor['external']>> {
    const entries = new Map<string, string>();
    for (const field of fields) {
      const entry = await this.#messages.fieldsIn(field);
      entries.set(await this.#text(entry, 1), await this.#text(entry, 2));
    }
    const [offset, length] = ['offset', 'length'].map((key) => {
      const text = entries.get(key);
      if (text === undefined || /^\d{1,15}$/.test(text)) return text === undefined ? undefined : Number(text);
      return this.#fail(`it has external data with the ${key} ${printable(text)}; the file is damaged.`);
    });
    return { location: entries.get('location') ?? '', offset: offset ?? 0, length };
  }

  async #value(span: Span): Promise<OnnxValue> {
    const fields = await this.#messages.fieldsIn(span);
    const name = await this.#text(fields, 1);
    const type = await this.#first(await this.#first(fields, 2), 1);
    const shape = type && of(type, 2).at(-1);
    if (!type) return { name };
    const dims =
      shape &&
      (await each(of(await this.#messages.fieldsIn(shape), 1), async (field) => {
        return numberOf(await this.#messages.fieldsIn(field), 1) || null;
      }));
    return { name, type: numberOf(type, 1), dims };
  }

  /** The fields of the message that a field is. */
  async #first(fields: readonly WireField[] | undefined, number: number): Promise<WireField[] | undefined> {
    const [field] = of(fields ?? [], number);
    return field && this.#messages.fieldsIn(field);
  }

  /** Numbers, each a field or several in one. */
  async #integers(fields: readonly WireField[]): Promise<number[]> {
    const lists = await each(fields, async (field) => {
      if (field.wire === 0) return [field.value];
      return (
        varints(await this.#messages.bytes(field, MAX_TEXT)) ?? this.#fail('it is damaged; get it again.')
      );
    });
    return lists.flat();
  }

  async #floats(fields: readonly WireField[]): Promise<number[]> {
    const lists = await each(fields, async (field) => {
      const view = viewOf(await this.#messages.bytes(field, MAX_TEXT));
      return Array.from({ length: view.byteLength / 4 }, (_, i) => view.getFloat32(4 * i, true));
    });
    return lists.flat();
  }

  async #text(fields: readonly WireField[], number: number, limit = MAX_NAME_LENGTH): Promise<string> {
    const field = of(fields, number).at(-1);
    return field ? this.#textAt(field, limit) : '';
  }

  async #textAt(field: WireField, limit = MAX_NAME_LENGTH): Promise<string> {
    return new TextDecoder().decode(await this.#messages.bytes(field, limit));
  }

  #fail(reason: string, tensor?: string): never {
    throw new WeightFileError(this.file.name, reason, { tensor });
  }
}

function of(fields: readonly WireField[], number: number): WireField[] {
  return fields.filter((field) => field.number === number);
}

/** The value of a field of one number; the last one counts, if there are several. */
function numberOf(fields: readonly WireField[], number: number): number | undefined {
  return fields.findLast((field) => field.number === number && field.wire === 0)?.value;
}

/** The kind of an attribute that does not state it, as in files before 2017. */
function kindOf(fields: readonly WireField[]): number | undefined {
  const kinds = new Map([
    [2, 1],
    [3, 2],
    [4, 3],
    [5, 4],
    [7, 6],
    [8, 7],
  ]);
  return fields.map(({ number }) => kinds.get(number)).find((kind) => kind !== undefined);
}

/** In turn, since they share a window on the file. */
async function each<T, R>(all: readonly T[], read: (one: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (const one of all) results.push(await read(one));
  return results;
}
