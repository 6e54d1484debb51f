import { uniqueNames } from '../../../base/uniqueNames.js';
import { printable, WeightFileError } from '../error.js';
import type { StoredTensor } from '../tensor.js';
import type { OnnxAttribute, OnnxNode } from './model.js';

/** A tensor that layers of Keras compute, with channels last. */
export interface Value {
  /** The layer that computes it. */
  layer: string;
  /** Its shape in Keras, without the batch; null where a length is not fixed. */
  shape: (number | null)[];
  /**
   * The axis of Keras that each of ONNX's axes is, the batch being 0: `[0, 3, 1, 2]` for a map that ONNX has with channels first.
   */
  axes: number[];
  /** Channels, height and width of a map that ONNX flattened with channels first, and Keras with channels last. */
  map?: [channels: number, height: number, width: number];
  /** Set for a vector that ONNX has as a map of one position. */
  position?: boolean;
}

/** A constant of the graph: a tensor of the file, with its axes moved if `perm` says so. */
export interface Constant {
  tensor: StoredTensor;
  perm?: readonly number[];
  /** Its numbers, if they are few. */
  values?: readonly number[];
}

type Config = Record<string, unknown>;

/** The layers of Keras that a graph becomes, and their weights. */
export class Layers {
  /** As Keras 3 writes them. */
  readonly json: object[] = [];
  readonly weights: StoredTensor[] = [];
  readonly named = uniqueNames();

  /** Adds a layer, which takes one value or, if it merges, a list of them. Returns its name. */
  add(className: string, config: Config, inputs: readonly Value[], wanted: string, merges = false): string {
    // PyTorch writes '/features/features.0/Conv'.
    const name = this.named(wanted.replace(/^\/+/, ''));
    const args = inputs.map(({ layer }) => ({
      class_name: '__keras_tensor__',
      config: { keras_history: [layer, 0, 0] },
    }));
    this.json.push({
      module: 'keras.layers',
      class_name: className,
      config: { name, ...config },
      name,
      inbound_nodes: inputs.length > 0 ? [{ args: merges ? [args] : args, kwargs: {} }] : [],
    });
    return name;
  }

  /**
   * Adds a weight of a layer.
   *
   * @param inKeras its shape in Keras, and the axes of a kernel in PyTorch's order.
   */
  weight(layer: string, name: string, { tensor }: Constant, inKeras?: StoredTensor['inKeras']): void {
    this.weights.push({ ...tensor, role: `${layer}/${name}`, ...(inKeras && { inKeras }) });
  }
}

/** Attributes without effect on predictions, or on the kinds of computation that are read. */
const WITHOUT_EFFECT = new Set([
  ...['momentum', 'is_test', 'consumed_inputs', 'seed', 'stash_type', 'saturate', 'storage_order'],
  ...['noop_with_empty_axes', 'antialias', 'cubic_coeff_a', 'exclude_outside', 'extrapolation_value'],
  'keep_aspect_ratio_policy',
]);

/**
 * An operator that is being translated. Each of its attributes must be read, or be known to have no effect: nothing is ignored
 * because it is unknown.
 */
export class Call {
  private readonly unread: Set<string>;

  constructor(
    private readonly file: string,
    readonly node: OnnxNode,
    readonly opset: number,
    readonly layers: Layers,
    /** The inputs that layers compute; undefined for constants and what is not there. */
    readonly values: readonly (Value | undefined)[],
    /** The inputs that are constants. */
    readonly constants: readonly (Constant | undefined)[],
    /** The inputs that are whole numbers computed of shapes, null where they are not known. */
    readonly shapes: readonly (readonly (number | null)[] | undefined)[],
  ) {
    this.unread = new Set(node.attributes.keys());
  }

  /** The first input, which layers compute. */
  get x(): Value {
    return this.values[0] ?? this.fail('takes a constant where the images should come in');
  }

  /** An attribute; the fallback where it is missing. */
  number(name: string, fallback: number): number {
    const value = this.#read(name) ?? fallback;
    return typeof value === 'number' ? value : this.refuse(name, value);
  }

  text(name: string, fallback: string): string {
    const value = this.#read(name) ?? fallback;
    return typeof value === 'string' ? value : this.refuse(name, value);
  }

  list(name: string): number[] | undefined {
    const value = this.#read(name);
    return value === undefined || Array.isArray(value) ? value : this.refuse(name, value);
  }

  /** Throws unless an attribute has the one value that is computed here. */
  only(name: string, allowed: number | string): void {
    const value = this.#read(name) ?? allowed;
    if (value !== allowed) this.refuse(name, value);
  }

  #read(name: string): OnnxAttribute | undefined {
    const { attributes } = this.node;
    const value = attributes.get(name);
    if (value === undefined && attributes.has(name)) this.refuse(name, value);
    this.unread.delete(name);
    return value;
  }

  /** Throws if an attribute was not read. */
  end(): void {
    const name = [...this.unread].find((one) => !WITHOUT_EFFECT.has(one));
    if (name !== undefined) this.refuse(name, this.node.attributes.get(name));
  }

  /** The numbers of an input that is a constant; undefined if there is no such input. */
  valuesAt(index: number): readonly number[] | undefined {
    if (!this.node.inputs[index]) return undefined;
    const known = this.constants[index]?.values ?? this.shapes[index];
    if (!known || known.includes(null))
      return this.fail(`takes '${printable(this.node.inputs[index]!)}', which is no small constant`);
    return known as readonly number[];
  }

  /** A constant input. */
  constant(index: number): Constant {
    return (
      this.constants[index] ??
      this.fail(`takes '${printable(this.node.inputs[index] ?? '')}', which is no constant of the file`)
    );
  }

  /** Adds a layer of one input that keeps its shape. */
  unary(className: string, config: Config, x = this.x): Value {
    return { ...x, layer: this.add(className, config, x) };
  }

  add(className: string, config: Config, x = this.x, suffix = ''): string {
    return this.layers.add(className, config, [x], `${this.node.name || this.node.outputs[0]}${suffix}`);
  }

  /** The value with the axis of channels last in Keras, as a map. */
  map(x = this.x): Value {
    const at = x.position ? this.#asMap(x) : this.plainIfFlat(x);
    if (at.axes.length !== 4) this.fail(`takes a tensor of ${at.axes.length} axes as a map`);
    return this.arranged(at, [0, 3, 1, 2]);
  }

  /** The value with its axes in the order in which ONNX's axes are these of Keras. */
  arranged(x: Value, axes: readonly number[]): Value {
    if (x.axes.join() === axes.join()) return x;
    // Of Keras' axis i of the result, the axis that it is now.
    const dims = axes.map((_, i) => x.axes[axes.indexOf(i)]!).slice(1);
    const layer = this.add('Permute', { dims }, x, '_axes');
    return { layer, shape: dims.map((axis) => x.shape[axis - 1]!), axes: [...axes] };
  }

  /** The value with an axis of ONNX last in Keras. */
  withLast(x: Value, at: number): Value {
    if (x.axes[at] === x.axes.length - 1) return x;
    const others = x.axes.map((_, i) => i).filter((i) => i !== at);
    return this.arranged(
      x,
      [...others, at].map((_, i, all) => all.indexOf(i)),
    );
  }

  /** The value as ONNX has it. */
  plain(x = this.x): Value {
    if (x.position) return this.arranged(this.#asMap(x), [0, 1, 2, 3]);
    const whole = this.plainIfFlat(x);
    return this.arranged(
      whole,
      whole.axes.map((_, i) => i),
    );
  }

  /** The value, with the numbers of a flattened map in ONNX's order. */
  plainIfFlat(x = this.x): Value {
    if (!x.map) return x;
    const [channels, height, width] = x.map;
    const map = this.add('Reshape', { target_shape: [height, width, channels] }, x, '_map');
    const value = { layer: map, shape: [height, width, channels], axes: [0, 3, 1, 2] };
    const first = this.arranged(value, [0, 1, 2, 3]);
    return { layer: this.add('Flatten', {}, first, '_flat'), shape: x.shape, axes: [0, 1] };
  }

  #asMap(x: Value): Value {
    const [channels] = x.shape;
    const layer = this.add('Reshape', { target_shape: [1, 1, channels] }, x, '_map');
    return { layer, shape: [1, 1, channels!], axes: [0, 3, 1, 2] };
  }

  refuse(name: string, value: OnnxAttribute | undefined): never {
    const isShort = value !== undefined && (typeof value !== 'object' || Array.isArray(value));
    return this.fail(`has ${printable(name)}${isShort ? ` ${printable(JSON.stringify(value))}` : ''}`);
  }

  /** Throws for what layers of TensorFlow.js do not compute. */
  fail(what: string): never {
    const { name, op, outputs } = this.node;
    throw new WeightFileError(
      this.file,
      `its operator '${printable(name || outputs[0] || '')}' (${printable(op)}) ${what}, which is not computed here; export the model without it.`,
    );
  }
}
