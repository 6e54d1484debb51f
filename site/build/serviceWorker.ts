import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { globSync } from 'tinyglobby';

/** Writes `sw.js`, which lists every file of the site and carries a version that changes with any of them. */
export async function writeServiceWorker(out: string): Promise<void> {
  const files = globSync(['**/*'], { cwd: out, ignore: ['sw.js'] }).sort();
  const isReading = (file: string) => /^(api|guide|source)\//.test(file);
  const sum = createHash('sha256');
  for (const file of files) sum.update(file).update(readFileSync(out + file));
  await build({
    entryPoints: [fileURLToPath(new URL('../src/serviceWorker.ts', import.meta.url))],
    outfile: `${out}sw.js`,
    bundle: true,
    minify: true,
    define: {
      PLAYGROUND: JSON.stringify(files.filter((file) => !isReading(file))),
      READING: JSON.stringify(files.filter(isReading)),
      VERSION: JSON.stringify(sum.digest('hex').slice(0, 16)),
    },
  });
}
