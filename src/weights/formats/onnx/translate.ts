import { printable, WeightFileError } from '../error.js';
import { LAYOUT_KEY, type Layout } from '../layouts.js';
import type { StoredTensor } from '../tensor.js';
import { Constants } from './constants.js';
import { withGelus } from './gelus.js';
import { layoutOf } from './imageLayout.js';
import { Call, Layers, type Value } from './layers.js';
import type { OnnxModel, OnnxNode, OnnxValue } from './model.js';
import { OPERATORS } from './operators.js';
import { shapeOfNode } from './shapeNodes.js';
import type { OnnxTensors } from './tensors.js';
import { withBiases } from './weights.js';

/** A model of Keras that computes what a graph of ONNX does. */
export interface Translated {
  /** As Keras 3 writes it. */
  configuration: unknown;
  /** The weights of its layers, each with its role. */
  tensors: StoredTensor[];
}

/**
 * Translates a graph of ONNX, with channels first or last, into layers of Keras with channels last, which take images with channels
 * last. Transpositions are carried along as an order of axes and only computed where nothing else will do.
 *
 * @param layout the order of the images' axes, for a graph that does not say it.
 * @throws WeightFileError when the graph has an operator or an argument that is not computed here, which the message names, or the
 *   order of axes is not known or another than `layout`.
 */
export function translate(model: OnnxModel, tensors: OnnxTensors, layout?: Layout): Promise<Translated> {
  return new Translation(model, tensors, layout).run();
}

class Translation {
  readonly #layers = new Layers();
  readonly #values = new Map<string, Value>();
  readonly #constants: Constants;
  /** Whole numbers computed of shapes, null where they are not known. */
  readonly #shapes = new Map<string, readonly (number | null)[]>();
  readonly #file: string;
  /** Why the order of the images' axes is not known, for a graph that is translated as if it were NCHW. */
  #undecided: string | undefined;

  constructor(
    private readonly model: OnnxModel,
    tensors: OnnxTensors,
    private readonly layout: Layout | undefined,
  ) {
    this.#file = tensors.file.name;
    this.#constants = new Constants(model, tensors);
  }

  async run(): Promise<Translated> {
    const { name, initializers, inputs, outputs } = this.model;
    for (const tensor of initializers) await this.#constants.add(tensor.name, tensor);
    // Before version 4 of the format, initializers were inputs too.
    const images = inputs.filter((input) => !this.#constants.has(input.name));
    const [image, ...others] = images;
    if (!image || others.length > 0) {
      this.#fail(`its graph has ${images.length} inputs; export a model that takes images alone.`);
    }
    const input = this.#input(image);
    for (const node of this.model.nodes) if (node.op === 'Constant') await this.#constants.from(node);
    const nodes = withGelus(withBiases(this.model), outputs, (constant) => this.#constants.scalar(constant));
    for (const node of nodes) await this.#node(node);
    // After the operators, since one that is not read is a better reason.
    if (this.#undecided) this.#fail(this.#undecided);
    const results: string[] = [];
    for (const output of outputs) {
      const layer = this.#output(output.name);
      // TensorFlow.js has no two outputs of one layer.
      results.push(results.includes(layer) ? this.#copy(layer, output.name) : layer);
    }
    const ref = (layer: string) => [layer, 0, 0];
    return {
      configuration: {
        class_name: 'Functional',
        config: {
          name: name || 'model',
          layers: this.#layers.json,
          input_layers: [ref(input)],
          output_layers: results.map(ref),
        },
      },
      tensors: this.#layers.weights,
    };
  }

  /** Adds the input layer. */
  #input({ name, type, dims }: OnnxValue): string {
    if (type !== undefined && type !== 1 && type !== 10 && type !== 16) {
      this.#fail(
        `its input '${printable(name)}' has numbers of another type than float32 or float16; export it with those.`,
      );
    }
    const rank = dims?.length ?? 0;
    if (!dims || (rank !== 4 && rank !== 2)) {
      return this.#fail(
        `its input '${printable(name)}' has ${dims ? `${rank} axes` : 'no shape'}; images have 4, the batch, channels, height and width.`,
      );
    }
    const axes = rank === 2 ? [0, 1] : this.#layoutOf(name, dims) === 'NHWC' ? [0, 1, 2, 3] : [0, 3, 1, 2];
    const shape = axes.map((_, i) => dims[axes.indexOf(i)]!).slice(1);
    if (shape.at(-1) === null) this.#fail(`its input '${printable(name)}' has no fixed number of channels.`);
    const layer = this.#layers.add('InputLayer', { batch_shape: [null, ...shape] }, [], name || 'image');
    this.#values.set(name, { layer, shape, axes });
    return layer;
  }

  #layoutOf(name: string, dims: readonly (number | null)[]): Layout {
    const { said, likely } = layoutOf(this.model, name, dims);
    if (said && this.layout && said !== this.layout) {
      this.#fail(
        `its input '${printable(name)}' is ${said}, and the option layout is ${this.layout}; leave it out.`,
      );
    }
    const found = said ?? this.layout ?? likely;
    if (found) return found;
    const shape = dims.map((length) => length ?? 'any').join();
    this.#undecided = `its input '${printable(name)}' is [${shape}], and nothing says whether channels come first or last; pass layout: 'NCHW' or 'NHWC'.`;
    return 'NCHW';
  }

  async #node(node: OnnxNode): Promise<void> {
    const [output] = node.outputs;
    if (output === undefined) return;
    if (await this.#constants.from(node)) return;
    const shape = shapeOfNode(node, this.model.opset, {
      value: (name) => this.#values.get(name),
      numbers: (name) => this.#shapes.get(name) ?? this.#constants.numbers(name),
    });
    if (shape) {
      this.#shapes.set(output, shape);
      return;
    }
    const call = new Call(
      this.#file,
      node,
      this.model.opset,
      this.#layers,
      node.inputs.map((name) => this.#values.get(name)),
      node.inputs.map((name) => this.#constants.get(name)),
      node.inputs.map((name) => this.#shapes.get(name) ?? this.#constants.numbers(name)),
    );
    const missing = node.inputs.find((name) => name && !this.#knows(name));
    if (missing !== undefined) call.fail(`takes '${printable(missing)}', which nothing before it gives`);
    const known = node.domain === '' && Object.hasOwn(OPERATORS, node.op);
    if (!known) {
      const kind = node.domain ? `${node.domain}.${node.op}` : node.op;
      this.#fail(
        `its operator '${printable(node.name || output)}' is ${printable(kind)}, which is not read; the operators are ${Object.keys(OPERATORS).join(', ')}.`,
      );
    }
    this.#values.set(output, OPERATORS[node.op]!(call));
    call.end();
  }

  #knows(name: string): boolean {
    return this.#values.has(name) || this.#constants.has(name) || this.#shapes.has(name);
  }

  /** The layer of an output, with its axes as a model of Keras has them. */
  #output(name: string): string {
    const value = this.#values.get(name);
    if (!value) return this.#fail(`its output '${printable(name)}' is computed by nothing.`);
    const node: OnnxNode = {
      op: 'output',
      domain: '',
      name,
      inputs: [name],
      outputs: [],
      attributes: new Map(),
    };
    const call = new Call(this.#file, node, this.model.opset, this.#layers, [value], [], []);
    if (value.position) return value.layer;
    const whole = call.plainIfFlat();
    const plain = whole.axes.map((_, i) => i);
    // A map with channels first in ONNX has them last here, as the images do; toOnnx writes maps as a model has them.
    const isOwn = this.model.metadata.get(LAYOUT_KEY) === 'NHWC';
    const isMap = whole.axes.join() === plain.join() && this.#takesChannelsLast();
    const isFirst = plain.length === 4 && !isOwn && !isMap;
    return call.arranged(whole, isFirst ? [0, 3, 1, 2] : plain).layer;
  }

  #copy(layer: string, name: string): string {
    const value = { layer, shape: [], axes: [] };
    return this.#layers.add('Activation', { activation: 'linear' }, [value], name);
  }

  /** Whether the graph takes images with channels last, and so gives maps. */
  #takesChannelsLast(): boolean {
    const [first] = this.#values.values();
    return first?.axes.join() === '0,1,2,3';
  }

  #fail(reason: string): never {
    throw new WeightFileError(this.#file, reason);
  }
}
