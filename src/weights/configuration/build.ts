import {
  input,
  type LayersModel,
  layers,
  model as modelOf,
  type SymbolicTensor,
} from '@tensorflow/tfjs-layers';
import { size } from '../../base/shapes.js';
import { uniqueNames } from '../../base/uniqueNames.js';
import { UNFILLED } from '../../core/initializer.js';
import { GLOBAL_POOLING } from '../../core/options.js';
import { reason } from '../../io/errors.js';
import { ownOnce } from '../../tfjs/models.js';
import { weightless } from '../../tfjs/weightless.js';
import { printable, WeightFileError } from '../formats/error.js';
import { MAX_ELEMENTS } from '../formats/limits.js';
import { Fields } from './fields.js';
import type { KerasLayer, KerasModel } from './graph.js';
import { isLeftOut, stageOf } from './layers.js';
import { keyOf, MAX_CALLS } from './reachable.js';
import type { Derived, Initializer, Site, Stage } from './stage.js';

type LayerVariable = layers.Layer['weights'][number];

/** A weight that Keras has for a layer, in Keras' order. */
export interface KerasWeight {
  /** `kernel`, `moving_mean`, ... */
  name: string;
  trainable: boolean;
  /** Undefined if the weight has no effect on predictions. */
  shape?: readonly number[];
  /** The model's weight, unless it is computed of this one and others. */
  variable?: LayerVariable;
}

/** A layer of the file in the model. */
export interface BuiltLayer {
  weights: KerasWeight[];
  /** Set if the tfjs layer's weights are computed of the file's. */
  derived?: { compute: Derived['compute']; variables: LayerVariable[] };
}

/** A model built from a configuration, with its weights not loaded yet. */
export interface BuiltModel {
  model: LayersModel;
  /** The layers that were built; those after a cut were not. */
  layers: ReadonlyMap<KerasLayer, BuiltLayer>;
  /** Names of layers that are the identity in prediction. */
  leftOut: string[];
}

/** Options of {@link buildModel}. */
export interface BuildOptions {
  /** Elements of all tensors in the file. A model with more weights is refused before they are allocated. */
  maxElements: number;
  /** In place of the input layer's. */
  inputShape?: readonly (number | null)[];
  /** A layer before which the model ends. */
  cut?: KerasLayer;
  /** Global pooling of the output, a feature map. */
  pooling?: 'avg' | 'max';
  /** The model's name; default: that in the file. */
  name?: string;
  /** Whether its weights are to have names and shapes alone, for a model that only shows whether it can be built. */
  weightless?: boolean;
}

/**
 * Builds a model from its configuration; models within it are unrolled into one flat model.
 *
 * @throws WeightFileError when tfjs-layers cannot compute it, or it does not fit the file.
 */
export function buildModel(file: string, parsed: KerasModel, options: BuildOptions): BuiltModel {
  const builder = new Builder(file, options);
  const build = () => builtBy(builder, parsed, options);
  return options.weightless ? weightless(build, (...weight) => builder.check(...weight)) : build();
}

function builtBy(builder: Builder, parsed: KerasModel, options: BuildOptions): BuiltModel {
  try {
    const { inputs, outputs } = builder.build(parsed);
    const model = modelOf({ inputs, outputs, name: options.name ?? parsed.name });
    builder.handOver(model);
    return { model, layers: builder.built(), leftOut: builder.leftOut };
  } catch (error) {
    builder.dispose();
    throw error;
  }
}

/** A layer of the file, and the tfjs layers that were made for it. */
interface Made {
  stage: Stage;
  site: Site;
  trainable: boolean;
  /** By the suffixes of their names. */
  parts: Map<string, layers.Layer>;
  derived?: Derived;
}

class Builder {
  readonly leftOut: string[] = [];
  private readonly made = new Map<KerasLayer, Made>();
  private readonly names = new Set<string>();
  private readonly free = uniqueNames(this.names);
  private readonly checks = new Map<Initializer | undefined, (shape: readonly number[]) => void>();
  private elements = 0;
  private calls = 0;
  /** The input of the layer that is cut off. */
  private end: SymbolicTensor | undefined;

  constructor(
    private readonly file: string,
    private readonly options: BuildOptions,
  ) {}

  build(parsed: KerasModel): { inputs: SymbolicTensor[]; outputs: SymbolicTensor[] } {
    const { inputShape, pooling } = this.options;
    if (inputShape && parsed.inputs.length !== 1) {
      throw new WeightFileError(
        this.file,
        `its model has ${parsed.inputs.length} inputs, so inputShape cannot replace one.`,
      );
    }
    const inputs = parsed.inputs.map(({ layer }) => {
      const found = parsed.layers.find(({ name }) => name === layer)!;
      return input({ shape: [...(inputShape ?? this.inputShapeOf(found))], name: this.unique(found.name) });
    });
    const all = this.run(parsed, inputs, '', true);
    const outputs = this.end ? [this.end] : all;
    if (!pooling) return { inputs, outputs };
    const [features] = outputs;
    if (outputs.length !== 1 || features!.shape.length !== 4) {
      throw new WeightFileError(
        this.file,
        `its model has no single feature map for pooling '${pooling}' to take.`,
      );
    }
    const pool = pooling === 'avg' ? layers.globalAveragePooling2d : layers.globalMaxPooling2d;
    const pooled = pool({ name: this.unique(GLOBAL_POOLING[pooling]) }).apply(features!);
    return { inputs, outputs: [pooled as SymbolicTensor] };
  }

  built(): Map<KerasLayer, BuiltLayer> {
    return new Map([...this.made].map(([layer, made]) => [layer, builtLayer(made)]));
  }

  /** Throws for a weight of the file for which it has too few numbers. */
  check(initializer: Initializer | undefined, shape: readonly number[]): void {
    this.checks.get(initializer)?.(shape);
  }

  dispose(): void {
    for (const { parts } of this.made.values()) for (const layer of parts.values()) disposeWeights(layer);
  }

  /** Leaves the layers to the model, and frees those that it lacks, which lie beside the way to a cut. */
  handOver(model: LayersModel): void {
    const used = new Set(model.layers);
    for (const layer of used) ownOnce(layer);
    for (const [key, { parts }] of this.made) {
      const unused = [...parts.values()].filter((layer) => !used.has(layer));
      for (const layer of unused) disposeWeights(layer);
      if (parts.size > 0 && unused.length === parts.size) this.made.delete(key);
    }
  }

  /** Computes a model's outputs; each call of a layer as soon as its inputs are there. */
  private run(
    model: KerasModel,
    inputs: SymbolicTensor[],
    parent: string,
    trainable: boolean,
  ): SymbolicTensor[] {
    const results = new Map<string, SymbolicTensor>();
    for (const [i, ref] of model.inputs.entries()) results.set(keyOf(ref), inputs[i]!);
    let waiting = model.layers.flatMap((layer) =>
      layer.calls.map((refs, call) => ({ layer, refs, result: keyOf({ layer: layer.name, call }) })),
    );
    while (waiting.length > 0 && !this.end) {
      waiting = waiting.filter(({ layer, refs, result }) => {
        if (this.end) return false;
        const xs = refs.map((ref) => results.get(keyOf(ref)));
        if (xs.includes(undefined)) return true;
        const y = this.call(layer, xs as SymbolicTensor[], parent, trainable);
        if (y) results.set(result, y);
        return false;
      });
    }
    return this.end ? [] : model.outputs.map((ref) => results.get(keyOf(ref))!);
  }

  private call(
    layer: KerasLayer,
    xs: SymbolicTensor[],
    parent: string,
    trainable: boolean,
  ): SymbolicTensor | undefined {
    if (++this.calls > MAX_CALLS) {
      throw new WeightFileError(this.file, `its configuration calls layers more than ${MAX_CALLS} times.`);
    }
    if (layer === this.options.cut) {
      [this.end] = xs;
      return undefined;
    }
    const isTrainable = trainable && layer.config.trainable !== false;
    if (layer.model) {
      const outputs = this.run(layer.model, xs, layer.name, isTrainable);
      if (outputs.length > 1) {
        throw new WeightFileError(
          this.file,
          `its model '${printable(layer.name)}' has several outputs, which is not supported within a model.`,
        );
      }
      return outputs[0];
    }
    const made = this.made.get(layer) ?? this.prepare(layer, parent, isTrainable);
    try {
      return made.stage(xs, made.site);
    } catch (error) {
      if (error instanceof WeightFileError) throw error;
      return new Fields(this.file, layer).fail(`cannot be built: ${reason(error)}.`);
    }
  }

  private prepare(layer: KerasLayer, parent: string, trainable: boolean): Made {
    const fields = new Fields(this.file, layer);
    if (isLeftOut(layer.className)) this.leftOut.push(layer.name);
    const name = this.names.has(layer.name) && parent !== '' ? `${parent}_${layer.name}` : layer.name;
    const parts: Made['parts'] = new Map();
    const apply: Site['apply'] = (suffix, create, x) => {
      const created = parts.get(suffix) ?? create({ name: this.unique(`${name}${suffix}`), trainable });
      parts.set(suffix, created);
      const y = created.apply(x) as SymbolicTensor;
      this.checkSize(fields, y);
      return y;
    };
    const derive: Site['derive'] = (derived) => {
      made.derived ??= derived;
    };
    const site = { apply, unfilled: () => this.unfilled(fields), derive };
    const made: Made = { stage: stageOf(fields), site, trainable, parts };
    this.made.set(layer, made);
    return made;
  }

  /** An initializer that allocates a weight without filling it, unless the file has too few numbers for it. */
  private unfilled(fields: Fields): Initializer {
    const initializer = UNFILLED.next();
    const allocate = initializer.apply.bind(initializer);
    const check = (shape: readonly number[]) => {
      this.elements += size(shape);
      if (!(this.elements <= this.options.maxElements)) {
        fields.fail(
          `needs weights of the shape [${shape}], for which the file has too few numbers; it is damaged, or inputShape does not fit.`,
        );
      }
    };
    this.checks.set(initializer, check);
    initializer.apply = (shape, dtype) => {
      check(shape as number[]);
      return allocate(shape, dtype);
    };
    return initializer;
  }

  private inputShapeOf(layer: KerasLayer): (number | null)[] {
    const fields = new Fields(this.file, layer);
    fields.only('sparse', false);
    fields.only('ragged', false);
    const shape = fields.take('batch_shape', 'batch_input_shape') ?? fields.take('input_shape');
    const isLength = (length: unknown) =>
      length === null || (Number.isSafeInteger(length) && (length as number) >= 1);
    if (!Array.isArray(shape) || shape.length < 2 || shape.length > 5 || !shape.slice(1).every(isLength)) {
      throw new WeightFileError(
        this.file,
        `its configuration does not state the shape of the input (${printable(JSON.stringify(shape) ?? 'nothing')}); pass inputShape.`,
      );
    }
    return shape.slice(1);
  }

  private checkSize(fields: Fields, { shape }: SymbolicTensor): void {
    const elements = size(shape.map((length) => length ?? 1));
    if (!(elements <= MAX_ELEMENTS))
      fields.fail(`has an output of the shape [${shape.slice(1)}], more than ${MAX_ELEMENTS} numbers.`);
  }

  /** A name that is still free, in characters that tfjs accepts: Keras accepts any text. */
  private unique(wanted: string): string {
    return this.free(wanted.replace(/[^\w./-]/g, '_').replace(/^[^a-z\d]/i, 'layer$&'));
  }
}

function builtLayer({ parts, derived, trainable }: Made): BuiltLayer {
  const variables = parts.get('')?.weights ?? [];
  if (derived) {
    // Without any weights the layer's are constants, as those of Rescaling with a list are.
    return {
      weights: derived.weights.map((weight) => ({ ...weight, trainable: false })),
      ...(derived.weights.length > 0 && { derived: { compute: derived.compute, variables } }),
    };
  }
  return {
    weights: variables.map((variable) => {
      const name = variable.originalName.split('/').at(-1)!;
      return {
        name,
        trainable: trainable && !name.startsWith('moving_'),
        shape: variable.shape as number[],
        variable,
      };
    }),
  };
}

function disposeWeights(layer: layers.Layer): void {
  for (const weight of layer.weights) weight.dispose();
}
