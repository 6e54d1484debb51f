import { size } from '../../../base/shapes.js';
import { printable, WeightFileError } from '../error.js';
import type { StoredTensor } from '../tensor.js';
import { dequantized } from './dequantized.js';
import type { Constant } from './layers.js';
import type { OnnxModel, OnnxNode, OnnxTensor } from './model.js';
import type { OnnxTensors } from './tensors.js';
import { weightsIn } from './weights.js';

/** The most numbers of a constant that is read at once. */
const MAX_VALUES = 4096;

/** What a graph knows without images, by name: its tensors, and what operators make of these alone. */
export class Constants {
  readonly #tensors = new Map<string, Constant>();
  /** Numbers that are attributes of operators. */
  readonly #lists = new Map<string, readonly number[]>();
  /** Tensors that are nothing but weights of layers. */
  readonly #weights: ReadonlySet<string>;

  constructor(
    model: OnnxModel,
    private readonly tensors: OnnxTensors,
  ) {
    this.#weights = weightsIn(model);
  }

  has(name: string): boolean {
    return this.#tensors.has(name) || this.#lists.has(name);
  }

  get(name: string): Constant | undefined {
    return this.#tensors.get(name);
  }

  /** The numbers of a constant, if they are few. */
  numbers(name: string): readonly number[] | undefined {
    return this.#lists.get(name) ?? this.#tensors.get(name)?.values;
  }

  /** The number of a constant of one. */
  scalar(name: string): number | undefined {
    const numbers = this.numbers(name);
    return numbers?.length === 1 ? numbers[0] : undefined;
  }

  async add(name: string, tensor: OnnxTensor): Promise<void> {
    this.#tensors.set(name, await this.#constant(this.tensors.stored(tensor), tensor));
  }

  /** Adds what an operator makes of constants alone; returns whether it does. */
  async from({ op, inputs, outputs, attributes, domain }: OnnxNode): Promise<boolean> {
    const output = outputs[0]!;
    const value = attributes.get('value');
    if (op === 'Constant' && domain === '') {
      if (typeof value === 'object' && !Array.isArray(value)) {
        await this.add(output, value);
        return true;
      }
      const numbers = ['value_ints', 'value_floats', 'value_int', 'value_float'].map((name) =>
        attributes.get(name),
      );
      const found = numbers.find((one) => one !== undefined);
      if (found === undefined) return false;
      this.#lists.set(output, [found].flat() as number[]);
      return true;
    }
    const given = inputs.map((name) => this.#tensors.get(name));
    const [first] = given;
    if (!first || domain !== '') return false;
    if (op === 'Identity' || op === 'Cast') {
      this.#tensors.set(output, first);
      return true;
    }
    if (op === 'Transpose' && !first.perm) {
      const perm = attributes.get('perm');
      const rank = first.tensor.shape.length;
      const reversed = Array.from({ length: rank }, (_, i) => rank - 1 - i);
      this.#tensors.set(output, { tensor: first.tensor, perm: Array.isArray(perm) ? perm : reversed });
      return true;
    }
    if (op === 'DequantizeLinear' && !first.perm) {
      const whole = await this.#dequantized(output, first, given[1], given[2], attributes.get('axis'));
      this.#tensors.set(output, whole);
      return true;
    }
    return false;
  }

  async #dequantized(
    name: string,
    { tensor }: Constant,
    scale: Constant | undefined,
    zero: Constant | undefined,
    given: unknown,
  ): Promise<Constant> {
    const scales = scale?.values;
    const zeros = zero ? zero.values : scales?.map(() => 0);
    const axis = typeof given === 'number' ? given : 1;
    const at = axis < 0 ? axis + tensor.shape.length : axis;
    const isVector = (scale?.tensor.shape.length ?? 0) <= 1;
    const fits = isVector && (scales?.length === 1 || scales?.length === tensor.shape[at]);
    if (!scales || !zeros || !fits || zeros.length !== scales.length) {
      throw new WeightFileError(
        this.tensors.file.name,
        `its tensor '${printable(tensor.name)}' is quantized otherwise than by a scale and a zero for each slice of an axis; export it as float32.`,
      );
    }
    const result = dequantized(tensor, { scales, zeros, axis: at });
    return this.#constant({ ...result, name: tensor.name || name });
  }

  /** With its numbers, if they are few and something else than a layer's weights. */
  async #constant(tensor: StoredTensor, source?: OnnxTensor): Promise<Constant> {
    if (size(tensor.shape) > MAX_VALUES || (source && this.#weights.has(source.name))) return { tensor };
    return { tensor, values: await this.tensors.values(tensor) };
  }
}
