/** A model in a configuration: its layers, and how tensors run through them. */
export interface KerasModel {
  name: string;
  layers: KerasLayer[];
  inputs: TensorRef[];
  outputs: TensorRef[];
}

/** A layer in a configuration, of any version of Keras. */
export interface KerasLayer {
  /** Its class, under its current name. */
  className: string;
  /** Its class as the file has it. */
  writtenClass: string;
  name: string;
  config: Readonly<Record<string, unknown>>;
  /** Keras 1 has other names of arguments, and 3 other defaults and formulas than 2. */
  version: 1 | 2 | 3;
  /** The inputs of each call; an input layer has none. */
  calls: TensorRef[][];
  /** Set if the layer is a model. */
  model?: KerasModel;
}

/** An output of a call of a layer. */
export interface TensorRef {
  layer: string;
  call: number;
}

/** A JSON object. */
export type Json = Readonly<Record<string, unknown>>;

/** A JSON object; an empty one for any other value. */
export function asRecord(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
}
