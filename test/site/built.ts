import { execFileSync } from 'node:child_process';
import { mkdirSync, rmdirSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { globSync } from 'tinyglobby';

const root = fileURLToPath(new URL('../../', import.meta.url));
const SOURCES = [
  'site/{build,src,public}/**/*',
  'site/*.{html,ts}',
  'src/**/*.ts',
  'docs/{*,zh/*}.md',
  'README.md',
];
const LOCK = `${root}site/.building`;

/**
 * The folder of the built site, built first if a source is newer. Two test files may ask at the same time.
 */
export async function builtSite(): Promise<string> {
  const deadline = Date.now() + 300_000;
  for (;;) {
    try {
      mkdirSync(LOCK);
      break;
    } catch {
      if (Date.now() > deadline)
        throw new Error(
          `Another build of the site has not ended for minutes; if there is none, remove ${LOCK}.`,
        );
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
  try {
    if (isStale())
      execFileSync('npm', ['run', '--silent', 'docs'], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
  } finally {
    rmdirSync(LOCK);
  }
  return `${root}site/dist/`;
}

function isStale(): boolean {
  const built = statSync(`${root}site/dist/sw.js`, { throwIfNoEntry: false });
  if (!built) return true;
  return globSync(SOURCES, { cwd: root }).some((file) => statSync(root + file).mtimeMs > built.mtimeMs);
}
