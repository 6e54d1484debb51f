import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin } from 'vite';
import { PLAYGROUND, withHead } from './build/head.js';
import { collectPages, filledIn } from './build/pages.js';
import { searchIndex } from './build/searchIndex.js';
import { INDEX } from './src/searchOptions.js';

const root = fileURLToPath(new URL('../', import.meta.url));
const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Fills in the head of the playground's page; in development it serves the guides and the API pages too. */
function pages(): Plugin {
  return {
    name: 'pages',
    transformIndexHtml: {
      order: 'post',
      handler: (html, { filename, server }) =>
        filename === here('index.html')
          ? withHead(html, 'index.html', PLAYGROUND, { policy: !server })
          : html,
    },
    configureServer(server) {
      server.middlewares.use(async (request, response, next) => {
        const path = new URL(request.url!, 'http://localhost').pathname.slice(1);
        if (!/^(guide|api|source)\//.test(path)) return next();
        const { pages, files } = collectPages(root);
        const page = pages.get(path);
        const file = files.get(path);
        if (page) {
          const html = filledIn(readFileSync(here('page.html'), 'utf8'), path, page, { policy: false });
          response.setHeader('content-type', 'text/html');
          response.end(await server.transformIndexHtml(request.url!, html.replace('./src/', '/src/')));
        } else if (file) {
          response.setHeader('content-type', file.endsWith('.svg') ? 'image/svg+xml' : 'image/png');
          response.end(readFileSync(root + file));
        } else if (path === INDEX) response.end(searchIndex(pages));
        else next();
      });
    },
  };
}

/** The library apart from the site's own code. */
const library = (id: string) => (id.startsWith(`${root}src/`) ? 'vgg-blocks' : null);
/** What counts and draws reports, on the page itself. */
const REPORTS = /^src\/(figures\/|core\/(diagram|tally|summary|cost)\.|train\/)/;
/** On the page itself reports, ImageNet's labels, and what draws garments are loaded with what shows them. */
const libraryOfPage = (id: string) => {
  const path = id.slice(root.length);
  if (REPORTS.test(path)) return 'vgg-blocks~reports';
  if (/^src\/data\/garments\/draw/.test(path)) return 'vgg-blocks~garments';
  return /^src\/(imagenet|data\/garments)\//.test(path) ? null : library(id);
};
/** The packages of others that the page uses, a file for each. */
const PACKAGES = {
  debugName: 'packages',
  priority: 3,
  name: (id: string) => {
    const [, name] = /node_modules\/@?(preact|minisearch)\//.exec(id) ?? [];
    return name ? `package~${name}` : null;
  },
};
/** What every page has: the head, and English, which the others of them load for a sentence. */
const HEAD = { name: 'head', test: /\/site\/src\/(head|copy)\.ts$/, priority: 2 };
const ENGLISH = { name: 'en', test: /\/site\/src\/text\/en\.ts$/, priority: 2 };
/** The rest of the playground's first paint, in one file: that is smaller than many. */
const FIRST = {
  name: 'first',
  test: /\/site\/src\/(?!page\.|playground\.).*\.tsx?$|\.safetensors\b/,
  tags: ['$initial' as const],
  priority: 1,
  includeDependenciesRecursively: false,
};
/**
 * The views of the visitor's images in one file, the enlarged layers of the first screen in another, and the other views in a third:
 * they share words, and all are loaded in the end.
 */
const VIEWS = {
  debugName: 'views',
  name: (id: string) => {
    const file = id.slice(root.length);
    if (/^site\/src\/(ui|state)\/(own|style)[/.]/.test(file)) return 'images';
    if (
      /^site\/src\/(ui\/(closeUp|works|sumSteps|denseSum|sweep|mapCanvas|colors)|state\/(start|sum))\./.test(
        file,
      )
    )
      return 'closeUp';
    return /^site\/src\/(ui|state)\//.test(file) ? 'views' : null;
  },
  includeDependenciesRecursively: false,
};

/**
 * What training and the kernels of a backend need: otherwise a few shared lines would join parts that are loaded apart. With the
 * architectures, on which tables elsewhere are built while files load: two files that need each other then could not start.
 */
const BASE = {
  debugName: 'base',
  priority: 1,
  name: (id: string) => (/^src\/(base|tfjs|core)\//.test(id.slice(root.length)) ? 'vgg-blocks~base' : null),
};
/** The kernels of wasm and of WebGPU, each loaded with its backend. */
const KERNELS = {
  debugName: 'kernels',
  priority: 1,
  name: (id: string) => {
    const [, backend] = /^src\/(wasm|webgpu)\//.exec(id.slice(root.length)) ?? [];
    return backend ? `vgg-blocks~${backend}` : null;
  },
};
/** In the worker training is loaded at once, and so is all that it shares with others: in one file. */
const TRAINING = {
  debugName: 'training',
  name: (id: string) => (library(id) ? 'vgg-blocks~main' : null),
  tags: ['$initial' as const],
  priority: 1,
  includeDependenciesRecursively: false,
};
/** Reading weight files, looking inside and the rest are loaded when they are needed. */
const LIBRARY = {
  debugName: 'library',
  // Small parts stay apart: joined, they imported each other in a circle, and one ran before what it needs.
  name: library,
  entriesAware: true,
};

/** What the worker needs to train, apart from the next. */
const DATA = {
  name: 'data',
  test: /site\/src\/worker\/(data|errors|models|snapshot)\.ts$/,
};
/** What the worker does for the first screen, once it has painted: one file is smaller than its parts. */
const OPENING = {
  debugName: 'opening',
  name: (id: string) =>
    /^site\/src\/worker\/(compare|describe|image|inside|look|opening|trace)\.ts$/.test(id.slice(root.length))
      ? 'opening'
      : null,
};

/** tfjs apart from the site's own code, a file for each of its packages, so that only the chosen backend is loaded. */
const TFJS_CORE = {
  name: 'tfjs-core',
  // Otherwise the code they all share would end up in the first package that imports it.
  priority: 1,
  test: /node_modules\/(@tensorflow\/tfjs-core|seedrandom|long)\/.*\.js$/,
};
const TFJS = {
  debugName: 'tfjs',
  priority: 1,
  test: /node_modules\/@tensorflow\/.*\.js$/,
  name: (id: string) => /@tensorflow\/(tfjs-[\w-]+)/.exec(id)![1]!,
};

export default defineConfig({
  root: here('.'),
  base: './',
  plugins: [pages()],
  resolve: {
    alias: [
      { find: /^vgg-blocks$/, replacement: `${root}src/index.ts` },
      { find: /^vgg-blocks\/(\w+)$/, replacement: `${root}src/$1/index.ts` },
    ],
  },
  server: { fs: { allow: [root] } },
  worker: {
    format: 'es',
    rolldownOptions: {
      output: {
        codeSplitting: { groups: [TFJS_CORE, TFJS, BASE, KERNELS, TRAINING, LIBRARY, DATA, OPENING] },
      },
    },
  },
  build: {
    outDir: here('dist'),
    emptyOutDir: true,
    target: 'es2022',
    // Anything inlined would break the site's policy, or be loaded before it is needed.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 2000,
    rolldownOptions: {
      checks: { pluginTimings: false },
      input: [here('index.html'), here('page.html')],
      output: {
        codeSplitting: {
          groups: [PACKAGES, HEAD, ENGLISH, FIRST, VIEWS, { name: libraryOfPage, debugName: 'library' }],
        },
      },
    },
  },
});
