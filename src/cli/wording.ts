import { CONTROLS, plain, printedPath } from '../base/printable.js';
import { firstLineOf, isError, messageOf } from '../base/realm.js';
import { FLAGS } from './optionFlags.js';

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
  return FLAGS.reduce((worded, [said, flags]) => worded.replace(said, flags as string), named);
}

/** Errors of the engine, which nothing in the library throws on purpose. */
const FAULTS = ['TypeError', 'ReferenceError', 'SyntaxError'];

/** The last line of a command that failed: what failed, after the name of the command. */
export function errorOf(thrown: unknown, command: string | undefined): string {
  const isFault = isError(thrown) && FAULTS.includes(thrown.name);
  const text = isFault
    ? `there is a fault in vgg-blocks (${firstLineOf(thrown)}); please report it, with the command.`
    : (missingOf(thrown) ?? messageOf(thrown));
  // What is refused before a command begins is in its words already.
  if (command === undefined) return text;
  if (/^WebAssembly\.instantiate.*out of memory/i.test(text)) {
    return `${command}: the memory of the wasm backend could not be allocated; raise the limit (ulimit -v), or use --threads 1.`;
  }
  const worded = NO_MEMORY.test(text)
    ? `it does not fit in memory (${text}); use smaller images, a smaller --batch or a narrower network.`
    : inFlags(text, command);
  return worded.startsWith(`${command}: `) ? worded : `${command}: ${worded}`;
}

/** What to do where a package, or a file of one, could not be imported; undefined for other errors. */
function missingOf(thrown: unknown): string | undefined {
  const { code } = Object(thrown) as { code?: unknown };
  if (code === 'EMFILE') return 'too many files are open; raise the limit (ulimit -n).';
  if (code !== 'ERR_MODULE_NOT_FOUND') return undefined;
  const [, kind, name] = /^Cannot find (package|module) '([^']+)'/.exec(messageOf(thrown)) ?? [];
  return kind === 'package'
    ? `the package ${name} is not installed; run npm install ${name}.`
    : `${name ?? 'a file of a package'} is missing; install the package that it belongs to again.`;
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
