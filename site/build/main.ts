import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { INDEX } from '../src/searchOptions.js';
import { LIST } from '../src/state/backendFiles.js';
import { backendFiles } from './backendFiles.js';
import { collectPages, filledIn } from './pages.js';
import { searchIndex } from './searchIndex.js';
import { writeServiceWorker } from './serviceWorker.js';

// Builds the site once typedoc has written the API pages: Vite builds the playground and a template, the template gives
// every other page, and a service worker caches them all.
const root = fileURLToPath(new URL('../../', import.meta.url));
const out = fileURLToPath(new URL('../dist/', import.meta.url));

// A test runner sets another environment, in which Vite would leave the service worker out.
process.env.NODE_ENV = 'production';
await build({ configFile: fileURLToPath(new URL('../vite.config.ts', import.meta.url)), logLevel: 'warn' });
const template = readFileSync(`${out}page.html`, 'utf8');
rmSync(`${out}page.html`);

const { pages, files } = collectPages(root);
for (const [path, page] of pages) {
  const up = '../'.repeat(path.split('/').length - 1);
  write(path, filledIn(template.replaceAll('="./', `="${up}`), path, page));
}
for (const [path, file] of files) {
  mkdirSync(dirname(out + path), { recursive: true });
  copyFileSync(root + file, out + path);
}
write(INDEX, searchIndex(pages));
write(LIST, JSON.stringify(backendFiles(out)));
await writeServiceWorker(out);

function write(path: string, text: string): void {
  mkdirSync(dirname(out + path), { recursive: true });
  writeFileSync(out + path, text);
}
