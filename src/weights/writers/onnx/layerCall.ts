import type { layers } from '@tensorflow/tfjs-layers';
import { fail } from '../../../base/check.js';
import type { Axes } from '../../layout/axes.js';
import { numbersOf, shapeOf } from '../variable.js';
import { activated, ONNX_ACTIVATIONS } from './activations.js';
import type { OnnxGraph, Value } from './graph.js';
import { addKernel, type OnnxDtype } from './kernels.js';
import { mapAxes } from './windows.js';

type Variable = layers.Layer['weights'][number];

/** A call of a layer, to be written. */
export class LayerCall {
  readonly config: Record<string, unknown>;

  /** @param name the layer's name in the file. */
  constructor(
    readonly graph: OnnxGraph,
    readonly layer: layers.Layer,
    readonly name: string,
    readonly inputs: readonly Value[],
    readonly dtype: OnnxDtype,
  ) {
    this.config = layer.getConfig();
  }

  /** The input of a layer that has one. */
  get x(): Value {
    return this.inputs[0]!;
  }

  add(op: string, inputs: readonly string[], attributes: Parameters<OnnxGraph['add']>[3] = {}): string {
    return this.graph.add(this.name, op, inputs, attributes);
  }

  /** The map with its channels before rows and columns. */
  get channelsFirst(): Value {
    return this.graph.arranged(this.x, [0, ...mapAxes(this.config)]);
  }

  /** A map's rows and columns; null where they are not fixed. */
  sizesOf(x: Value): (number | null)[] {
    const [, rows, columns] = mapAxes(this.config);
    return [x.shape[rows]!, x.shape[columns]!];
  }

  /** A map arranged like `x`, of other lengths, and of other channels where they are given. */
  mapLike(x: Value, name: string, sizes: readonly (number | null)[], channels?: number): Value {
    const [channel, rows, columns] = mapAxes(this.config);
    const shape = [...x.shape];
    if (channels !== undefined) shape[channel] = channels;
    shape[rows] = sizes[0]!;
    shape[columns] = sizes[1]!;
    return { name, shape, axes: x.axes };
  }

  /** The weight of this name; undefined if the layer has none. */
  weight(name: string): Variable | undefined {
    return this.layer.weights.find(({ originalName }) => originalName.split('/').at(-1) === name);
  }

  /** A weight that the layer has, as float32, its numbers as tfjs has them, in another shape if one is given. */
  vector(name: string, shape?: readonly number[]): string {
    const variable = this.weight(name)!;
    const own = shapeOf(variable);
    // One layer may be called on values of other ranks.
    const suffix = shape && shape.length !== own.length ? `_${shape.length}` : '';
    const content = numbersOf(variable);
    return this.graph.constant(`${this.name}/${name}${suffix}`, 'float', shape ?? own, content);
  }

  kernel(name: string, axes: Axes, shape: readonly number[]): string {
    const variable = this.weight(name)!;
    return addKernel(this.graph, this.dtype, { name: `${this.name}/${name}`, variable, axes, shape });
  }

  /** The layer's bias, after others inputs of an operator; nothing if it has none. */
  get bias(): string[] {
    return this.weight('bias') ? [this.vector('bias')] : [];
  }

  /** Adds the layer's activation. */
  activated(x: Value, activation = (this.config.activation ?? 'linear') as string, axis?: number): Value {
    if (!ONNX_ACTIVATIONS.includes(activation)) {
      this.refuse(`has the activation '${activation}'; use one of ${ONNX_ACTIVATIONS.join(', ')}`);
    }
    return activated(this.graph, this.name, x, activation, axis);
  }

  refuse(what: string): never {
    fail('toOnnx', `the layer '${this.layer.name}' ${what}.`);
  }
}
