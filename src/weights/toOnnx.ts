import type { LayersModel, layers } from '@tensorflow/tfjs-layers';
import { checkArguments, MODEL, optionsOf } from '../base/arguments.js';
import { fail, oneOf } from '../base/check.js';
import { uniqueNames } from '../base/uniqueNames.js';
import { VERSION } from '../base/version.js';
import { type Call, compute, graphOf } from '../tfjs/graph.js';
import { inUse } from '../tfjs/inUse.js';
import { bytesOf, concatenated } from './formats/content.js';
import { LAYOUT_KEY, LAYOUTS, type Layout } from './formats/layouts.js';
import { metadataEntry } from './metadata.js';
import { checkInput } from './writers/graph.js';
import { OnnxGraph, type Value, valueInfo } from './writers/onnx/graph.js';
import { ONNX_DTYPES, type OnnxDtype } from './writers/onnx/kernels.js';
import { LayerCall } from './writers/onnx/layerCall.js';
import { written } from './writers/onnx/layers.js';
import { message, number, text } from './writers/onnx/message.js';

/** Options of {@link toOnnx}. */
export interface OnnxOptions {
  /**
   * The order of the axes of images, and of outputs that are maps: `'NCHW'` (the default) as PyTorch has them, without a
   * transposition anywhere in the graph, or `'NHWC'` as tfjs has them, transposed once at each end.
   */
  layout?: Layout;
  /**
   * How the kernels of convolutions and dense layers are stored, which are nearly all of the bytes: `'float32'` (the default) as
   * they are, `'float16'` rounded, `'int8'` rounded to 255 steps of a scale for each output channel. The graph makes float32 of
   * them, so that every runtime computes it, and computes in float32.
   */
  dtype?: OnnxDtype;
}

/** The version of ONNX's operators: the first with LayerNormalization. */
const OPSET = 17;
/** The version of the file's format that it came with. */
const IR_VERSION = 8;
/** Protocol Buffers have no longer messages. */
const MAX_BYTES = 2 ** 31 - 1;

/**
 * A model as an ONNX file, for onnxruntime (Python, Node, browsers), and whatever else reads ONNX: the graph and the weights in one
 * file, from `image`, float32 `[batch, channels, height, width]`, to outputs named by their layers, such as `predictions`. It
 * computes what `model.predict` does: images are prepared before, as for the model. Batch size, and height and width where the
 * model does not fix them, are free. The model's preprocessing and class names (`metadataOf`) are in the metadata, as JSON under
 * `vgg_blocks`, and the layout under `vgg_blocks_layout`.
 *
 * The file is written in place: it needs memory for its bytes and for the largest weight.
 *
 * @throws RangeError when the model has several inputs, a layer, activation or argument that cannot be written, which the message
 *   names, weights that the dtype cannot hold, or more than 2 GB of them.
 * @example await writeFileAtomic('vgg16.onnx', await toOnnx(model, { dtype: 'int8' }));
 */
export async function toOnnx(model: LayersModel, options: OnnxOptions = {}): Promise<Uint8Array> {
  checkArguments('toOnnx', { model }, { model: MODEL });
  const { layout = 'NCHW', dtype = 'float32' } = optionsOf('toOnnx', options, { layout: 1, dtype: 1 });
  oneOf('toOnnx', 'layout', layout, LAYOUTS);
  oneOf('toOnnx', 'dtype', dtype, ONNX_DTYPES);

  const content = concatenated([
    ...number(1, IR_VERSION),
    ...text(2, 'vgg-blocks'),
    ...text(3, VERSION),
    ...message(7, graphFields(model, layout, dtype)),
    ...message(8, [...text(1, ''), ...number(2, OPSET)]),
    ...Object.entries({ ...metadataEntry(model), [LAYOUT_KEY]: layout }).flatMap(([key, value]) =>
      message(14, [...text(1, key), ...text(2, value)]),
    ),
  ]);
  if (content.size > MAX_BYTES) {
    fail(
      'toOnnx',
      `the file would have ${(content.size / 1e9).toFixed(1)} GB, and ONNX files have at most 2.1; use a narrower network, or dtype 'float16' or 'int8'.`,
    );
  }
  return inUse('toOnnx', { model }, () => bytesOf(content));
}

function graphFields(model: LayersModel, layout: Layout, dtype: OnnxDtype) {
  const { input, outputs } = graphOf('toOnnx', model);
  checkInput('toOnnx', model);
  const graph = new OnnxGraph();
  const order = (rank: number) => {
    const axes = Array.from({ length: rank }, (_, i) => i);
    return layout === 'NCHW' && rank === 4 ? [0, 3, 1, 2] : axes;
  };
  const { shape } = model.inputs[0]!;
  const image: Value = { name: graph.named('image'), shape, axes: order(shape.length) };
  const names = new Map<layers.Layer, string>();
  const layerNamed = uniqueNames();
  const apply = (call: Call, inputs: Value[]): Value[] => {
    const { layer, options } = call;
    if (Object.keys(options).length > 0) {
      fail('toOnnx', `the layer '${layer.name}' is called with options, which cannot be written to ONNX.`);
    }
    if (!names.has(layer)) names.set(layer, layerNamed(layer.name));
    return [written(new LayerCall(graph, layer, names.get(layer)!, inputs, dtype))];
  };
  const values = compute<Value>(outputs, new Map([[input, [image]]]), apply);
  const results = values.map((value, i) => {
    const plain = value.map ? graph.plain(value) : graph.arranged(value, order(value.shape.length));
    return { ...plain, name: graph.output(plain, outputs[i]!.call.layer.name) };
  });
  return graph.encoded(
    model.name,
    message(11, valueInfo(image.name, image)),
    results.flatMap((result) => message(12, valueInfo(result.name, result))),
  );
}
