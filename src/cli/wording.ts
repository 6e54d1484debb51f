import { CONTROLS, plain, printedPath } from '../base/printable.js';

/** What to pass to the command line for an option that a text of the library names. */
const FLAGS: [option: RegExp, flag: string][] = [
  [/\bstrict: false\b/g, '--allow-unused'],
  [/\bincludeTop: false\b/g, '--features-only'],
  [/\bbatchNorm: true\b/g, '--batch-norm'],
  [/\binitializer: '(\w+)'/g, '--initializer $1'],
  [/\bclasses: (\d+)/g, '--classes $1'],
  [/^((?:train: )?)(shift|flip|erase|mixup|patience) (is|follows)\b/, '$1--$2 $3'],
  [/^classes is (\d+);/, '--classes is $1;'],
  [
    /^layer is (.*), but ([\w-]+) has no such option; leave it out.*$/,
    '--layer is $1, but $2 has no such option; leave it out.',
  ],
  [/\bpadding: '(\w+)'/g, '--padding $1'],
  [/\bpass layout: 'NCHW' or 'NHWC'/g, 'pass --input-layout nchw or nhwc'],
  [/\bthe option layout is (NCHW|NHWC)\b/g, '--input-layout is $1'],
  [/\bthe option layout\b/g, '--input-layout'],
  [
    /^names is '(\w+)' and dtype '(\w+)', but the container '/,
    "--names is $1 and --dtype $2, but the container '",
  ],
  [/\b(?:the )?container '([\w.]+)'( or )'([\w.]+)'/g, '--to $1$2$3'],
  [/\b(?:the )?container '([\w.]+)'/g, '--to $1'],
  [/\bchoose another container\b/, 'choose another --to'],
  [/\bpooling: '(\w+)' or '(\w+)'/g, '--global-pooling $1 or $2'],
  [/\bpooling: '(\w+)'/g, '--global-pooling $1'],
  [/\bpooling '(\w+)' or '(\w+)'/g, '--pooling $1 or $2'],
  [/\bpooling '(\w+)'/g, '--pooling $1'],
  [/\bthe option distill\.(teacher|temperature)\b/g, '--$1'],
  [/\bthe option distill\.weight\b/g, '--distill-weight'],
  [/\bthe option (key|rename|arch|padding)\b/g, '--$1'],
  [/\bpass (arch|padding|rename)\b/g, 'pass --$1'],
  [/\brename (has|gives) '/g, "--rename $1 '"],
  [/\barch \[\[/g, '--arch [['],
  [/\ballow: \['data', 'engine'\]/g, '--allow both'],
  [/\ballow: \['(data|engine)'\]/g, '--allow $1'],
  [
    /\bstart from a trained VGG-11 with growFrom, as the paper did\b/g,
    'begin with a trained network by --weights',
  ],
  [/\bresume: true\b/g, '--resume'],
  [/\bmicroBatchSize: (\d+)/g, '--micro-batch $1'],
  [/\bmicroBatchSize\b/g, '--micro-batch'],
  [/\bbatchSize\b/g, '--batch'],
  [/\bhiddenUnits\b/g, '--hidden'],
  [/\blearningRate\b/g, '--lr'],
  [/\bwarmupEpochs\b/g, '--warmup'],
  [/\bclipNorm: ([\d.]+)/g, '--clip-norm $1'],
  [/\bclipNorm\b/g, '--clip-norm'],
  [/\ba validationSet, or validationFraction: ([\d.]+)/g, '--validation-fraction $1'],
  [/\bvalidationFraction\b/g, '--validation-fraction'],
  [/ Start a new run\.$/, ' Start a new run with --overwrite.'],
  [/^ratio (\d+) does not divide\b/, '--ratio $1 does not divide'],
  [/ \(scaleArch\)/g, ' (--ratio)'],
  [/\binputShape\b/g, '--input-shape'],
  [/(--input-shape\b[^[]*)\[(\d+), ?(\d+), ?(\d+)\]/g, '$1$2x$3x$4'],
  [/\bpass \[height, width, (\d+)\]/g, 'pass HxWx$1'],
  [/\bpass \[height, width, channels\]/g, 'pass HxWxC'],
  [/\bmaxBytes is (\d+), but the smallest/g, '--max-bytes is $1, but the smallest'],
  [/\bdtype 'F32'/g, '--dtype f32'],
  [/\bquantize: '(\w+)'/g, '--quantize $1'],
  [/\branks has '(.+?)', but/g, "--rank has '$1', but"],
  [/\branks\.(\S+) is (\S+); it/g, '--rank $1=$2: it'],
  [/\bpass version: '([\d.]+)'/, 'pass --lpips-version $1'],
  [/\bpass a calibration for\b/, 'pass --calibration with one for'],
  [/^token is\b/, 'HF_TOKEN is'],
  [/\bpass the token alone\b/, 'set it to the token alone'],
  [/\bpass a token\b/g, 'set HF_TOKEN to a token'],
  [/\bcheck the endpoint\b/g, 'check HF_ENDPOINT'],
];

/** What engines and backends say when there is no memory, where nothing says what needs it. */
const NO_MEMORY =
  /^(invalid (array buffer|typed array) length|array buffer allocation failed|(webassembly\.memory.*)?out of memory|memory access out of bounds|no room for \d+ more bytes)\b.*$/i;

/** What messages of the library begin with: its functions and classes, but for `train`, which several commands call. */
const FUNCTIONS = `
  EmbeddingIndex FeatureSet ImageFileSet ImageSet agreement alexNet alexNetPlan augmentBatch cacheFeatures
  classify compress compressTable confusion confusionChart correctBiases cosine cost countBar curves
  decodePredictions diagnose diagnosisText diagram drawGarments drawImage embed encodeEvent encodePng encodeTensors
  encodeWeights equalize evaluate evaluateImages explain faithfulness fashionMnist featureExtractor
  featureMapGrid fileSystem fittedSize foldNorms folderStore freeze fromPretrained fromWeights
  fullyConvolutional garments gradCam gramMatrix growFrom heatMapImage historyCsv idxImages imageDistance
  imageFiles imageFolder imageGrid imageSimilarity imageToTensor indexedDbStore inspectWeights
  installWasmKernels installWebgpuKernels kernelGrid loadWeights lockFolder lpips memoryStore metadataOf mnist
  normalizeImages npyWriter openLog opfsStore overlay paramCount parseIdx perceptualLoss plan predictClasses
  predictionSheet prepareImage prepareImages preprocess preprocessingAt progressBar readImage
  readLpipsCalibration readTensors resizeBilinear saliency saveModel scaleArch setMetadata smallArch
  splitModel storedEpochs styleTransfer summary tally temporaryFile tensorBoardWriter tensorToImage throughput
  toOnnx toRgb totalVariation transferHead unfreeze vgg vgg11 vgg13 vgg16 vgg19 vggBlock visibleRegion
  visualize webgpuBackend writeFileAtomic writeImage
`;
const PREFIX = new RegExp(`^(${FUNCTIONS.trim().replace(/\s+/g, '|')}): `);

/**
 * A text of the library in the command line's words.
 *
 * @param command that shows it; others than `train` train too.
 */
export function inFlags(text: string, command = 'train'): string {
  const named = text
    .replace(PREFIX, (prefix, name) => (name === command ? prefix : ''))
    .replace(/^train: /, `${command}: `);
  return FLAGS.reduce((worded, [option, flag]) => worded.replace(option, flag), named);
}

/** The last line of a command that failed: what failed, after the name of the command. */
export function errorOf(text: string, command: string | undefined): string {
  // What is refused before a command begins is in its words already.
  if (command === undefined) return text;
  const worded = NO_MEMORY.test(text)
    ? `it does not fit in memory (${text}); use smaller images, a smaller --batch or a narrower network.`
    : inFlags(text, command);
  return worded.startsWith(`${command}: `) ? worded : `${command}: ${worded}`;
}

/** The length of arguments that are shown in full. */
const MAX_ARGUMENT = 200;

/**
 * Prints a line on standard error, and nothing but a line: whatever a text quotes, terminals obey nothing in it, and a very long
 * argument is cut.
 */
export function complain(text: string): void {
  const values = process.argv.slice(2).flatMap((arg) => [arg, arg.slice(arg.indexOf('=') + 1)]);
  const long = values.filter(({ length }) => length > MAX_ARGUMENT);
  console.error(plain(long.reduce((line, value) => line.replaceAll(value, printedPath(value)), text)));
}

/** Prints lines on standard output, each one line whatever names it has; an object as one line of JSON. */
export function say(...lines: (string | object)[]): void {
  const printed = lines.map((line) => (typeof line === 'string' ? plain(line) : jsonLine(line)));
  console.log(printed.join('\n'));
}

/** JSON in which what terminals obey is escaped. */
function jsonLine(value: object): string {
  return JSON.stringify(value).replace(CONTROLS, (found) =>
    Array.from(found.split(''), (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`).join(''),
  );
}
