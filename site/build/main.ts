import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { collectPages, filledIn } from './pages.js';
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
for (const [place, page] of pages) {
  const up = '../'.repeat(place.split('/').length - 1);
  write(place, filledIn(template.replaceAll('="./', `="${up}`), place, page));
}
for (const [place, file] of files) {
  mkdirSync(dirname(out + place), { recursive: true });
  copyFileSync(root + file, out + place);
}
await writeServiceWorker(out);

function write(place: string, html: string): void {
  mkdirSync(dirname(out + place), { recursive: true });
  writeFileSync(out + place, html);
}
