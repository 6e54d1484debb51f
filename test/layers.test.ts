import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';

const CORE = '@tensorflow/tfjs-core';
const LAYERS = '@tensorflow/tfjs-layers';

/** The folders that every folder from `data` on may import. */
const GROUND = ['base', 'tfjs', 'figures', 'core', 'images', 'io'];

/**
 * The folders of `src`, from the bottom up, and what the files of each may import besides one another: folders and
 * packages. Type imports count. An entry that ends in `*` stands for every name that begins so.
 */
const RULES: Record<string, string[]> = {
  base: [],
  tfjs: ['base', CORE, LAYERS],
  figures: ['base', 'tfjs'],
  core: ['base', 'tfjs', 'figures', CORE, LAYERS],
  index: ['base', 'core'],
  io: ['base', '@noble/hashes/legacy.js'],
  images: ['base', 'tfjs', 'figures', 'io', CORE, 'fast-png', 'sharp'],
  'weights/formats': ['base', 'io'],
  wasm: ['base', 'tfjs', CORE],
  webgpu: ['base', 'tfjs', CORE],
  data: [...GROUND, CORE],
  train: [...GROUND, 'weights/formats', CORE, LAYERS],
  'weights/layout': ['base', 'tfjs', 'weights/formats'],
  'weights/names': ['base', 'tfjs', 'core', 'weights/formats', 'weights/layout', CORE, LAYERS],
  'weights/configuration': [
    'base',
    'tfjs',
    'core',
    'io',
    'weights/formats',
    'weights/layout',
    'weights/names',
    CORE,
    LAYERS,
  ],
  'weights/writers': [
    'base',
    'tfjs',
    'core',
    'weights/formats',
    'weights/layout',
    'weights/names',
    CORE,
    LAYERS,
  ],
  weights: [...GROUND, 'weights/*', CORE, LAYERS],
  imagenet: [...GROUND, 'data', 'train', 'weights', CORE, LAYERS],
  features: [...GROUND, 'data', 'train', 'weights', CORE, LAYERS],
  compress: [...GROUND, 'train', 'weights*', CORE, LAYERS],
  node: [
    ...GROUND,
    'data',
    'train',
    'weights*',
    'imagenet',
    'features',
    'compress',
    'node:*',
    '@tensorflow/*',
    'cli-progress',
    'sharp',
    'webgpu',
  ],
  cli: [
    'vgg-blocks*',
    'base',
    'figures',
    'node:*',
    '@tensorflow/*',
    'commander',
    'tinyglobby',
    '../package.json',
  ],
};

const src = new URL('../src/', import.meta.url);
const files = readdirSync(fileURLToPath(src), { recursive: true, encoding: 'utf8' })
  .map((path) => path.replaceAll('\\', '/'))
  .filter((path) => path.endsWith('.ts'))
  .map((path) => path.replace(/\.ts$/, ''));
const textOf = (file: string) => readFileSync(new URL(`${file}.ts`, src), 'utf8');

/** The folder whose rule holds for a file: the deepest that it lies in. */
function folderOf(file: string): string | undefined {
  return Object.keys(RULES)
    .filter((folder) => file === folder || file.startsWith(`${folder}/`))
    .sort((a, b) => b.length - a.length)[0];
}

const covers = (pattern: string, name: string) =>
  pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;

/** All imports of a source, types, `export ... from` and `import()` among them: files named from `src`, and packages. */
function importsOf(file: string, text = textOf(file)): string[] {
  const imports = new Set<string>();
  const add = (specifier: ts.Expression | undefined) => {
    if (!specifier) return;
    const name = ts.isStringLiteralLike(specifier) ? specifier.text : `computed ${specifier.getText()}`;
    imports.add(name.startsWith('.') ? posix.join(posix.dirname(file), name).replace(/\.js$/, '') : name);
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
      add(node.moduleSpecifier);
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node.arguments[0]);
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      add(node.argument.literal as ts.StringLiteral);
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true));
  return [...imports];
}

/** The imports of a file that its folder's rule does not allow. */
function violations(file: string, text = textOf(file)): string[] {
  const own = folderOf(file) ?? file;
  const allowed = [own, ...(RULES[own] ?? [])];
  return importsOf(file, text)
    .filter((name) => !allowed.some((pattern) => covers(pattern, folderOf(name) ?? name)))
    .map((name) => `${file} imports ${name}`);
}

/** One circle of each group of files that import one another, as a path from a file back to itself. */
function circles(graph: Map<string, string[]>): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const walk = (file: string, path: string[]): void => {
    if (path.includes(file)) {
      found.push(`a circle: ${[...path.slice(path.indexOf(file)), file].join(' -> ')}`);
    } else if (!done.has(file)) {
      for (const next of graph.get(file) ?? []) walk(next, [...path, file]);
      done.add(file);
    }
  };
  for (const file of [...graph.keys()].sort()) walk(file, []);
  return found;
}

test('every file lies in a folder with a rule, and every rule has a file', () => {
  expect(files.filter((file) => !folderOf(file))).toEqual([]);
  const folders = new Set(files.map(folderOf));
  expect(Object.keys(RULES).filter((folder) => !folders.has(folder))).toEqual([]);
});

test('a rule allows only folders that stand before its own', () => {
  const folders = Object.keys(RULES);
  const upward = folders.flatMap((folder, place) =>
    folders
      .slice(place + 1)
      .filter((above) => RULES[folder]?.some((pattern) => covers(pattern, above)))
      .map((above) => `${folder} may import ${above}`),
  );
  expect(upward).toEqual([]);
});

test.each(Object.keys(RULES))('%s imports only what its rule allows', (folder) => {
  const found = files.filter((file) => folderOf(file) === folder).flatMap((file) => violations(file));
  expect(found).toEqual([]);
});

test('no file imports itself by way of others', () => {
  const found = circles(new Map(files.map((file) => [file, importsOf(file)])));
  expect(found).toEqual([]);
});

test('src has no default exports, and only the command line prints', () => {
  const found: string[] = [];
  for (const file of files) {
    const visit = (node: ts.Node): void => {
      if (ts.isExportAssignment(node)) found.push(`${file} has a default export`);
      if (node.kind === ts.SyntaxKind.DefaultKeyword && !ts.isDefaultClause(node)) {
        found.push(`${file} has a default export`);
      }
      if (ts.isIdentifier(node) && node.text === 'console' && !file.startsWith('cli/')) {
        found.push(`${file} uses console`);
      }
      ts.forEachChild(node, visit);
    };
    visit(ts.createSourceFile(file, textOf(file), ts.ScriptTarget.Latest, true));
  }
  expect(found).toEqual([]);
});

describe('the rules find', () => {
  test.each<[string, string, string[]]>([
    ['base/check', "import { heap } from '../tfjs/memory.js';", ['base/check imports tfjs/memory']],
    ['core/plan', "import { vgg } from './vgg.js';", []],
    ['core/plan', "import type { A } from '../weights/index.js';", ['core/plan imports weights/index']],
    ['core/plan', "import {\n  type Plan,\n} from '../train/index.js';", ['core/plan imports train/index']],
    ['core/arch', "export { plan } from '../index.js';", ['core/arch imports index']],
    ['core/cost', "import { layers } from '@tensorflow/tfjs-layers';", []],
    [
      'core/block',
      "await import('@tensorflow/tfjs-backend-cpu')",
      ['core/block imports @tensorflow/tfjs-backend-cpu'],
    ],
    ['core/block', 'await import(name)', ['core/block imports computed name']],
    ['base/random', "import 'node:crypto';", ['base/random imports node:crypto']],
    ['base/random', "// import 'node:crypto';", []],
    ['base/check', "let a: import('node:fs').Stats;", ['base/check imports node:fs']],
    ['io/read', "import { open } from 'node:fs/promises';", ['io/read imports node:fs/promises']],
    ['train/train', "import { ImageSet } from '../data/index.js';", ['train/train imports data/index']],
    ['wasm/run', "import type { Step } from '../train/step.js';", ['wasm/run imports train/step']],
    [
      'weights/formats/zip',
      "import '../names/match.js';",
      ['weights/formats/zip imports weights/names/match'],
    ],
    [
      'weights/layout/layout',
      "import '../fromWeights.js';",
      ['weights/layout/layout imports weights/fromWeights'],
    ],
    ['weights/fromWeights', "import './names/match.js';", []],
    ['node/fileSystem', "import { train } from '../cli/train.js';", ['node/fileSystem imports cli/train']],
    ['cli/main', "import { vgg } from '../index.js';", ['cli/main imports index']],
  ])('in %s with %s', (file, text, found) => {
    expect(violations(file, text)).toEqual(found);
  });

  test('a circle of three files', () => {
    const graph = new Map([
      ['a', ['b', 'c']],
      ['b', ['c', 'd']],
      ['c', ['a']],
      ['d', []],
    ]);
    expect(circles(graph)).toEqual(['a circle: a -> b -> c -> a']);
  });
});
