/** What each entry of the package is imported for by the program below. */
export const IMPORTS: Record<string, string[]> = {
  '@tensorflow/tfjs-core': ['setBackend', 'memory'],
  'vgg-blocks': ['IMAGENET', 'VGG11', 'diagram', 'paramCount', 'plan', 'smallArch', 'summary'],
  'vgg-blocks/data': ['garments'],
  'vgg-blocks/train': ['curves', 'evaluate', 'train'],
  'vgg-blocks/wasm': ['installWasmKernels'],
};

/** What needs Node comes on top. */
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

/** Uses every entry, and prints what it found as JSON. It is JavaScript and TypeScript at once. */
export const PROGRAM = `
async function program() {
  await setBackend('cpu');
  const imagenet = plan(VGG11, IMAGENET);
  const { train: images, test } = garments({ trainImages: 48, testImages: 20, seed: 1 });
  const model = smallArch(32, { inputShape: [32, 32, 1], hiddenUnits: 8, initializer: 'heUniform' });
  const data = { train: images.resize(32), test: test.resize(32) };
  const history = await train(model, data, { epochs: 2, batchSize: 16, optimizer: 'adam' });
  const { loss } = await evaluate(model, data.test);
  const uninstall = installWasmKernels();
  uninstall();
  await finish(model);
  model.dispose();
  console.log(JSON.stringify({
    params: paramCount(imagenet).total,
    svg: [diagram(imagenet), curves(history)].every((text) => text.startsWith('<svg')),
    rows: summary(imagenet).includes('block5_pool'),
    examples: history.epochs[0]?.examples,
    loss: loss.toFixed(4),
    tensors: memory().numTensors,
  }));
}
program();
`;

/** Convolves images of ones on two threads until both compute; prints a corner, an edge and the middle. */
export const THREADS = `
async function program() {
  const { Atomics } = globalThis;
  let told = 0;
  const { notify } = Atomics;
  Atomics.notify = (...args) => {
    told++;
    return notify(...args);
  };
  installWasmKernels({ threads: 2 });
  await setBackend('wasm');
  const [x, filter] = [ones([4, 64, 64, 18]), ones([3, 3, 18, 16])];
  const compute = () => tidy(() => conv2d(x, filter, 1, 'same').dataSync());
  let y = compute();
  while (told === 0) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    y = compute();
  }
  console.log(JSON.stringify([0, 16, 65 * 16].map((at) => y[3 * 64 * 64 * 16 + at])));
}
program();
`;

/** A page's script that starts a worker and prints what it says. */
export const STARTER = `
const worker = new Worker(new URL('./trainer.js', import.meta.url), { type: 'module' });
worker.onmessage = ({ data }) => console.log(JSON.stringify(data));
worker.onerror = (event) => console.error('worker: ' + event.message);
`;

/** The worker: it trains on wasm and posts how that went. */
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
const { train: images } = garments({ trainImages: 96, testImages: 0, seed: 1 });
const { epochs, ended } = await train(model, { train: images.resize(32) }, { epochs: 2, batchSize: 16, optimizer: 'adam' });
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
