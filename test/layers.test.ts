import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';

/** What a parser of weight files may use. */
const PARSER = ['weights/error', 'weights/file', 'weights/limits', 'weights/shape', 'weights/tensor'];

/** What folders of pictures may use: of `imagenet/` how pictures are prepared, not the labels. */
const PICTURES = [
  'core/check',
  'data/*',
  'io/errors',
  'imagenet/pixels',
  'imagenet/preprocess',
  'imagenet/resize',
  'type weights/index',
  '@tensorflow/tfjs-core',
];

/**
 * Who may import whom: a file, or a folder's files, and what they may. An entry that ends in `*` takes what begins so;
 * files are named from `src`, without their ending. What is marked `type` may be imported as types alone.
 */
const RULES: [who: string, ...may: string[]][] = [
  ['index', 'core/*'],

  ['core/check'],
  ['core/random'],
  ['core/arch', 'core/check'],
  ['core/options', 'core/check', 'core/arch'],

  // Networks: the only files of the core that need tfjs when they run.
  ['core/heap', TFJS('core')],
  ['core/tape', TFJS('core')],
  ['core/initializer', 'core/random', 'core/heap', 'type core/options', TFJS('core'), TFJS('layers')],
  ['core/block', 'core/check', 'core/arch', 'core/options', 'core/initializer', TFJS('layers')],
  [
    'core/vgg',
    'core/check',
    'core/arch',
    'core/options',
    'core/initializer',
    'core/block',
    TFJS('core'),
    TFJS('layers'),
  ],
  [
    'core/zoo',
    'core/check',
    'core/arch',
    'core/options',
    'core/initializer',
    'core/block',
    'core/vgg',
    TFJS('layers'),
  ],

  // Plans and reports: data about networks. They know tfjs's models by their types.
  ['core/plan', 'core/check', 'core/arch', 'core/options'],
  ['core/inspect', 'core/check', 'core/plan', `type ${TFJS('layers')}`],
  ['core/blocks', 'core/plan'],
  ['core/params', 'core/check', 'core/plan', 'core/inspect', `type ${TFJS('layers')}`],
  ['core/cost', 'core/check', 'core/plan', 'core/inspect', `type ${TFJS('layers')}`],
  ['core/summary', 'core/plan', 'core/inspect', 'core/blocks', `type ${TFJS('layers')}`],
  ['core/tally', 'core/plan', 'core/params', `type ${TFJS('layers')}`],
  ['core/diagram', 'core/check', 'core/plan', 'core/inspect', 'core/blocks', `type ${TFJS('layers')}`],

  ['io/png', 'fast-png'],
  ['io/*', 'io/*', '@noble/hashes/legacy.js'],
  // Parsers: bytes in, data out.
  ['data/idx', 'io/errors'],
  ['data/augment', ...PICTURES],
  ['data/pictureSet', ...PICTURES],
  ['data/imageFiles', ...PICTURES],
  ['data/*', 'index', 'core/check', 'io/*', 'data/*', TFJS('core')],

  // Parsers of weight files: bytes in, tensors out; then what the tensors mean, and only then tfjs.
  ['weights/error'],
  ['weights/limits'],
  ['weights/tensor', 'type weights/file'],
  ['weights/file', 'io/*', 'weights/error'],
  ['weights/shape', 'weights/error', 'weights/limits', 'weights/tensor'],
  ['weights/pickle', 'weights/error'],
  ['weights/torchState', ...PARSER, 'weights/pickle'],
  ['weights/torch', ...PARSER, 'weights/torchState', 'type weights/zip'],
  ['weights/safetensors', ...PARSER],
  ['weights/zip', ...PARSER, 'io/errors', 'unzipit'],
  ['weights/hdf5/write', 'type weights/content'],
  ['weights/hdf5/*', ...PARSER, 'io/errors', 'weights/hdf5/*'],
  ['weights/kerasConfig', 'weights/error'],
  ['weights/keras', ...PARSER, 'io/errors', 'weights/hdf5/index', 'weights/kerasConfig', 'type weights/zip'],
  ['weights/tfjs', ...PARSER, 'io/*', 'weights/kerasConfig'],
  // Writers: what tensors are and where they go; bytes are made when they are written.
  ['weights/content'],
  ['weights/pickleWrite', 'weights/pickle'],
  ['weights/zipWrite', 'weights/content'],
  ['weights/torchWrite', 'weights/*'],
  ['weights/kerasModel', 'core/check', 'weights/targets', `type ${TFJS('layers')}`],
  ['weights/kerasWrite', 'weights/*', `type ${TFJS('layers')}`],
  ['weights/entries', 'core/check', 'weights/*', `type ${TFJS('core')}`],
  ['weights/layout', 'weights/tensor'],
  ['weights/numbers', 'weights/tensor'],
  ['weights/scatter', 'core/heap', 'weights/*'],
  ['weights/canonical', 'weights/error'],
  ['weights/parameters', 'weights/*'],
  ['weights/network', 'type index', 'weights/*'],
  ['weights/targets', 'core/check', 'weights/*', `type ${TFJS('layers')}`],
  ['weights/match', 'weights/*'],
  ['weights/load', 'core/heap', 'io/*', 'weights/*', TFJS('core'), `type ${TFJS('layers')}`],
  ['weights/pretrained', 'core/check', 'io/download', 'weights/*'],
  ['weights/build', 'index', 'type io/read', 'weights/*', TFJS('layers')],
  ['weights/save', 'core/check', 'weights/*', `type ${TFJS('layers')}`],
  ['weights/*', 'core/check', 'io/*', 'weights/*'],

  [
    'imagenet/classify',
    'core/check',
    'type weights/index',
    'imagenet/*',
    TFJS('core'),
    `type ${TFJS('layers')}`,
  ],
  ['imagenet/*', 'core/check', 'type weights/index', 'imagenet/*', TFJS('core')],

  [
    'features/cacheFeatures',
    'core/check',
    'type train/index',
    'features/*',
    TFJS('core'),
    `type ${TFJS('layers')}`,
  ],
  ['features/featureSet', 'data/batches', 'data/random', 'features/*', TFJS('core')],
  ['features/transferHead', 'core/check', 'core/initializer', 'type index', TFJS('layers')],
  [
    'features/*',
    'index',
    'core/check',
    'core/tape',
    'io/png',
    'imagenet/index',
    'weights/index',
    'features/*',
    TFJS('core'),
    TFJS('layers'),
  ],

  [
    'train/*',
    'index',
    'core/check',
    'core/random',
    'core/tape',
    'io/png',
    'train/*',
    TFJS('core'),
    `type ${TFJS('layers')}`,
  ],
  ['wasm/*', 'index', 'wasm/*', TFJS('core'), `type ${TFJS('backend-wasm')}`],
  ['node/terminalBar', 'type node:tty', 'cli-progress'],
  ['node/progressBar', 'type train/index', 'node/terminalBar'],
  ['node/npy', 'weights/numbers', 'node/writeFile'],
  ['node/readImage', 'type imagenet/index', 'node/writeFile', 'node:fs/promises', 'sharp'],
  ['node/writeImage', 'type imagenet/index', 'io/png', 'node/writeFile', 'node:path'],
  ['node/temporaryFile', 'type features/index', 'node/writeFile', 'node:*'],
  ['node/webgpu', 'webgpu', TFJS('core'), TFJS('backend-webgpu')],
  ['node/*', 'index', 'train/index', 'data/index', 'node/*', 'node:*', TFJS('core')],
  ['cli/*', '../package.json', 'vgg-blocks*', 'cli/*', 'node:*', TFJS('*'), 'commander', 'tinyglobby'],
];

function TFJS(part: string): string {
  return `@tensorflow/tfjs-${part}`;
}

const src = new URL('../src/', import.meta.url);
const files = readdirSync(fileURLToPath(src), { recursive: true, encoding: 'utf8' })
  .map((path) => path.replaceAll('\\', '/'))
  .filter((path) => path.endsWith('.ts'))
  .map((path) => path.replace(/\.ts$/, ''));
const textOf = (file: string) => readFileSync(new URL(`${file}.ts`, src), 'utf8');

const covers = (pattern: string, name: string) =>
  pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;

/** The rule for a file: the first that covers it. */
const ruleFor = (file: string) => RULES.find(([who]) => covers(who, file));

interface Import {
  /** A file named from `src`, or a package. */
  from: string;
  typeOnly: boolean;
}

/** All imports of a source, `export ... from` and `import()` among them. */
function importsOf(file: string, text: string): Import[] {
  const imports: Import[] = [];
  const add = (specifier: ts.Expression | undefined, typeOnly: boolean) => {
    if (!specifier) return;
    const name = ts.isStringLiteralLike(specifier) ? specifier.text : `computed ${specifier.getText()}`;
    const from = name.startsWith('.') ? posix.join(posix.dirname(file), name).replace(/\.js$/, '') : name;
    imports.push({ from, typeOnly });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      add(node.moduleSpecifier, onlyTypes(node.importClause));
    } else if (ts.isExportDeclaration(node)) {
      add(node.moduleSpecifier, node.isTypeOnly);
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node.arguments[0], false);
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      add(node.argument.literal as ts.StringLiteral, true);
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true));
  return imports;
}

function onlyTypes(clause: ts.ImportClause | undefined): boolean {
  if (!clause) return false;
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
  const named = clause.namedBindings;
  return !clause.name && !!named && ts.isNamedImports(named) && named.elements.every((one) => one.isTypeOnly);
}

/** What a file imports against the rules. */
function violations(file: string, text = textOf(file)): string[] {
  const [, ...may] = ruleFor(file) ?? [file];
  return importsOf(file, text)
    .filter(
      ({ from, typeOnly }) =>
        !may.some((entry) => {
          const pattern = entry.replace(/^type /, '');
          return covers(pattern, from) && (typeOnly || pattern === entry);
        }),
    )
    .map(({ from, typeOnly }) => `${file} imports ${typeOnly ? 'types of ' : ''}${from}`);
}

test('every file has a rule, and every rule a file', () => {
  expect(files.filter((file) => !ruleFor(file))).toEqual([]);
  expect(RULES.map(([who]) => who).filter((who) => !files.some((file) => covers(who, file)))).toEqual([]);
});

test.each(files)('%s imports only what lies below it', (file) => {
  expect(violations(file)).toEqual([]);
});

test('no file imports itself by way of others', () => {
  const targets = new Map(
    files.map((file) => [file, importsOf(file, textOf(file)).filter(({ typeOnly }) => !typeOnly)]),
  );
  const circles: string[] = [];
  const walk = (file: string, path: string[]): void => {
    if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(' -> '));
    else for (const { from } of targets.get(file) ?? []) walk(from, [...path, file]);
  };
  for (const file of files) walk(file, []);
  expect(circles).toEqual([]);
});

describe('style that holds everywhere in src', () => {
  test.each(files)('%s has no default export, and prints nothing unless it is the command line', (file) => {
    const source = ts.createSourceFile(file, textOf(file), ts.ScriptTarget.Latest, true);
    const found: string[] = [];
    const visit = (node: ts.Node): void => {
      if (ts.isExportAssignment(node) || node.kind === ts.SyntaxKind.DefaultKeyword) {
        if (!ts.isDefaultClause(node)) found.push('a default export');
      }
      if (ts.isIdentifier(node) && node.text === 'console' && !file.startsWith('cli/')) found.push('console');
      ts.forEachChild(node, visit);
    };
    visit(source);
    expect(found).toEqual([]);
  });
});

describe('the rules themselves find', () => {
  test.each<[string, string, string[]]>([
    ['core/plan', "import { vgg } from './vgg.js';", ['core/plan imports core/vgg']],
    ['core/plan', "import type { A } from './vgg.js';", ['core/plan imports types of core/vgg']],
    ['core/vgg', "import {\n  type Plan,\n} from './plan.js';", ['core/vgg imports types of core/plan']],
    ['core/arch', "export { plan } from './plan.js';", ['core/arch imports core/plan']],
    [
      'core/cost',
      "import { layers } from '@tensorflow/tfjs-layers';",
      ['core/cost imports @tensorflow/tfjs-layers'],
    ],
    ['core/cost', "import type { LayersModel } from '@tensorflow/tfjs-layers';", []],
    [
      'core/block',
      "await import('@tensorflow/tfjs-backend-cpu')",
      ['core/block imports @tensorflow/tfjs-backend-cpu'],
    ],
    ['core/random', "import 'node:crypto';", ['core/random imports node:crypto']],
    ['core/random', "// import 'node:crypto';", []],
    ['core/check', "let a: import('node:fs').Stats;", ['core/check imports types of node:fs']],
    ['train/train', "import { ImageSet } from '../data/index.js';", ['train/train imports data/index']],
    ['train/train', "import { vgg } from '../core/vgg.js';", ['train/train imports core/vgg']],
    [
      'data/idx',
      "import { tensor } from '@tensorflow/tfjs-core';",
      ['data/idx imports @tensorflow/tfjs-core'],
    ],
    [
      'node/fileSystem',
      "import { train } from '../train/train.js';",
      ['node/fileSystem imports train/train'],
    ],
    [
      'node/fileSystem',
      "import { SingleBar } from 'cli-progress';",
      ['node/fileSystem imports cli-progress'],
    ],
    ['cli/main', "import { vgg } from '../index.js';", ['cli/main imports index']],
  ])('%s with %s', (file, text, found) => {
    expect(violations(file, text)).toEqual(found);
  });
});
