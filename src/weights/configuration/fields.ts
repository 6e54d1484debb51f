import { printable, WeightFileError } from '../formats/error.js';
import { asRecord, type KerasLayer } from './graph.js';

/** Arguments without effect on predictions, in any version of Keras. */
const WITHOUT_EFFECT = new Set([
  ...[
    'name',
    'trainable',
    'sparse',
    'ragged',
    'optional',
    'seed',
    'autocast',
    'synchronized',
    'fused',
    'renorm_momentum',
  ],
  ...['batch_input_shape', 'batch_shape', 'input_shape', 'input_dim', 'input_dtype', 'build_input_shape'],
  // Keras 1.
  ...[
    'init',
    'weights',
    'b_learning_rate_multiplier',
    'W_learning_rate_multiplier',
    'gamma_init',
    'beta_init',
  ],
]);

/** Regularizers, constraints and initializers act in training alone. */
const TRAINING_ONLY = /_(initializer|regularizer|constraint|init)$/;

/** Arguments that have an effect unless they are null or false. */
const EMPTY_ONLY = new Set([
  'quantization_config',
  'lora_rank',
  'lora_alpha',
  'renorm',
  'renorm_clipping',
  'virtual_batch_size',
  'adjustment',
]);

/** Number types that are computed in float32 here, with less rounding than there. */
const FLOAT = /^(mixed_)?b?float(16|32|64)$/;

/**
 * The arguments of a layer. Each of them must be read, or be known to have no effect on predictions: nothing is ignored
 * because it is unknown.
 */
export class Fields {
  private readonly unread: Set<string>;

  constructor(
    private readonly file: string,
    readonly layer: KerasLayer,
  ) {
    this.unread = new Set(Object.keys(layer.config));
    for (const name of ['dtype', 'dtype_policy']) this.checkDtype(name);
  }

  /** The first of the arguments that the layer has; undefined if it has none of them, or null. */
  take(...names: string[]): unknown {
    for (const name of names) this.unread.delete(name);
    const found = names.find((name) => Object.hasOwn(this.layer.config, name));
    return found === undefined ? undefined : (this.layer.config[found] ?? undefined);
  }

  number(name: string, fallback: number, ...aliases: string[]): number {
    const value = this.take(name, ...aliases) ?? fallback;
    return typeof value === 'number' ? value : this.refuse(name, value, 'a number');
  }

  /** A whole number of at least 1, such as the filters of a convolution. */
  count(...names: string[]): number {
    const value = this.take(...names);
    return isCount(value) ? value : this.refuse(names[0]!, value, 'a whole number of at least 1');
  }

  flag(name: string, fallback: boolean, ...aliases: string[]): boolean {
    const value = this.take(name, ...aliases) ?? fallback;
    return typeof value === 'boolean' ? value : this.refuse(name, value, 'true or false');
  }

  /** Height and width, given as two numbers or as one for both. */
  pair(name: string, fallback: number | readonly [number, number], ...aliases: string[]): [number, number] {
    const value = this.take(name, ...aliases) ?? fallback;
    const both = Array.isArray(value) ? value : [value, value];
    return both.length === 2 && both.every(isCount)
      ? [both[0]!, both[1]!]
      : this.refuse(name, value, 'one or two whole numbers');
  }

  oneOf<const T extends string>(name: string, allowed: readonly [T, ...T[]], ...aliases: string[]): T {
    const value = this.take(name, ...aliases) ?? allowed[0];
    return (
      allowed.find((one) => one === value) ??
      this.refuse(name, value, allowed.map((one) => `'${one}'`).join(' or '))
    );
  }

  /** `data_format`, which Keras 1 calls `dim_ordering`; whether channels come before height and width. */
  channelsFirst(): boolean {
    const value = this.take('data_format', 'dim_ordering') ?? 'channels_last';
    if (value === 'channels_first' || value === 'th') return true;
    return value === 'channels_last' || value === 'tf' || value === 'default'
      ? false
      : this.refuse('data_format', value, "'channels_last' or 'channels_first'");
  }

  /** Throws unless an argument has its only value that TensorFlow.js computes. */
  only(name: string, allowed: unknown, ...aliases: string[]): void {
    const value = this.take(name, ...aliases);
    const same = value === undefined || JSON.stringify(value) === JSON.stringify(allowed);
    if (!same) this.refuse(name, value, JSON.stringify(allowed));
  }

  /** Throws if an argument was not read. */
  end(): void {
    for (const name of this.unread) {
      const value = this.layer.config[name];
      const harmless = WITHOUT_EFFECT.has(name) || TRAINING_ONLY.test(name) || value === null;
      const empty = EMPTY_ONLY.has(name) && (value === false || value === 0);
      if (!harmless && !empty) this.refuse(name, value);
    }
  }

  /** @param allowed the values that TensorFlow.js computes, if it computes the argument at all. */
  refuse(name: string, value: unknown, allowed?: string): never {
    const shown = printable(value === undefined ? 'nothing' : JSON.stringify(value));
    const what = allowed === undefined ? 'is not known here' : `must be ${allowed}`;
    return this.fail(`has ${printable(name)}=${shown}, which ${what}; save a model without it.`);
  }

  /** @param reason continues `its layer 'x' (Conv2D)`. */
  fail(reason: string): never {
    const { name, writtenClass } = this.layer;
    throw new WeightFileError(
      this.file,
      `its layer '${printable(name)}' (${printable(writtenClass)}) ${reason}`,
    );
  }

  /** The arguments of an object within this layer's, such as a layer that is its activation. */
  inner(className: string, config: unknown): Fields {
    return new Fields(this.file, {
      ...this.layer,
      className,
      writtenClass: `${this.layer.writtenClass}'s ${className}`,
      config: asRecord(config),
    });
  }

  private checkDtype(name: string): void {
    const value = this.take(name);
    const { config } = asRecord(value);
    const policy = typeof value === 'string' ? value : asRecord(config).name;
    if (value !== undefined && !FLOAT.test(String(policy))) this.refuse(name, value, 'a float type');
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 1;
}
