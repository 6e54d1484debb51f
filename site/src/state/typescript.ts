import type { ConvArch } from 'vgg-blocks';
import { type Choice, type FileNames, memberOf } from './choice.js';

/** The TypeScript that builds the chosen network. */
export function networkCode(choice: Choice): string {
  const { call, imports } = network(choice);
  return `import { ${imports.join(', ')} } from 'vgg-blocks';\n\nconst model = ${call};\n`;
}

/** The TypeScript that builds and trains it; `names` are those of the dropped files' classes. */
export function trainingCode(choice: Choice, names: FileNames): string {
  const { call, imports } = network(choice);
  const { size, channels, epochs, batchSize, optimizer, rate, cosine, seed, backend, kernels } = choice;
  const set = dataSet(choice, names);
  const install = { wasm: 'installWasmKernels', webgpu: kernels && 'installWebgpuKernels', webgl: '' }[
    backend
  ];
  const options = [
    `epochs: ${epochs}`,
    `batchSize: ${batchSize}`,
    `optimizer: '${optimizer}'`,
    `learningRate: ${rate}`,
    ...(cosine ? [`schedule: 'cosine'`] : []),
    ...(seed ? [`seed: ${seed}`] : []),
  ];
  const sized = (name: string) => `${channels === 3 ? `inColor(${name})` : name}.resize(${size})`;
  return [
    `import '@tensorflow/tfjs-backend-${backend}';`,
    `import { setBackend } from '@tensorflow/tfjs-core';`,
    `import { ${imports.join(', ')} } from 'vgg-blocks';`,
    `import { ${[...(channels === 3 ? ['ImageSet'] : []), ...set.imports].join(', ')} } from 'vgg-blocks/data';`,
    `import { train } from 'vgg-blocks/train';`,
    ...(install ? [`import { ${install} } from 'vgg-blocks/${backend}';`] : []),
    '',
    ...(install ? [`${install}();`] : []),
    `await setBackend('${backend}');`,
    `const model = ${call};`,
    `const { trainSet, testSet } = ${set.call};`,
    ...(channels === 3 ? ['', ...IN_COLOR] : []),
    `const sets = { trainSet: ${sized('trainSet')}, testSet: ${sized('testSet')} };`,
    `const history = await train(model, sets, {\n  ${options.join(',\n  ')},\n});`,
    '',
  ].join('\n');
}

/** Gives gray images the three channels that a network for color expects. */
const IN_COLOR = [
  '/** The images with three equal channels. */',
  'function inColor({ images, labels, classNames, storedShape: [height, width] }: ImageSet) {',
  '  const rgb = new Uint8Array(3 * images.length);',
  '  images.forEach((value, i) => rgb.fill(value, 3 * i, 3 * i + 3));',
  '  return new ImageSet({ images: rgb, labels, classNames, shape: [height, width, 3] });',
  '}',
];

/** How the images are loaded. */
function dataSet({ data, images }: Choice, names: FileNames): { imports: string[]; call: string } {
  if (data === 'garments') {
    const counts = `trainImages: ${images}, testImages: ${Math.round(images / 4)}`;
    return { imports: ['garments'], call: `garments({ ${counts} })` };
  }
  if (data === 'fashion-mnist') {
    const imports = ['FASHION_MNIST', 'fashionMnist'];
    return { imports, call: 'await fashionMnist({ source: FASHION_MNIST })' };
  }
  const load = names === 'garments' ? 'fashionMnist' : 'idxImages';
  return { imports: [load], call: `await ${load}({ source: 'folder/of/idx/files' })` };
}

function network(choice: Choice): { call: string; imports: string[] } {
  const { arch, ratio } = choice;
  const member = memberOf(arch);
  const options = optionLines(choice);
  const object = (lines: string[]) => `{\n  ${lines.join(',\n  ')},\n}`;
  if (ratio > 1) {
    const other = member !== 'vgg11';
    const constant = member?.toUpperCase();
    const lines = other ? [`arch: ${constant ?? literal(arch)}`, ...options] : options;
    return {
      call: `smallArch(${ratio}, ${object(lines)})`,
      imports: other && constant ? ['smallArch', constant] : ['smallArch'],
    };
  }
  if (!member) return { call: `vgg(${literal(arch)}, ${object(options)})`, imports: ['vgg'] };
  if (member === 'vgg16c')
    return { call: `vgg16(${object(["config: 'C'", ...options])})`, imports: ['vgg16'] };
  return { call: `${member}(${object(options)})`, imports: [member] };
}

function optionLines({ size, channels, classes, hidden, batchNorm, seed }: Choice): string[] {
  return [
    `inputShape: [${size}, ${size}, ${channels}]`,
    `classes: ${classes}`,
    `hiddenUnits: ${hidden}`,
    ...(batchNorm ? ['batchNorm: true'] : []),
    `initializer: 'heUniform'`,
    ...(seed ? [`seed: ${seed}`] : []),
  ];
}

function literal(arch: ConvArch): string {
  return `[${arch.map((block) => `[${block.join(', ')}]`).join(', ')}]`;
}
