import { printable, WeightFileError } from '../formats/error.js';
import { asRecord, type KerasLayer, type TensorRef } from './graph.js';

/** The inputs of each call of a layer. */
export function callsOf(file: string, layer: KerasLayer, nodes: unknown): TensorRef[][] {
  if (!Array.isArray(nodes)) return [];
  return nodes.map((node) => {
    if (Array.isArray(node)) {
      // Keras 1 and 2, and tfjs: [[layer, call, tensor, arguments], ...].
      const inputs = typeof node[0] === 'string' ? [node] : node;
      for (const input of inputs)
        if (Array.isArray(input)) checkArguments(file, layer, input[3], layer.version);
      return refsOf(file, inputs);
    }
    const { args, kwargs } = asRecord(node);
    const { inputs, ...others } = asRecord(kwargs);
    checkArguments(file, layer, others, 3);
    return [...historiesOf(file, layer, args), ...historiesOf(file, layer, inputs ?? [])];
  });
}

/** Throws for arguments of a call that change what the layer computes. */
function checkArguments(file: string, layer: KerasLayer, given: unknown, version: number): void {
  for (const [name, value] of Object.entries(asRecord(given))) {
    if (value === null) continue;
    // Keras 3's predict overrides training; Keras 2 obeys the call.
    if (name === 'training' && (version === 3 || value === false || value === 0)) continue;
    const shown = printable(JSON.stringify(value));
    throw new WeightFileError(
      file,
      `its layer '${printable(layer.name)}' (${printable(layer.writtenClass)}) is called with ${printable(name)}=${shown}, which TensorFlow.js does not compute; save a model without it.`,
    );
  }
}

/** The tensors of Keras 3's arguments. */
function historiesOf(file: string, layer: KerasLayer, args: unknown): TensorRef[] {
  if (Array.isArray(args)) return args.flatMap((one) => historiesOf(file, layer, one));
  const { class_name, config } = asRecord(args);
  const history = asRecord(config).keras_history;
  if (class_name === '__keras_tensor__' && Array.isArray(history)) return refsOf(file, [history]);
  throw new WeightFileError(
    file,
    `its layer '${printable(layer.name)}' (${printable(layer.writtenClass)}) takes ${printable(JSON.stringify(args) ?? 'nothing')} beside tensors, which TensorFlow.js does not compute; save a model without it.`,
  );
}

/** References as `[layer, call, tensor]`, one or a list of them. */
export function refsOf(file: string, refs: unknown): TensorRef[] {
  if (typeof refs === 'object' && refs !== null && !Array.isArray(refs))
    return refsOf(file, Object.values(refs));
  if (!Array.isArray(refs)) return [];
  if (typeof refs[0] === 'string') return refsOf(file, [refs]);
  return refs.map((ref) => {
    const [layer, call, tensor] = Array.isArray(ref) ? ref : [];
    if (typeof layer !== 'string' || !Number.isSafeInteger(call) || tensor !== 0) {
      throw new WeightFileError(
        file,
        `its configuration refers to ${printable(JSON.stringify(ref) ?? 'nothing')}, which is not the output of a layer.`,
      );
    }
    return { layer, call };
  });
}
