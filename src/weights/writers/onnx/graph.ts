import { uniqueNames } from '../../../base/uniqueNames.js';
import { type Content, contentOf } from '../../formats/content.js';
import { type Fields, float, message, number, text } from './message.js';

/** A tensor of the graph. */
export interface Value {
  name: string;
  /** Its shape in tfjs; null where a length is not fixed. */
  shape: readonly (number | null)[];
  /** The axis of tfjs that each of its own axes is: `[0, 3, 1, 2]` for a map with channels first. */
  axes: readonly number[];
  /** `[height, width, channels]` of a map that was flattened with channels first, where tfjs has them last. */
  map?: readonly [number, number, number];
}

/** The numbers of ONNX's types (`TensorProto.DataType` of onnx.proto). */
export const TYPES = { float: 1, int8: 3, int64: 7, float16: 10 } as const;

type Attribute = number | readonly number[] | { float: number } | string;

type Attributes = Readonly<Record<string, Attribute>>;

interface Node {
  readonly op: string;
  readonly name: string;
  inputs: readonly string[];
  output: string;
  readonly attributes: Attributes;
}

/**
 * A graph of ONNX while it is built. The numbers of fields are those of onnx.proto in github.com/onnx/onnx. Tensors are named by
 * the layer and the operator, as `block1_conv1/Relu`.
 */
export class OnnxGraph {
  readonly #nodes: Node[] = [];
  readonly #constants = new Map<string, Fields>();
  /** The names that outputs of the graph got, by those that they had. */
  readonly #outputs = new Map<string, string>();
  /** Names a tensor, with a number where another has the name. */
  readonly named = uniqueNames();

  /** Adds an operator and returns the name of its output. */
  add(layer: string, op: string, inputs: readonly string[], attributes: Attributes = {}): string {
    const name = this.named(`${layer}/${op}`);
    this.#nodes.push({ op, name, inputs, output: name, attributes });
    return name;
  }

  /** Adds a constant tensor, once for each name, and returns the name. */
  constant(name: string, type: keyof typeof TYPES, shape: readonly number[], content: Content): string {
    if (!this.#constants.has(name)) {
      const dims = shape.flatMap((length) => number(1, length));
      this.#constants.set(name, [
        ...dims,
        ...number(2, TYPES[type]),
        ...text(8, name),
        ...message(9, [content]),
      ]);
    }
    return name;
  }

  floats(name: string, values: readonly number[], shape: readonly number[] = [values.length]): string {
    return this.constant(name, 'float', shape, contentOf(new Uint8Array(Float32Array.from(values).buffer)));
  }

  integers(name: string, values: readonly number[]): string {
    const bytes = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
    return this.constant(name, 'int64', [values.length], contentOf(bytes));
  }

  /** The value with its axes in this order. */
  arranged(value: Value, axes: readonly number[]): Value {
    if (value.axes.join() === axes.join()) return value;
    const perm = axes.map((axis) => value.axes.indexOf(axis));
    return { ...value, axes, name: this.add(layerOf(value), 'Transpose', [value.name], { perm }) };
  }

  /** The value as tfjs has it. */
  plain(value: Value): Value {
    if (!value.map)
      return this.arranged(
        value,
        value.shape.map((_, i) => i),
      );
    const [height, width, channels] = value.map;
    const layer = layerOf(value);
    const shape = this.integers(`${value.name}/map`, [0, channels, height, width]);
    const map = this.add(layer, 'Reshape', [value.name, shape]);
    const last = this.add(layer, 'Transpose', [map], { perm: [0, 2, 3, 1] });
    return { ...value, map: undefined, name: this.add(layer, 'Flatten', [last], { axis: 1 }) };
  }

  /** Makes a value an output of the graph. */
  output(value: Value, wanted: string): string {
    const name = this.named(wanted);
    const node = this.#nodes.find(({ output }) => output === value.name);
    if (!node) {
      // The input, or another output already.
      const from = this.#outputs.get(value.name) ?? value.name;
      this.#nodes.push({ op: 'Identity', name, inputs: [from], output: name, attributes: {} });
    } else {
      this.#outputs.set(value.name, name);
      node.output = name;
      for (const other of this.#nodes) {
        other.inputs = other.inputs.map((input) => (input === value.name ? name : input));
      }
    }
    return name;
  }

  /** The `GraphProto`. */
  encoded(name: string, inputs: Fields, outputs: Fields): Fields {
    return [
      ...this.#nodes.flatMap((node) => message(1, encodedNode(node))),
      ...text(2, name),
      ...[...this.#constants.values()].flatMap((tensor) => message(5, tensor)),
      ...inputs,
      ...outputs,
    ];
  }
}

/** The layer that a value is named by. */
function layerOf({ name }: Value): string {
  return name.replace(/\/[^/]*$/, '');
}

function encodedNode({ op, name, inputs, output, attributes }: Node): Fields {
  return [
    ...inputs.flatMap((input) => text(1, input)),
    ...text(2, output),
    ...text(3, name),
    ...text(4, op),
    ...Object.entries(attributes).flatMap(([key, value]) =>
      message(5, [...text(1, key), ...encodedAttribute(value)]),
    ),
  ];
}

/** With the numbers of `AttributeProto.AttributeType`. */
function encodedAttribute(value: Attribute): Fields {
  if (typeof value === 'number') return [...number(3, value), ...number(20, 2)];
  if (typeof value === 'string') return [...text(4, value), ...number(20, 3)];
  if ('float' in value) return [...float(2, value.float), ...number(20, 1)];
  return [...value.flatMap((one) => number(8, one)), ...number(20, 7)];
}

/** A `ValueInfoProto` of float32 numbers, its axes without a fixed length named. */
export function valueInfo(name: string, { shape, axes }: Pick<Value, 'shape' | 'axes'>): Fields {
  const dims = axes.flatMap((axis) => {
    const length = shape[axis];
    return message(1, length == null ? text(2, axis === 0 ? 'batch' : `${name}_${axis}`) : number(1, length));
  });
  return [...text(1, name), ...message(2, message(1, [...number(1, TYPES.float), ...message(2, dims)]))];
}
