import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../', import.meta.url));
const pages = [
  'README.md',
  'docs/zh/start.md',
  'docs/zh/chapter.md',
  ...readdirSync(`${root}docs`)
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

/** The variables that samples use without saying where they come from. */
const GIVEN = `
declare const model: import('@tensorflow/tfjs-layers').LayersModel;
declare const published: import('vgg-blocks/weights').PublishedWeights;
declare const x: import('@tensorflow/tfjs-core').Tensor4D;
declare const images: import('@tensorflow/tfjs-core').Tensor4D;
declare const others: import('@tensorflow/tfjs-core').Tensor4D;
declare const target: import('@tensorflow/tfjs-core').Tensor4D;
declare const photo: import('vgg-blocks/images').RawImage;
declare const other: import('vgg-blocks/images').RawImage;
declare const pixels: import('vgg-blocks/images').RawImage;
declare const photos: import('vgg-blocks/images').RawImage[];
declare const image: import('vgg-blocks/images').RawImage;
declare const imageElement: HTMLImageElement;
declare const input: HTMLInputElement;
declare const paths: string[];
declare const classIndex: number;
declare const signal: AbortSignal;
`;

/** The imports of samples that leave theirs out, for names that the page has not imported before. */
const IMPORTS: Record<string, string> = {
  Tensor: "import type { Tensor } from '@tensorflow/tfjs-core';",
  tf: "import * as tf from '@tensorflow/tfjs-core';",
  vggBlock: "import { vggBlock } from 'vgg-blocks';",
  smallArch: "import { smallArch } from 'vgg-blocks';",
  fashionMnist: "import { fashionMnist } from 'vgg-blocks/data';",
  FASHION_MNIST: "import { FASHION_MNIST } from 'vgg-blocks/data';",
  train: "import { train } from 'vgg-blocks/train';",
  gradCam: "import { gradCam } from 'vgg-blocks/features';",
  saliency: "import { saliency } from 'vgg-blocks/features';",
  featureExtractor: "import { featureExtractor } from 'vgg-blocks/features';",
  featureMapGrid: "import { featureMapGrid } from 'vgg-blocks/features';",
  overlay: "import { overlay } from 'vgg-blocks/images';",
  writeImage: "import { writeImage } from 'vgg-blocks/node';",
};

/** A page's samples as one module: their imports, then each sample in the scope of those before it. */
function moduleOf(page: string): string {
  const markdown = readFileSync(root + page, 'utf8');
  const samples = [...markdown.matchAll(/^```ts\n(.*?)^```/gms)].map(([, code]) => code!);
  const imports = new Map<string, string>();
  const bodies = samples.map((code) =>
    code.replace(/^import\s(?:.*?\sfrom\s)?'[^']+';/gms, (statement) => {
      const [, names = ''] = /\{(.*)\}/s.exec(statement) ?? [];
      const from = statement.slice(statement.lastIndexOf("'", statement.length - 3));
      if (!names) imports.set(statement, statement);
      for (const name of names.split(',').map((part) => part.trim()))
        if (name) imports.set(name.replace(/^type /, ''), `import { ${name} } from ${from}`);
      return '';
    }),
  );
  for (const [name, statement] of Object.entries(IMPORTS))
    if (!imports.has(name) && new RegExp(`\\b${name}\\b`).test(bodies.join(''))) imports.set(name, statement);
  const nested = bodies.map((body) => `{\n${body}`).join('') + '}'.repeat(bodies.length);
  return `${[...imports.values()].join('\n')}\n${GIVEN}\nexport async function samples() ${nested || '{}'}\n`;
}

test('the samples in the docs compile', () => {
  const { config } = ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  Object.assign(options, { noUnusedLocals: false, noUnusedParameters: false });
  const modules = new Map(pages.map((page) => [`${root}${page}.ts`, moduleOf(page)]));
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists, readFile } = host;
  host.fileExists = (name) => modules.has(name) || fileExists(name);
  host.readFile = (name) => modules.get(name) ?? readFile(name);
  host.getSourceFile = (name, ...rest) => {
    const text = modules.get(name);
    return text === undefined
      ? getSourceFile.call(host, name, ...rest)
      : ts.createSourceFile(name, text, rest[0]);
  };
  const program = ts.createProgram([...modules.keys()], options, host);
  const problems = [...modules.keys()].flatMap((name) => {
    const file = program.getSourceFile(name)!;
    return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)].map(
      ({ start = 0, messageText }) => {
        const { line } = file.getLineAndCharacterOfPosition(start);
        return `${name.slice(root.length, -3)}: ${file.text.split('\n')[line]}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
      },
    );
  });
  expect(problems).toEqual([]);
});
