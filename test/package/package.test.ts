import '@tensorflow/tfjs-backend-cpu';
import { cp, readdir, readFile, rename, stat } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { setBackend } from '@tensorflow/tfjs-core';
import { type BuildOptions, build as esbuild } from 'esbuild';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { build as vite } from 'vite';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import webpack from 'webpack';
import { garments } from '../../src/data/index.js';
import { encodePng } from '../../src/images/index.js';
import { smallArch } from '../../src/index.js';
import { evaluate, train } from '../../src/train/index.js';
import { hasChromium, launchChromium } from '../support/chromium.js';
import { installApp, rangesOf, startApp } from './apps.js';
import { type Installation, install } from './installation.js';
import { openPage, servePage } from './page.js';
import {
  FINISH,
  FINISH_IN_NODE,
  IMPORTS,
  imports,
  jestTest,
  NODE_IMPORTS,
  PRINT,
  PROGRAM,
  requires,
  STARTER,
  THREADS,
  TRAINER,
  TWO_BUILDS,
} from './program.js';

// Compilers and bundlers take up to a minute, and on a busy machine some.
vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 });

let project: Installation;
beforeAll(async () => {
  project = await install();
});
afterAll(() => project?.remove());

/** What the program prints, however it is run: the loss is the one that the sources give. */
const RESULT = {
  backend: 'cpu',
  params: 132863336,
  svg: true,
  rows: true,
  examples: 48,
  loss: '',
  pth: true,
  png: true,
  tensors: 0,
};
beforeAll(async () => {
  await setBackend('cpu');
  const { trainSet, testSet } = garments({ trainImages: 48, testImages: 20, seed: 1 });
  const model = smallArch(32, { inputShape: [32, 32, 1], hiddenUnits: 8, initializer: 'heUniform' });
  const options = { epochs: 2, batchSize: 16, optimizer: 'adam' } as const;
  await train(model, { trainSet: trainSet.resize(32) }, options);
  RESULT.loss = (await evaluate(model, testSet.resize(32))).loss.toFixed(4);
  model.dispose();
});
const result = (output: string) => JSON.parse(output.trim().split('\n').at(-1)!);

/** Every entry of the package that holds code. */
const entries = [
  'vgg-blocks',
  'vgg-blocks/data',
  'vgg-blocks/train',
  'vgg-blocks/wasm',
  'vgg-blocks/webgpu',
  'vgg-blocks/weights',
  'vgg-blocks/images',
  'vgg-blocks/imagenet',
  'vgg-blocks/features',
  'vgg-blocks/compress',
  'vgg-blocks/node',
];
const inBrowsers = entries.filter((name) => name !== 'vgg-blocks/node');

describe('the packed library', () => {
  const inPackage = (path: string) => join(project.folder, 'node_modules/vgg-blocks', path);

  test('holds dist, the documents and the examples, and nothing else', () => {
    const dist = /^dist\/[\w-]+(\.\w+)?\.(js|cjs|d\.ts|d\.cts)$/;
    const pages = /^(README|CHANGELOG|CONTRIBUTING|docs\/[\w-]+|src\/[\w/]+\/README)\.md$/;
    const rest = project.files.filter(
      (path) => !dist.test(path) && !pages.test(path) && !/^(docs\/figures|examples)\//.test(path),
    );
    expect(rest.sort()).toEqual(['LICENSE', 'NOTICE', 'dist/THIRD-PARTY-LICENSES.txt', 'package.json']);
    expect(project.files).toContain('dist/index.d.cts');
  });

  test('unpacks to at most 5.7 MB', async () => {
    const sizes = await Promise.all(project.files.map(async (path) => (await stat(inPackage(path))).size));
    expect(sizes.reduce((sum, size) => sum + size)).toBeLessThanOrEqual(5_700_000);
  });

  test('holds every file that its pages link to', async () => {
    const isHeld = (path: string) =>
      project.files.some((file) => file === path || file.startsWith(`${path.replace(/\/$/, '')}/`));
    for (const page of project.files.filter((path) => path.endsWith('.md'))) {
      const text = await readFile(inPackage(page), 'utf8');
      const links = [...text.matchAll(/\]\((?!\w+:|#)([^)#\s]+)/g)].map(([, link]) => link!);
      const missing = links.filter((link) => !isHeld(posix.join(posix.dirname(page), link)));
      expect(missing, page).toEqual([]);
    }
  });

  test('comes with the licences of the packages that its CommonJS build contains', async () => {
    const text = await readFile(inPackage('dist/THIRD-PARTY-LICENSES.txt'), 'utf8');
    expect(text.match(/^\S+(?= \d+\.\d+\.\d+$)/gm)).toEqual(
      expect.arrayContaining(['@noble/hashes', 'fast-png', 'fflate', 'iobuffer']),
    );
    expect(text.match(/^Copyright/gm)!.length).toBeGreaterThanOrEqual(4);
  });

  test("has LPIPS' weights in vgg-blocks/features alone, and their license", async () => {
    expect(await readFile(inPackage('NOTICE'), 'utf8')).toMatch(
      /LPIPS.*Copyright \(c\) 2018, Richard Zhang/s,
    );
    const holders = await Promise.all(
      inBrowsers.map(async (entry) =>
        (await textOf({ stdin: { contents: `export * from '${entry}';` } })).includes('4kFNPfUFIT2t')
          ? entry
          : [],
      ),
    );
    expect(holders.flat()).toEqual(['vgg-blocks/features']);
  });

  test('has an entry for each one that is tested here', async () => {
    const { exports } = JSON.parse(
      await readFile(join(project.folder, 'node_modules/vgg-blocks/package.json'), 'utf8'),
    );
    const names = Object.keys(exports).map((path) => join('vgg-blocks', path));
    expect(names.sort()).toEqual([...entries, 'vgg-blocks/package.json'].sort());
  });

  test('pleases publint', async () => {
    const { messages, pkg } = await publint({
      pkgDir: join(project.folder, 'node_modules/vgg-blocks'),
      strict: true,
      pack: false,
    });
    expect(messages.map((message) => formatMessage(message, pkg!))).toEqual([]);
  });

  test('has types that are right for node10, import, require and bundlers', async () => {
    const attw = '@arethetypeswrong/cli/dist/index.js';
    const { analysis } = JSON.parse(await project.runTool(attw, project.tarball, '--format', 'json'));
    expect(analysis.problems).toEqual([]);
    expect(Object.keys(analysis.entrypoints)).toHaveLength(entries.length + 1);
  });
});

test('release notes say which package they change, and how much', async () => {
  const folder = join(import.meta.dirname, '../../.changeset');
  for (const name of await readdir(folder)) {
    if (!name.endsWith('.md')) continue;
    // A formatter takes the lines above the text for a heading unless there are blank lines about them.
    expect(await readFile(join(folder, name), 'utf8'), name).toMatch(
      /^---\n\n?'vgg-blocks': (major|minor|patch)\n\n?---\n\n\S/,
    );
  }
});

describe('from Node', () => {
  test('works with import', async () => {
    await project.write('app.mjs', imports(NODE_IMPORTS) + FINISH_IN_NODE + PROGRAM + PRINT);
    expect(result(await project.run('node', 'app.mjs'))).toEqual(RESULT);
  });

  test('works with require, also where modules cannot be required', async () => {
    await project.write('app.cjs', requires(NODE_IMPORTS) + FINISH_IN_NODE + PROGRAM + PRINT);
    const output = await project.run('node', '--no-experimental-require-module', 'app.cjs');
    expect(result(output)).toEqual(RESULT);
  });

  test('works as one library in an app that has it by import and by require', async () => {
    await project.write('builds.mjs', TWO_BUILDS);
    expect(result(await project.run('node', 'builds.mjs'))).toEqual({
      names: ['WeightFileError', 'WeightFileError'],
      twoClasses: true,
      instances: [
        [true, true],
        [true, true],
      ],
      installs: Array(8).fill(true),
    });
  });

  test.each([
    ['CommonJS', 'program.test.cjs', requires, []],
    ['modules', 'program.test.mjs', imports, ['--experimental-vm-modules']],
  ] as const)('works in Jest with %s', async (_, file, from, flags) => {
    await project.write(file, from(NODE_IMPORTS) + FINISH_IN_NODE + PROGRAM + jestTest(RESULT));
    const config = JSON.stringify({ testMatch: [`**/${file}`], moduleFileExtensions: ['js', 'cjs', 'mjs'] });
    const jest = join(import.meta.dirname, '../../node_modules/jest/bin/jest.js');
    await project.run('node', ...flags, jest, '--runInBand', '--config', config);
  });

  test.each([
    ['import', 'threads.mjs', imports],
    ['require', 'threads.cjs', requires],
  ] as const)(
    'computes on two threads with %s, and ends although the other waits for more',
    async (_, file, from) => {
      const wasm = {
        '@tensorflow/tfjs-core': ['conv2d', 'ones', 'setBackend', 'tidy'],
        'vgg-blocks/wasm': ['installWasmKernels'],
      };
      await project.write(file, from(wasm) + THREADS);
      expect(result(await project.run('node', file))).toEqual([72, 108, 162]);
    },
  );

  test.each(entries)('%s has the same names for import and for require', async (entry) => {
    await project.write(
      'names.mjs',
      `import { createRequire } from 'node:module';
       const names = (of) => Object.keys(of).filter((name) => !['default', 'module.exports'].includes(name)).sort();
       console.log(JSON.stringify([names(await import('${entry}')), names(createRequire(import.meta.url)('${entry}'))]));`,
    );
    const [imported, required] = JSON.parse(await project.run('node', 'names.mjs'));
    expect(imported.length).toBeGreaterThan(0);
    expect(required).toEqual(imported);
  });

  test.each(entries)('%s does nothing when it is imported, as sideEffects says', async (entry) => {
    await project.write(
      'effects.mjs',
      `import '@tensorflow/tfjs-backend-cpu';
       import '@tensorflow/tfjs-backend-wasm';
       import { getKernelsForBackend, memory, setBackend } from '@tensorflow/tfjs-core';
       import '@tensorflow/tfjs-layers';
       import 'node:crypto';
       const world = () => JSON.stringify([
         Object.getOwnPropertyNames(globalThis),
         getKernelsForBackend('wasm').map(({ kernelName, kernelFunc }) => kernelName + kernelFunc),
         memory().numTensors,
         process.eventNames().map(String),
         process.getActiveResourcesInfo().filter((name) => name === 'Timeout'),
       ]);
       await setBackend('cpu');
       const before = world();
       await import('${entry}');
       console.log(JSON.stringify(before === world()));`,
    );
    expect(result(await project.run('node', 'effects.mjs'))).toBe(true);
  });

  test('runs the command line', async () => {
    expect(await project.run('npx', '--no', '--', 'vgg-blocks', '--help')).toMatch(
      /train.*summary.*tally.*diagram/s,
    );
    expect(await project.run('npx', '--no', '--', 'vgg-blocks', 'tally')).toMatch(
      /total +29964320 +111982272/,
    );
    const network = ['--arch', '[[1,4],[1,8]]', '--ratio', '1', '--size', '28', '--hidden', '16'];
    const output = await project.run(
      'npx',
      '--no',
      'vgg-blocks',
      'train',
      ...network,
      '--epochs',
      '1',
      '--out',
      'run',
    );
    expect(output).toMatch(/epoch 1\/1: .*\n.*test accuracy \d/s);
    expect(await readFile(join(project.folder, 'run/curves.svg'), 'utf8')).toMatch(/^<svg/);
    expect(await readFile(join(project.folder, 'run/model/model.json'), 'utf8')).toMatch(/^\{/);
  });

  const cli = (...args: string[]) => project.run(process.execPath, ...args);
  const program = 'node_modules/vgg-blocks/dist/cli.js';
  const classes = ['classify', 'none.png', '--weights', 'run', '--preprocessing', 'plain'];

  test.each([
    [
      '@tensorflow/tfjs-core',
      ['--version'],
      'the package @tensorflow/tfjs-core is not installed; run npm install @tensorflow/tfjs-core.',
    ],
    [
      '@tensorflow/tfjs-layers',
      ['tally'],
      'the package @tensorflow/tfjs-layers is not installed; run npm install @tensorflow/tfjs-layers.',
    ],
    ['tinyglobby', ['--help'], 'the package tinyglobby is not installed; run npm install tinyglobby.'],
    [
      '@tensorflow/tfjs-backend-wasm/dist',
      classes,
      'classify: the wasm backend is not installed; run npm install @tensorflow/tfjs-backend-wasm.',
    ],
    [
      '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm',
      classes,
      'classify: the wasm backend did not start; run npm install @tensorflow/tfjs-backend-wasm again, or use --backend cpu.',
    ],
  ])('one line says that %s is missing', async (name, args, line) => {
    const path = join(project.folder, 'node_modules', name);
    await rename(path, `${path}.away`);
    const failed = await cli(program, ...args).then(
      () => 'nothing',
      (error: Error) => error.message,
    );
    await rename(`${path}.away`, path);
    expect(failed.split('\n').slice(1).join('\n').trim()).toBe(line);
  });

  test.each(['--jitless', '--no-expose-wasm'])('says that Node has no WebAssembly under %s', async (flag) => {
    await expect(cli(flag, program, ...classes)).rejects.toThrow(
      '\nclassify: this Node has no WebAssembly, as with --jitless or --no-expose-wasm; start it without that, or use --backend cpu.',
    );
    expect(await cli(flag, program, 'tally')).toMatch(/total +29964320/);
  });
});

describe('from TypeScript', () => {
  const typed = FINISH_IN_NODE.replace('(model)', '(model: ReturnType<typeof smallArch>)');
  const errors = `
    // @ts-expect-error: a ratio is a number
    () => smallArch('4');
    // @ts-expect-error: there is no such configuration
    () => paramCount(plan(VGG11), { count: 'everything' });
    // @ts-expect-error: a number of epochs
    () => train(smallArch(4), { trainSet: garments().trainSet }, { epochs: '3' });
    // @ts-expect-error: a path
    () => fileSystem(3);
    // @ts-expect-error: the result is not a number
    const wrong: number = summary(plan(VGG11));
  `;
  const all = entries.map((name, i) => `export * as entry${i} from '${name}';\n`).join('');
  const source = all + imports(NODE_IMPORTS) + typed + PROGRAM + PRINT + errors;

  /** Compiles, strictly and without skipLibCheck or @types/node; returns the errors that are not those of tfjs's types. */
  const compile = async (typescript: string, extensions: string[], ...options: string[]) => {
    const files = extensions.map((extension) => project.write(`typed.${extension}`, source));
    const settings = ['--strict', '--target', 'es2022', '--types', 'long', '--outDir', 'out', ...options];
    const output = await project
      .runTool(`${typescript}/bin/tsc`, ...settings, ...(await Promise.all(files)))
      .catch((error: Error) => error.message);
    const others = /^node_modules\/@(tensorflow|webgpu|types)\//;
    return output.split('\n').filter((line) => line.includes('error TS') && !others.test(line));
  };

  test('.mts and .cts files compile with moduleResolution node16, and run', async () => {
    expect(await compile('typescript', ['mts', 'cts'], '--module', 'node16')).toEqual([]);
    expect(result(await project.run('node', 'out/typed.mjs'))).toEqual(RESULT);
    expect(result(await project.run('node', 'out/typed.cjs'))).toEqual(RESULT);
  });

  test.each([
    ['bundler', 'esnext'],
    ['node10', 'commonjs'],
  ])('compiles with moduleResolution %s', async (resolution, module) => {
    const options = ['--noEmit', '--module', module, '--moduleResolution', resolution];
    expect(await compile('typescript', ['ts'], ...options)).toEqual([]);
  });

  test('compiles with TypeScript 5.0', async () => {
    const options = ['--noEmit', '--module', 'node16'];
    expect(await compile('typescript-5.0', ['mts', 'cts'], ...options)).toEqual([]);
  });
});

describe('through a bundler', () => {
  const app = imports(IMPORTS) + FINISH + PROGRAM + PRINT;

  test('esbuild makes an app for browsers that runs', async () => {
    const entry = await project.write('app.js', app);
    await bundle({
      entryPoints: [entry],
      outfile: join(project.folder, 'esbuild/app.mjs'),
      write: true,
      minify: true,
    });
    expect(result(await inWorker('esbuild/app.mjs'))).toEqual(RESULT);
  });

  test('vite makes an app for browsers that runs', async () => {
    const entry = await project.write('app.js', app);
    await vite({
      root: project.folder,
      configFile: false,
      logLevel: 'error',
      build: { lib: { entry, formats: ['es'], fileName: () => 'app.mjs' }, outDir: 'vite' },
    });
    expect(result(await inWorker('vite/app.mjs'))).toEqual(RESULT);
  });

  test('webpack makes an app of all entries for browsers that runs, without a warning', async () => {
    const all = inBrowsers.map((name, i) => `export * as entry${i} from '${name}';\n`).join('');
    const entry = await project.write('webpack.js', all + app);
    const output = {
      path: join(project.folder, 'webpack'),
      filename: 'app.mjs',
      chunkFilename: '[name].mjs',
      publicPath: './',
      library: { type: 'module' },
    };
    const compiler = webpack({
      mode: 'production',
      context: project.folder,
      entry,
      output,
      experiments: { outputModule: true },
      // tfjs is larger than webpack recommends.
      performance: false,
    });
    const stats = await promisify(compiler.run.bind(compiler))();
    const { errors, warnings } = stats!.toJson({ all: false, errors: true, warnings: true });
    expect([...errors!, ...warnings!].map(({ moduleName, message }) => [moduleName, message])).toEqual([]);
    expect(result(await inWorker('webpack/app.mjs'))).toEqual(RESULT);
  });

  describe.skipIf(!hasChromium).each<[string, (entry: string, outdir: string) => Promise<unknown>]>([
    ['esbuild', (entry, outdir) => bundle({ entryPoints: [entry, 'trainer.js'], outdir, write: true })],
    [
      'vite',
      (entry, outDir) =>
        vite({
          root: project.folder,
          configFile: false,
          logLevel: 'error',
          worker: { format: 'es' },
          build: {
            outDir,
            emptyOutDir: false,
            rolldownOptions: { input: entry, output: { entryFileNames: '[name].js' } },
          },
        }),
    ],
  ])('in a page of %s under a strict Content-Security-Policy', (bundler, build) => {
    const open = async (name: string, source: string) => {
      const entry = await project.write(`${name}.js`, source);
      await project.write('trainer.js', TRAINER);
      const site = join(project.folder, 'site', bundler, name);
      await build(entry, site);
      await cp(join(project.folder, 'node_modules/@tensorflow/tfjs-backend-wasm/dist'), join(site, 'wasm'), {
        recursive: true,
        filter: (path) => /dist$|\.wasm$/.test(path),
      });
      const html = `<!doctype html><html lang="en"><title>App</title><script type="module" src="${name}.js"></script></html>`;
      await project.write(join('site', bundler, name, 'index.html'), html);
      return openPage(site);
    };

    test('the app runs and complains of nothing', async () => {
      const { log, complaints } = await open('page', app);
      expect(complaints).toEqual([]);
      expect(log.map((line) => JSON.parse(line))).toEqual([RESULT]);
    });

    test('a worker trains on wasm as Node does', async () => {
      const { log, complaints } = await open('starter', STARTER);
      expect(complaints).toEqual([]);
      await project.write('trainer.mjs', TRAINER.replace("setWasmPaths('/wasm/');", ''));
      await project.write(
        'inNode.mjs',
        "globalThis.postMessage = (message) => console.log(JSON.stringify(message)); await import('./trainer.mjs');",
      );
      const expected = result(await project.run('node', 'inNode.mjs'));
      expect(expected).toMatchObject({ backend: 'wasm', ended: 'finished', tensors: 0 });
      expect(expected.losses[1]).toBeLessThan(expected.losses[0]);
      // An engine with relaxed SIMD multiplies and adds with one rounding, Node 20 with two.
      const losses = expected.losses.map((loss: number) => expect.closeTo(loss, 1));
      expect(log.map((line) => JSON.parse(line))).toEqual([{ ...expected, losses }]);
    });
  });

  test.each(inBrowsers)('%s needs nothing of Node', async (entry) => {
    const { metafile } = await bundle({ stdin: { contents: `export * from '${entry}';` } });
    const outside = Object.values(metafile!.outputs).flatMap((output) =>
      output.imports.filter((one) => one.external),
    );
    expect(outside).toEqual([]);
  });

  test('writers of ONNX and what makes networks smaller are in the apps that import them, and in no other', async () => {
    const text = (name: string, entry: string) =>
      textOf({
        stdin: { contents: `import { ${name} } from '${entry}'; globalThis.used = ${name};` },
        external: ['@tensorflow/*'],
      });
    const marks = { toOnnx: 'weights', foldNorms: 'compress', equalize: 'compress', saveModel: 'weights' };
    for (const [name, entry] of Object.entries(marks)) {
      expect(await text(name, `vgg-blocks/${entry}`)).toContain(`"${name}"`);
    }
    const others = {
      vgg11: 'vgg-blocks',
      fromWeights: 'vgg-blocks/weights',
      encodeWeights: 'vgg-blocks/weights',
      classify: 'vgg-blocks/imagenet',
      installWasmKernels: 'vgg-blocks/wasm',
    };
    for (const [name, entry] of Object.entries(others)) {
      const shipped = await text(name, entry);
      expect(shipped).toContain(name);
      for (const mark of Object.keys(marks)) expect(shipped, `${name}, ${mark}`).not.toContain(`"${mark}"`);
    }
  });

  describe('an app that imports { vgg11 }', () => {
    const shipped = () =>
      textOf({
        stdin: { contents: "import { vgg11 } from 'vgg-blocks'; globalThis.model = vgg11();" },
        external: ['@tensorflow/*'],
        minify: true,
      });

    test('ships at most 5.9 kB of the library, minified and gzipped', async () => {
      expect(gzipSync(await shipped(), { level: 9 }).length).toBeLessThanOrEqual(5900);
    });

    test('ships neither reports nor drawings nor what trains', async () => {
      const text = await shipped();
      expect(text).toContain('block');
      for (const word of [
        '<svg',
        'receptive',
        'summary',
        'macs',
        'tally',
        'IDX',
        'garment',
        'alexnet',
        'optimizer',
      ]) {
        expect(text.toLowerCase(), word).not.toContain(word.toLowerCase());
      }
    });
  });
});

describe('the example apps', () => {
  /** A drawn ankle boot as a PNG; the network has learned from photographs alone. */
  const drawBoot = () => {
    const { testSet } = garments({ trainImages: 0, testImages: 20, seed: 1 });
    const index = testSet.labels.indexOf(9);
    const data = testSet.images.slice(28 * 28 * index, 28 * 28 * (index + 1));
    return encodePng({ data, width: 28, height: 28 });
  };

  test('ask for the packages that the library is tested with', async () => {
    for (const name of ['app-browser', 'app-node']) {
      const [{ dependencies, devDependencies }, checkout] = await rangesOf(name);
      expect(checkout).toMatchObject({ ...dependencies, ...devDependencies });
    }
  });

  test('the one for Node names a shoe, and says what is wrong with something else', async () => {
    const { url, stop } = await startApp(await installApp(project, 'app-node'));
    try {
      const post = async (body: Uint8Array | string) => {
        const response = await fetch(url, { method: 'POST', body: body as BodyInit });
        return [response.status, await response.json()];
      };
      const [status, classes] = await post(await drawBoot());
      expect([status, classes[0].label]).toEqual([200, 'Ankle boot']);
      expect(classes[0].probability).toBeGreaterThan(0.9);
      expect(await post('a shoe')).toEqual([400, { error: expect.stringContaining('could not be read') }]);
      expect(await post(new Uint8Array(10_000_001))).toEqual([413, { error: expect.any(String) }]);
      expect((await fetch(url)).status).toBe(405);
    } finally {
      await stop();
    }
  });

  test.skipIf(!hasChromium)(
    'the one for browsers names a shoe and a drawing, asks nobody else, and opens without a network',
    async () => {
      const app = await installApp(project, 'app-browser');
      await project.run('node', join(app, 'node_modules/vite/bin/vite.js'), 'build', app);
      const server = await servePage(join(app, 'dist'));
      const browser = await launchChromium();
      try {
        const page = await browser.newPage();
        page.setDefaultTimeout(120_000);
        const complaints: string[] = [];
        page.on('console', (message) => complaints.push(message.text()));
        page.on('pageerror', (error) => complaints.push(String(error)));
        const outside: string[] = [];
        page.on('request', (request) => {
          if (!request.url().startsWith(server.url)) outside.push(request.url());
        });
        const first = page.locator('li').first();
        const file = { name: 'boot.png', mimeType: 'image/png', buffer: Buffer.from(await drawBoot()) };
        const openBoot = async () => {
          await page.locator('input[type=file]:enabled').setInputFiles(file);
          await first.getByText(/^Ankle boot: (9\d|100) %$/).waitFor();
        };
        await page.goto(server.url);
        await openBoot();

        await page.getByText('Clear').click();
        const { x, y } = (await page.locator('canvas').boundingBox())!;
        await page.mouse.move(x + 100, y + 270);
        await page.mouse.down();
        for (const [dx, dy] of [
          [110, 20],
          [170, 20],
          [180, 270],
        ] as const)
          await page.mouse.move(x + dx, y + dy, { steps: 10 });
        await page.mouse.up();
        await first.getByText(/^Trouser: /).waitFor();

        // The page keeps its files when it has shown itself.
        await page.waitForFunction(async () => {
          await navigator.serviceWorker.ready;
          return (await (await caches.open('app')).keys()).length > 0;
        });
        await server.close();
        await page.reload();
        await openBoot();
        expect(outside).toEqual([]);
        expect(complaints).toEqual([]);
      } finally {
        await browser.close();
        await server.close();
      }
    },
  );
});

/** Runs a bundle where there is no more of Node than in a browser's worker. */
async function inWorker(path: string): Promise<string> {
  await project.write(
    'worker.mjs',
    `Object.assign(globalThis, { self: globalThis, WorkerGlobalScope: class {}, process: undefined, Buffer: undefined });
     await import('./${path}');`,
  );
  return project.run('node', 'worker.mjs');
}

const bundle = (options: BuildOptions) =>
  esbuild({
    absWorkingDir: project.folder,
    bundle: true,
    format: 'esm',
    platform: 'browser',
    write: false,
    metafile: true,
    logLevel: 'error',
    ...options,
    ...(options.stdin && { stdin: { resolveDir: project.folder, ...options.stdin } }),
  });

const textOf = async (options: BuildOptions) => (await bundle(options)).outputFiles![0]!.text;
