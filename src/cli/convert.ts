import { join, resolve } from 'node:path';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { Command, Option } from 'commander';
import { fileSystem, writeFileAtomic } from 'vgg-blocks/node';
import {
  ENCODED_DTYPES,
  type EncodedDtype,
  encodeWeights,
  KEY_NAMES,
  type KeyNames,
  metadataOf,
  type OnnxDtype,
  type OnnxOptions,
  QUANTIZED_DTYPES,
  type QuantizedDtype,
  saveModel,
  setMetadata,
  toOnnx,
  type WeightContainer,
} from 'vgg-blocks/weights';
import { useBackend } from './backend.js';
import { type CalibrationSet, calibrationImages } from './calibrationSet.js';
import { decoding } from './decoder.js';
import { checkModelPlace, checkNotItself, modelFile } from './modelFile.js';
import { belonging, WEIGHT_FILES_HELP } from './options.js';
import { type PreprocessingName, preprocessingFor, preprocessingOption } from './preprocessings.js';
import { BATCH, saveQuantized } from './quantized.js';
import { type BuildingArguments, oneLine, openWeights, withBuilding } from './reading.js';
import { complain, say } from './wording.js';

/** The formats that `convert` writes, each with the extension that selects it without `--to`. */
const OUTPUTS = {
  safetensors: /\.safetensors$/i,
  pth: /\.(pth|pt)$/i,
  h5: /\.(h5|hdf5)$/i,
  'weights.h5': /\.weights\.h5$/i,
  'model.h5': undefined,
  keras: /\.keras$/i,
  onnx: /\.onnx$/i,
  tfjs: undefined,
} as const satisfies Record<WeightContainer | 'onnx' | 'tfjs', RegExp | undefined>;

type Output = keyof typeof OUTPUTS;

const EXTENSIONS = '.safetensors, .pth, .h5, .weights.h5, .keras or .onnx';

/** Images that biases are corrected by. */
const CALIBRATION = 256;

/** The types of numbers that are written to ONNX, by `--dtype`. */
const ONNX_DTYPES: Record<string, OnnxDtype> = { f32: 'float32', f16: 'float16', int8: 'int8' };

interface ConvertArguments extends BuildingArguments {
  to?: Output;
  names?: KeyNames;
  dtype: Lowercase<EncodedDtype> | 'int8';
  layout?: Lowercase<NonNullable<OnnxOptions['layout']>>;
  quantize?: QuantizedDtype;
  images?: string;
  preprocessing?: PreprocessingName;
}

/** The names of the process's own output. */
const STANDARD_OUTPUT = /^\/(dev\/(stdout|fd\/1)|proc\/(self|\d+)\/fd\/1)$/;

/** `vgg-blocks convert`: converts between weight formats. */
export function convertCommand(): Command {
  const command = new Command('convert')
    .description(
      "convert a weight file to .safetensors, PyTorch's .pth, Keras' .h5, .weights.h5 or .keras, ONNX, or a tfjs model (a folder)",
    )
    .argument(
      '<in>',
      `${WEIGHT_FILES_HELP}, as a path or URL; hf:OWNER/NAME[@REVISION]; or a published name such as torchvision/vgg16`,
    )
    .argument('<out>', `a file ending in ${EXTENSIONS}, or a folder`);
  const building = withBuilding(
    decoding(command, ({ images }: ConvertArguments) => (images === undefined ? [] : [images])),
  );
  return belonging(building, { images: 'quantize' })
    .addOption(
      new Option(
        '--to <format>',
        "output format (default: by the extension of <out>); h5 is the layout of Keras' published weights, model.h5 a whole model",
      ).choices(Object.keys(OUTPUTS)),
    )
    .addOption(
      new Option('--names <convention>', 'tensor names (default: as in the input)').choices(KEY_NAMES),
    )
    .addOption(
      new Option('--dtype <type>', 'number format; int8 for ONNX alone, a scale for each output channel')
        .choices([...ENCODED_DTYPES.map((type) => type.toLowerCase()), 'int8'])
        .default('f32'),
    )
    .addOption(
      new Option('--layout <axes>', 'order of the axes of images, for ONNX (default: nchw)').choices([
        'nchw',
        'nhwc',
      ]),
    )
    .addOption(
      new Option(
        '--quantize <type>',
        "round a tfjs model's kernels to this type, for uint8 after folding batch normalization and equalizing channels (default: float32)",
      ).choices(QUANTIZED_DTYPES),
    )
    .option(
      '--images <folder>',
      'images like those that the network will see, by which --quantize corrects biases; a few hundred are used',
    )
    .addOption(
      preprocessingOption(
        'how images are preprocessed, for the output to say so (default: as the input says)',
      ),
    )
    .action(convert);
}

async function convert(input: string, output: string, args: ConvertArguments): Promise<void> {
  const to = args.to ?? outputOf(output);
  checkFits(to, args);
  await useBackend({ backend: 'wasm' }).catch(() => useBackend({ backend: 'cpu' }));
  const { file } = modelFile(input);
  const json = output.endsWith('.json') ? output : join(output, 'model.json');
  checkNotItself('convert', file, to === 'tfjs' ? json : output);
  if (to === 'tfjs') checkModelPlace('convert', json);
  const { model, network, report, metadata } = await openWeights(file, args);
  let rounding: string | undefined;
  try {
    if (args.preprocessing) {
      const preprocessing = preprocessingFor(input, model.inputs[0]!.shape, args.preprocessing, {});
      setMetadata(model, { ...metadata, preprocessing });
    }
    if (args.quantize) {
      const images = args.images === undefined ? undefined : await imagesFor(model, input, args.images);
      rounding = await saveQuantized(model, output, args.quantize, images);
    } else if (to === 'tfjs') await saveModel(model, fileSystem(output));
    else await writeFileAtomic(output, await encoded(to, model, report.names, args));
  } finally {
    model.dispose();
  }
  if (report.leftOver.length > 0) {
    complain(`warning: left out ${report.leftOver.map(oneLine).join(', ')}`);
  }
  if (report.leftAside.length > 0) {
    const paths = report.leftAside.map((path) => oneLine(path) || "''");
    complain(`note: left aside ${paths.join(', ')}; --key takes another of the state dicts`);
  }
  for (const { weight, count } of report.nonFinite) {
    complain(`warning: ${weight} has ${count} values that are NaN or infinite`);
  }
  // Into the file itself goes the file alone.
  const tell = STANDARD_OUTPUT.test(resolve(output)) ? complain : say;
  tell(
    `${network?.title ?? 'network'}: ${report.loaded.length} tensors from ${input} (${report.format}) to ${output}`,
  );
  if (rounding) tell(rounding);
}

/** Images of a folder, prepared as the model says. */
function imagesFor(model: LayersModel, source: string, folder: string): Promise<CalibrationSet> {
  const { shape } = model.inputs[0]!;
  const preprocessing = preprocessingFor(`convert: ${source}`, shape, undefined, metadataOf(model));
  return calibrationImages('convert', folder, { preprocessing }, { calibrate: CALIBRATION, batch: BATCH });
}

/** Throws unless the output can be as the other options say. */
function checkFits(to: Output, { names, dtype, layout, quantize }: ConvertArguments): void {
  if (to === 'tfjs' && (names || dtype !== 'f32')) {
    throw new Error(
      `convert: a tfjs model has Keras' names, and its types are those of --quantize, ${QUANTIZED_DTYPES.join(', ')}; omit --names and --dtype.`,
    );
  }
  if (to !== 'tfjs' && quantize) {
    throw new Error(
      `convert: --quantize is for a tfjs model, a folder, and ${to} is written; omit it, or write to a path without an extension.`,
    );
  }
  if (to === 'onnx' && (names || !Object.hasOwn(ONNX_DTYPES, dtype))) {
    throw new Error(
      `convert: ONNX has names of its own and the types ${Object.keys(ONNX_DTYPES).join(', ')}; omit --names, and choose one of these as --dtype.`,
    );
  }
  if (to !== 'onnx' && (layout || dtype === 'int8')) {
    throw new Error(
      `convert: --layout and --dtype int8 are for ONNX; omit them, or write to a path that ends in .onnx.`,
    );
  }
}

function encoded(
  to: Exclude<Output, 'tfjs'>,
  model: LayersModel,
  input: KeyNames,
  { names, dtype, layout }: ConvertArguments,
): Promise<Uint8Array> {
  if (to === 'onnx') {
    return toOnnx(model, {
      dtype: ONNX_DTYPES[dtype]!,
      layout: layout?.toUpperCase() as OnnxOptions['layout'],
    });
  }
  return encodeWeights(model, {
    names: names ?? namesFor(to, input),
    container: to,
    dtype: dtype.toUpperCase() as EncodedDtype,
  });
}

/** The format that a path's extension selects, the longest extension first; a path without one is a folder. */
function outputOf(path: string): Output {
  const found = (Object.keys(OUTPUTS) as Output[]).filter((format) => OUTPUTS[format]?.test(path));
  if (found.length > 0) return found.at(-1)!;
  if (/\.[a-z]\w*$/i.test(path)) {
    throw new Error(
      `convert: ${path} has an extension that cannot be written; use ${EXTENSIONS}, or a folder (--to tfjs, or a path without an extension).`,
    );
  }
  return 'tfjs';
}

/** The default tensor names of a format: those of the input, if the format allows them. */
function namesFor(format: WeightContainer, input: KeyNames): KeyNames {
  if (format === 'safetensors') return input;
  if (format !== 'pth') return 'keras';
  return input === 'timm' ? 'timm' : 'torchvision';
}
