import type { ConvArch } from 'vgg-blocks';
import { type Choice, memberOf } from './choice.js';

/** The TypeScript that builds the chosen network, and with `training` trains it too. */
export function typescript(choice: Choice, { training = false } = {}): string {
  const { call, imports } = network(choice);
  if (!training) return `import { ${imports.join(', ')} } from 'vgg-blocks';\n\nconst model = ${call};\n`;
  const { data, size, epochs, batchSize, optimizer, rate, cosine, seed, images, backend, kernels } = choice;
  const set =
    data === 'garments'
      ? {
          name: 'garments',
          call: `garments({ trainImages: ${images}, testImages: ${Math.round(images / 4)} })`,
        }
      : { name: 'fashionMnist', call: `await fashionMnist({ source: 'folder/of/idx/files' })` };
  const install =
    kernels && { wasm: 'installWasmKernels', webgpu: 'installWebgpuKernels', webgl: '' }[backend];
  const options = [
    `epochs: ${epochs}`,
    `batchSize: ${batchSize}`,
    `optimizer: '${optimizer}'`,
    `learningRate: ${rate}`,
    ...(cosine ? [`schedule: 'cosine'`] : []),
    ...(seed ? [`seed: ${seed}`] : []),
  ];
  return [
    `import '@tensorflow/tfjs-backend-${backend}';`,
    `import { setBackend } from '@tensorflow/tfjs-core';`,
    `import { ${imports.join(', ')} } from 'vgg-blocks';`,
    `import { ${set.name} } from 'vgg-blocks/data';`,
    `import { train } from 'vgg-blocks/train';`,
    ...(install ? [`import { ${install} } from 'vgg-blocks/${backend}';`] : []),
    '',
    ...(install ? [`${install}();`] : []),
    `await setBackend('${backend}');`,
    `const model = ${call};`,
    `const { trainSet, testSet } = ${set.call};`,
    `const sets = { trainSet: trainSet.resize(${size}), testSet: testSet.resize(${size}) };`,
    `const history = await train(model, sets, {\n  ${options.join(',\n  ')},\n});`,
    '',
  ].join('\n');
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
