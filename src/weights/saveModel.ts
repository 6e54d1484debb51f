import { io, type Tensor } from '@tensorflow/tfjs-core';
import { type LayersModel, type LayerVariable, version_layers } from '@tensorflow/tfjs-layers';
import {
  checkArguments,
  either,
  FUNCTION,
  kind,
  MODEL,
  optionsOf,
  recordOf,
  TEXT,
  withFields,
} from '../base/arguments.js';
import { fail, oneOf } from '../base/check.js';
import { printedPath } from '../base/printable.js';
import { clauseOf } from '../base/realm.js';
import { VERSION } from '../base/version.js';
import { topologyOf } from '../tfjs/configurations.js';
import { inUse } from '../tfjs/inUse.js';
import { QUANTIZED_DTYPES, type QuantizedDtype, quantize, unquantizable } from './formats/quantization.js';
import { isRounded } from './rounded.js';

/** Options of {@link saveModel}. */
export interface SaveOptions {
  /**
   * The type to which the kernels of convolutions and dense layers are rounded, which are nearly all of the bytes; default: none,
   * they are stored as they are. `'float16'` takes half the bytes, `'uint16'` too, `'uint8'` a quarter. The unsigned types have a
   * scale for each kernel, so that its largest number decides how exact the others are: see `equalize` in `vgg-blocks/compress`.
   */
  quantize?: QuantizedDtype;
}

const SAVER = recordOf('a handler with a save method, such as fileSystem(path)', {
  save: FUNCTION,
  // A model has a method of this name too.
  layers: kind('', (value) => value === undefined),
});
// A model has a save method, too.
const TARGET = either(
  TEXT,
  kind(SAVER.allowed, (value) => SAVER.holds(value) && !MODEL.holds(value)),
);

/**
 * Saves a model where tfjs's `model.save` would, in the same format, which plain tfjs loads (`loadLayersModel`) and `fromWeights` too;
 * both restore the same numbers from quantized weights. Vectors (biases, batch normalization) stay float32.
 *
 * Needs memory for the bytes to be saved and for the largest weight, where `model.save` needs the weights twice.
 *
 * @param target a URL such as `indexeddb://vgg16` or `downloads://vgg16`, or a handler such as `fileSystem(path)`.
 * @returns what the handler's `save` returns.
 * @throws RangeError when nothing handles the URL, the handler does not return a result, or a kernel has a number that the type cannot hold: NaN, infinite, or beyond 65504
 *   for float16; it is named.
 * @example await saveModel(model, fileSystem('public/vgg16'), { quantize: 'uint8' });
 */
export async function saveModel(
  model: LayersModel,
  target: string | io.IOHandler,
  options: SaveOptions = {},
): Promise<io.SaveResult> {
  checkArguments('saveModel', { model, target }, { model: MODEL, target: TARGET });
  const { quantize: dtype } = optionsOf('saveModel', options, { quantize: 1 });
  if (dtype !== undefined) oneOf('saveModel', 'quantize', dtype, QUANTIZED_DTYPES);

  const handler = typeof target === 'string' ? handlerOf(target) : target;
  const weightSpecs: io.WeightsManifestEntry[] = [];
  const weightData: ArrayBuffer[] = [];
  await inUse('saveModel', { model }, async () => {
    for (const variable of model.weights) {
      const { spec, data } = await entryOf(variable, dtype);
      weightSpecs.push(spec);
      weightData.push(data);
    }
  });
  const userDefinedMetadata = model.getUserDefinedMetadata();
  const artifacts: io.ModelArtifacts = {
    modelTopology: topologyOf(model),
    format: 'layers-model',
    generatedBy: `TensorFlow.js tfjs-layers v${version_layers}`,
    convertedBy: `vgg-blocks ${VERSION}`,
    ...(userDefinedMetadata && { userDefinedMetadata: userDefinedMetadata as Record<string, object> }),
    weightSpecs,
    weightData,
  };
  const saved = await (async () => handler.save!(artifacts))().catch((error: unknown) => {
    if (typeof target !== 'string') throw error;
    return fail(
      'saveModel',
      `'${printedPath(target)}' could not be written: ${clauseOf(error)}; save elsewhere.`,
    );
  });
  const what = "what the handler's save() returned";
  checkArguments('saveModel', { [what]: saved }, { [what]: RESULT });
  return saved;
}

// One that returns nothing may have written nothing.
const RESULT = withFields('an object as { modelArtifactsInfo }', 'modelArtifactsInfo');

function handlerOf(url: string): io.IOHandler {
  const [handler, ...others] = io.getSaveHandlers(url);
  if (!handler?.save || others.length > 0) {
    fail(
      'saveModel',
      `nothing here saves to '${printedPath(url)}'; pass indexeddb:// or downloads:// and a name in a browser, or fileSystem(path) of vgg-blocks/node in Node.`,
    );
  }
  return handler;
}

/** A weight in the manifest, and its bytes. */
async function entryOf(
  variable: LayerVariable,
  quantizeTo: QuantizedDtype | undefined,
): Promise<{ spec: io.WeightsManifestEntry; data: ArrayBuffer }> {
  const { originalName: name, dtype } = variable;
  const shape = variable.shape as number[];
  const spec = { name, shape, dtype: dtype as io.WeightsManifestEntry['dtype'] };
  const numbers = await (variable.read() as Tensor).data();
  if (!quantizeTo || !isRounded(variable)) {
    // A backend may return its own array.
    return { spec, data: numbers.slice().buffer as ArrayBuffer };
  }
  const beyond = unquantizable(numbers as Float32Array, quantizeTo);
  if (beyond !== undefined) {
    fail(
      'saveModel',
      `${name} has the number ${beyond}, which ${quantizeTo} does not hold; leave out quantize.`,
    );
  }
  const { stored, affine } = quantize(numbers as Float32Array, quantizeTo);
  // What tfjs's converter writes.
  const quantization = { dtype: quantizeTo, original_dtype: dtype, ...affine };
  return { spec: { ...spec, quantization }, data: stored.buffer as ArrayBuffer };
}
