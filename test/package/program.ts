/** What the program below imports from each entry of the package. */
export const IMPORTS: Record<string, string[]> = {
  '@tensorflow/tfjs-core': ['getBackend', 'setBackend', 'memory'],
  'vgg-blocks': ['IMAGENET', 'VGG11', 'diagram', 'paramCount', 'plan', 'smallArch', 'summary'],
  'vgg-blocks/data': ['garments'],
  'vgg-blocks/images': ['encodePng'],
  'vgg-blocks/train': ['curves', 'evaluate', 'train'],
  'vgg-blocks/wasm': ['installWasmKernels'],
  'vgg-blocks/weights': ['encodeWeights', 'fromWeights'],
};

/** The same where there is Node. */
export const NODE_IMPORTS: Record<string, string[]> = {
  ...IMPORTS,
  '@tensorflow/tfjs-layers': ['loadLayersModel'],
  'vgg-blocks/node': ['fileSystem', 'progressBar'],
};

const BACKENDS = ['@tensorflow/tfjs-backend-cpu', '@tensorflow/tfjs-backend-wasm'];

/** Import lines. */
export const imports = (of: Record<string, string[]>) =>
  [
    ...BACKENDS.map((name) => `import '${name}';`),
    ...Object.entries(of).map(([from, names]) => `import { ${names.join(', ')} } from '${from}';`),
  ].join('\n');

/** The same for CommonJS. */
export const requires = (of: Record<string, string[]>) =>
  [
    ...BACKENDS.map((name) => `require('${name}');`),
    ...Object.entries(of).map(([from, names]) => `const { ${names.join(', ')} } = require('${from}');`),
  ].join('\n');

/** Uses the entries and returns what it found. It is JavaScript and TypeScript at once. */
export const PROGRAM = `
async function program(backend = 'cpu') {
  await setBackend(backend);
  const imagenet = plan(VGG11, IMAGENET);
  const { trainSet, testSet } = garments({ trainImages: 48, testImages: 20, seed: 1 });
  const model = smallArch(32, { inputShape: [32, 32, 1], hiddenUnits: 8, initializer: 'heUniform' });
  const sets = { trainSet: trainSet.resize(32), testSet: testSet.resize(32) };
  const uninstall = installWasmKernels();
  const history = await train(model, sets, { epochs: 2, batchSize: 16, optimizer: 'adam' });
  const { loss } = await evaluate(model, sets.testSet);
  const loaded = await fromWeights(await encodeWeights(model, { container: 'pth' }));
  const again = await evaluate(loaded.model, sets.testSet);
  uninstall();
  await finish(model);
  loaded.model.dispose();
  model.dispose();
  const png = await encodePng({ width: 1, height: 1, data: new Uint8Array(3) });
  return {
    backend: getBackend(),
    params: paramCount(imagenet).total,
    svg: [diagram(imagenet), curves(history)].every((text) => text.startsWith('<svg')),
    rows: summary(imagenet).includes('block5_pool'),
    examples: history.epochs[0]?.examples,
    loss: loss.toFixed(4),
    pth: Math.abs(again.loss - loss) < 1e-5,
    png: png[1] === 0x50,
    tensors: memory().numTensors,
  };
}
`;

/** Prints what the program found as JSON. */
export const PRINT = `
program().then((found) => console.log(JSON.stringify(found)));
`;

/** A test for Jest: on wasm the program finds what it does on cpu. */
export const jestTest = ({ loss, ...expected }: Record<string, unknown>) => `
test('the program runs', async () => {
  expect(await program('wasm')).toMatchObject(${JSON.stringify({ ...expected, backend: 'wasm' })});
}, 60_000);
`;

/** Prints whether the package's two builds, its modules and its CommonJS, work as one. */
export const TWO_BUILDS = `
import { createRequire } from 'node:module';
import '@tensorflow/tfjs-backend-wasm';
import { getKernel } from '@tensorflow/tfjs-core';
import * as esm from 'vgg-blocks/weights';
import * as esmWasm from 'vgg-blocks/wasm';
const require = createRequire(import.meta.url);
const cjs = require('vgg-blocks/weights');
const cjsWasm = require('vgg-blocks/wasm');
const junk = new Uint8Array([1, 2, 3]);
const failure = ({ fromWeights }) => fromWeights(junk).catch((error) => error);
const errors = [await failure(esm), await failure(cjs)];
const kernel = () => getKernel('Conv2D', 'wasm')?.kernelFunc;
const [own, installs] = [kernel(), []];
for (const [first, second] of [[esmWasm, cjsWasm], [cjsWasm, esmWasm]]) {
  const uninstallFirst = first.installWasmKernels();
  const installed = kernel();
  const uninstallSecond = second.installWasmKernels();
  installs.push(installed !== own, kernel() === installed);
  uninstallSecond();
  installs.push(kernel() === own);
  uninstallFirst();
  installs.push(kernel() === own);
}
console.log(JSON.stringify({
  names: [esm, cjs].map(({ WeightFileError }) => WeightFileError.name),
  twoClasses: esm.WeightFileError !== cjs.WeightFileError,
  instances: errors.map((error) => [esm, cjs].map(({ WeightFileError }) => error instanceof WeightFileError)),
  installs,
}));
`;

/** Convolves images of ones on two threads until both compute; prints a corner, an edge and the middle. */
export const THREADS = `
async function program() {
  const { Atomics } = globalThis;
  let notified = 0;
  const { notify } = Atomics;
  Atomics.notify = (...args) => {
    notified++;
    return notify(...args);
  };
  installWasmKernels({ threads: 2 });
  await setBackend('wasm');
  const [x, filter] = [ones([4, 64, 64, 18]), ones([3, 3, 18, 16])];
  const compute = () => tidy(() => conv2d(x, filter, 1, 'same').dataSync());
  let y = compute();
  while (notified === 0) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    y = compute();
  }
  console.log(JSON.stringify([0, 16, 65 * 16].map((at) => y[3 * 64 * 64 * 16 + at])));
}
program();
`;

/** A page's script that starts a worker and prints its message. */
export const STARTER = `
const worker = new Worker(new URL('./trainer.js', import.meta.url), { type: 'module' });
worker.onmessage = ({ data }) => console.log(JSON.stringify(data));
worker.onerror = (event) => console.error('worker: ' + event.message);
`;

/** The worker: trains on wasm and posts the outcome. */
export const TRAINER = `
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { getBackend, memory, setBackend } from '@tensorflow/tfjs-core';
import { smallArch } from 'vgg-blocks';
import { garments } from 'vgg-blocks/data';
import { train } from 'vgg-blocks/train';
import { installWasmKernels } from 'vgg-blocks/wasm';
setWasmPaths('/wasm/');
installWasmKernels();
await setBackend('wasm');
const model = smallArch(16, { inputShape: [32, 32, 1], hiddenUnits: 16, initializer: 'heUniform', batchNorm: true });
const { trainSet } = garments({ trainImages: 96, testImages: 0, seed: 1 });
const { epochs, ended } = await train(model, { trainSet: trainSet.resize(32) }, { epochs: 2, batchSize: 16, optimizer: 'adam' });
model.dispose();
postMessage({ backend: getBackend(), ended, losses: epochs.map(({ loss }) => Number(loss.toPrecision(4))), tensors: memory().numTensors });
`;

/** Where there is Node, the model is saved and loaded. */
export const FINISH_IN_NODE = `
async function finish(model) {
  progressBar().stop();
  await model.save(fileSystem('saved'));
  const again = await loadLayersModel(fileSystem('saved'));
  if (again.countParams() !== model.countParams()) throw new Error('the model changed on disk');
  again.dispose();
}
`;

/** Elsewhere it is not. */
export const FINISH = `
async function finish(model) {}
`;
