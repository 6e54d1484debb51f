import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { globSync } from 'tinyglobby';
import { LOST } from './lost.js';

/** The text of every page but the playground, from which the service worker saves them with one request. */
const ALL_PAGES = 'pages.json';

/** Writes `sw.js`, which lists every file of the site but the page that only a host shows, and carries a version that changes with any of them. */
export async function writeServiceWorker(out: string): Promise<void> {
  const files = globSync(['**/*'], { cwd: out, ignore: ['sw.js', ALL_PAGES, LOST, 'lost.js'] }).sort();
  const isReading = (file: string) => /^(api|guide|source)\//.test(file);
  const isPage = (file: string) => isReading(file) && file.endsWith('.html');
  const pages = files.filter(isPage);
  writeFileSync(
    out + ALL_PAGES,
    JSON.stringify(Object.fromEntries(pages.map((page) => [page, readFileSync(out + page, 'utf8')]))),
  );
  const sum = createHash('sha256');
  for (const file of files) sum.update(file).update(readFileSync(out + file));
  await build({
    entryPoints: [fileURLToPath(new URL('../src/serviceWorker.ts', import.meta.url))],
    outfile: `${out}sw.js`,
    bundle: true,
    minify: true,
    define: {
      PLAYGROUND: JSON.stringify(files.filter((file) => !isReading(file))),
      READING: JSON.stringify(files.filter((file) => isReading(file) && !isPage(file))),
      PAGES: JSON.stringify(pages),
      ALL_PAGES: JSON.stringify(ALL_PAGES),
      VERSION: JSON.stringify(sum.digest('hex').slice(0, 16)),
    },
  });
}
