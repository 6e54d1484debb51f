import { Command, Option } from 'commander';
import { fileSystem, writeFileAtomic } from 'vgg-blocks/node';
import {
  fromWeights,
  inspectWeights,
  type KeyNames,
  saveWeights,
  type WeightFileInfo,
} from 'vgg-blocks/weights';
import { useBackend } from './backend.js';

/** `vgg-blocks inspect`: what a weight file is. */
export function inspectCommand(): Command {
  return new Command('inspect')
    .description(
      'tell what a weight file is: its format, network, types, tensors, and the call that loads it',
    )
    .argument('<file>', '.safetensors, .pth, .h5, .keras or tfjs model.json; a path or a URL')
    .option('--json', 'print it as JSON')
    .action(async (file: string, { json }: { json?: true }) => {
      const info = await inspectWeights(file);
      console.log(json ? JSON.stringify(info, null, 2) : describe(info));
    });
}

function describe(info: WeightFileInfo): string {
  const { file, bytes, format, parameters, dtypes, tensors } = info;
  const size = format === 'tfjs model.json' ? '' : `, ${(bytes / 2 ** 20).toFixed(1)} MiB`;
  const rows = tensors.map(({ name, dtype, shape, weight = '' }) => [
    name,
    dtype,
    shape.join('x') || 'scalar',
    weight,
  ]);
  return [
    `${file}: ${format}${size}`,
    ...networkLines(info),
    `${parameters.toLocaleString('en-US')} parameters, stored as ${dtypes.join(', ') || 'nothing'}`,
    '',
    table([['tensor', 'type', 'shape', 'weight of the network'], ...rows]),
    '',
    ...(info.network ? [`load it with\n  ${loader(info)}`] : []),
  ].join('\n');
}

function networkLines({ network, problem }: WeightFileInfo): string[] {
  if (!network) return [`no VGG that is known: ${problem}`];
  const { title, names, arch, inputChannels, batchNorm, top } = network;
  const blocks = arch.map(
    ([convs, channels, pointwise]) => `${convs}${pointwise ? `+${pointwise}` : ''}x${channels}`,
  );
  const side = top?.side.map((places) => places * 2 ** arch.length).join('x');
  return [
    `${title} under the names of ${names}: blocks ${blocks.join(' ')}, ${inputChannels} input channels${batchNorm ? `, batch normalization with epsilon ${batchNorm.epsilon}` : ''}`,
    top
      ? `${top.classes} classes, two hidden layers of ${top.hiddenUnits}, made for images of ${side}`
      : 'without top: features alone',
  ];
}

/** The call that loads a file. */
function loader({ file }: WeightFileInfo): string {
  return `const { model } = await fromWeights(${JSON.stringify(file)});`;
}

function table(rows: string[][]): string {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

const DTYPES = { f32: 'F32', f16: 'F16', bf16: 'BF16' } as const;

interface ConvertArguments {
  names?: KeyNames;
  dtype: keyof typeof DTYPES;
}

/** `vgg-blocks convert`: from any format to safetensors under anybody's names, to Keras' .h5, or to a tfjs model. */
export function convertCommand(): Command {
  return new Command('convert')
    .description('convert a weight file: to .safetensors, to .h5 for Keras, or to a tfjs model (a folder)')
    .argument('<in>', '.safetensors, .pth, .h5, .keras or tfjs model.json; a path or a URL')
    .argument('<out>', 'a file that ends in .safetensors or .h5, or a folder')
    .addOption(
      new Option('--names <whose>', 'key names of the tensors (default: those of the input)').choices([
        'torchvision',
        'timm',
        'keras',
      ]),
    )
    .addOption(
      new Option('--dtype <type>', 'how numbers are stored').choices(Object.keys(DTYPES)).default('f32'),
    )
    .action(convert);
}

async function convert(input: string, output: string, { names, dtype }: ConvertArguments): Promise<void> {
  const safetensors = output.endsWith('.safetensors');
  const h5 = output.endsWith('.h5');
  if (!safetensors && (names || dtype !== 'f32')) {
    throw new Error(
      "convert: --names and --dtype are for .safetensors; .h5 and tfjs models have Keras' names and float32.",
    );
  }
  if (/\.(weights\.h5|pth|pt|keras|onnx)$/i.test(output)) {
    throw new Error(
      `convert: ${output} cannot be written; write .safetensors for PyTorch, .h5 for Keras, or a folder for a tfjs model.`,
    );
  }
  await useBackend('wasm').catch(() => useBackend('cpu'));
  const { model, network, report } = await fromWeights(input);
  if (safetensors || h5) {
    const options = h5 ? ({ container: 'h5' } as const) : { dtype: DTYPES[dtype] };
    await writeFileAtomic(output, await saveWeights(model, h5 ? 'keras' : (names ?? network.names), options));
  } else {
    await model.save(fileSystem(output));
  }
  model.dispose();
  for (const { weight, count } of report.nonFinite) {
    console.error(`warning: ${weight} has ${count} numbers that are NaN or infinite`);
  }
  console.log(
    `${network.title}: ${report.loaded.length} tensors from ${input} (${report.format}) to ${output}`,
  );
}
