import type { Tensor } from '@tensorflow/tfjs-core';
import type { LayersModel, layers, SymbolicTensor } from '@tensorflow/tfjs-layers';
import { fail } from '../base/check.js';
import { checkNumbers } from './disposed.js';
import { modelsWithin } from './models.js';
import { unwrapped } from './normConstants.js';

/** A call of a layer, or an input of the model. */
export interface Call {
  layer: layers.Layer;
  /** Empty for an input. */
  inputs: readonly Output[];
  /** What the layer was called with besides its inputs. */
  options: object;
}

/** A tensor of a graph. Nearly all calls have a single output, of index 0. */
export interface Output {
  call: Call;
  index: number;
}

/**
 * A model as calls of layers. Models within it are taken apart, so that a sequential model, one that has another as a layer, and
 * the plain network of the same layers give the same graph.
 */
export interface Graph {
  model: LayersModel;
  /** The call that stands for the image. */
  input: Call;
  /** The calls that compute the outputs, each after those that it reads. */
  calls: readonly Call[];
  outputs: readonly Output[];
}

/**
 * The graph of a model.
 *
 * @throws RangeError when the model has several inputs, weights that are gone, an output that is listed twice, or a layer that takes batches of one size
 *   alone.
 */
export function graphOf(where: string, model: LayersModel): Graph {
  if (model.inputs.length !== 1) {
    fail(where, `the model has ${model.inputs.length} inputs; build one that takes the images alone.`);
  }
  checkNumbers(where, model);
  checkOutputs(where, model);
  const input: Call = { layer: model.inputs[0]!.sourceLayer, inputs: [], options: {} };
  const outputs = outputsOf(model, [{ call: input, index: 0 }]);
  const calls = callsTo(outputs);
  checkBatches(where, calls);
  return { model, input, calls, outputs };
}

/** Throws for a model, or one within it, that lists an output twice: tfjs computes the second as null. */
function checkOutputs(where: string, model: LayersModel): void {
  const one = [model, ...modelsWithin(model)].find(({ outputs }) => new Set(outputs).size < outputs.length);
  if (!one) return;
  const { sourceLayer } = one.outputs.find((output, i) => one.outputs.indexOf(output) < i)!;
  fail(
    where,
    `the model ${one.name} lists the output of ${sourceLayer.name} twice, which TensorFlow.js cannot compute; list it once.`,
  );
}

/**
 * Throws for a layer that takes batches of one size alone: one that remembers the last batch or its dropout, or that was built for a
 * fixed size and insists on it, as few do.
 */
function checkBatches(where: string, calls: readonly Call[]): void {
  const called = calls.filter(({ inputs }) => inputs.length > 0).map(({ layer }) => layer);
  for (const { layer } of unwrapped(called)) {
    const { stateful, inputSpec } = layer as unknown as {
      stateful?: boolean;
      inputSpec?: readonly { shape?: readonly (number | null)[] }[];
    };
    if (layer.getClassName() === 'RNN' && unwrapped([layer]).some(({ layer: cell }) => dropsOut(cell))) {
      fail(
        where,
        `the layer ${layer.name} uses the dropout of the first batch for all others, which TensorFlow.js keeps in its cells; build it of lstm, gru or simpleRNN layers, or without dropout.`,
      );
    }
    const size = inputSpec?.find(({ shape }) => shape?.[0] != null)?.shape?.[0];
    if (!stateful && size === undefined) continue;
    const fault = stateful ? 'keeps a state from batch to batch' : `takes batches of ${size} alone`;
    const remedy = stateful ? 'without stateful: true' : 'with inputShape in place of batchInputShape';
    fail(where, `the layer ${layer.name} ${fault}; build the model ${remedy}.`);
  }
}

/** Whether a layer is a recurrent cell with dropout. */
function dropsOut(layer: layers.Layer): boolean {
  const { dropout, recurrentDropout } = layer as unknown as Record<string, number>;
  return 'dropoutFunc' in layer && (dropout! > 0 || recurrentDropout! > 0);
}

/** The outputs of a model that is called with inputs. */
function outputsOf({ inputs, outputs }: LayersModel, given: readonly Output[]): Output[] {
  const known = new Map(inputs.map((tensor, i) => [tensor, given[i]!]));
  const outputOf = (tensor: SymbolicTensor): Output => {
    const found = known.get(tensor);
    if (found) return found;
    const { sourceLayer: layer, nodeIndex } = tensor;
    const { inputTensors, outputTensors, callArgs } = layer.inboundNodes[nodeIndex] as unknown as {
      inputTensors: SymbolicTensor[];
      outputTensors: SymbolicTensor[];
      callArgs?: object;
    };
    const read = inputTensors.map(outputOf);
    // Those are inputs of a recurrent layer as well.
    const { initialState: _, constants: __, ...options } = (callArgs ?? {}) as Record<string, unknown>;
    const call = { layer, inputs: read, options };
    const made =
      'layers' in layer
        ? outputsOf(layer as unknown as LayersModel, read)
        : outputTensors.map((_, index) => ({ call, index }));
    for (const [i, output] of outputTensors.entries()) known.set(output, made[i]!);
    return known.get(tensor)!;
  };
  return outputs.map(outputOf);
}

/** The calls that compute outputs, each after those that it reads, except the known ones and what only those read. */
export function callsTo(
  outputs: readonly Output[],
  known: Pick<ReadonlyMap<Call, unknown>, 'has'> = new Map(),
): Call[] {
  const calls = new Set<Call>();
  const visit = (call: Call) => {
    if (calls.has(call) || known.has(call)) return;
    for (const input of call.inputs) visit(input.call);
    calls.add(call);
  };
  for (const { call } of outputs) visit(call);
  return [...calls];
}

/**
 * Computes outputs, tensors or symbolic ones, call by call.
 *
 * @param known the outputs of some calls, among them the input's.
 * @param apply returns a call's outputs.
 */
export function compute<T>(
  outputs: readonly Output[],
  known: ReadonlyMap<Call, readonly T[]>,
  apply: (call: Call, inputs: T[]) => readonly T[],
): T[] {
  const done = new Map(known);
  const tensorAt = ({ call, index }: Output) => done.get(call)![index]!;
  for (const call of callsTo(outputs, known)) done.set(call, apply(call, call.inputs.map(tensorAt)));
  return outputs.map(tensorAt);
}

/**
 * Calls a layer.
 *
 * @param layer the call's own by default.
 */
export function applied<T extends Tensor | SymbolicTensor>(
  call: Call,
  inputs: readonly T[],
  layer: layers.Layer = call.layer,
): T[] {
  const given = (inputs.length === 1 ? inputs[0] : inputs) as Tensor;
  const mask = masks.get(inputs[0]!);
  // A copy, in which recurrent layers note their states.
  const options = { ...call.options, ...(mask && { mask }) };
  const outputs = [layer.apply(given, options) as Tensor | Tensor[]].flat() as T[];
  noteMask(layer, inputs, outputs);
  return outputs;
}

/** Which steps of tensors count, as layers such as Masking tell those behind them: within a model, tfjs passes it on. */
const masks = new WeakMap<Tensor | SymbolicTensor, Tensor>();

/** Passes the masks of a layer's inputs on to its outputs, or those that the layer makes. Symbolic tensors have none. */
export function noteMask(
  layer: layers.Layer,
  inputs: readonly (Tensor | SymbolicTensor)[],
  outputs: readonly (Tensor | SymbolicTensor)[],
): void {
  if (!layer.supportsMasking || !(inputs[0] && 'dataId' in inputs[0])) return;
  const known = inputs.map((input) => masks.get(input) ?? null);
  const made = [layer.computeMask(inputs as Tensor[], known as Tensor[])].flat();
  for (const [i, output] of outputs.entries()) if (made[i]) masks.set(output, made[i]);
}

/** The calls that read a call's outputs. */
export function readersOf({ calls }: Graph, call: Call): Call[] {
  return calls.filter(({ inputs }) => inputs.some((input) => input.call === call));
}
