import { readdir, readFile, realpath, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** The names of weight files that `fileSystem` writes, with the token of their save. */
export const OWN_SHARD = /^weights-([0-9a-f]{8})-\d+of\d+\.bin$/;

/** The name of a file that is not complete, with the token of its save: see `openPending`. */
const UNFINISHED = /^\.vgg-blocks-.*-([0-9a-f]{8})\.tmp$/;

/**
 * Watches for other saves into a folder, of this or another process; to be called before a save reads which weights it replaces. One
 * that ends between that and this save's own end is replaced as well, and nobody else would remove its weights.
 *
 * @returns a function of this save's own token, to call once it is complete. It removes the weights that came meanwhile and that
 *   no `.json` of the folder names and no save is writing. What was there before stays, whoever left it.
 */
export async function watchSaves(folder: string): Promise<(own: string) => Promise<void>> {
  const before = await readdir(folder).catch(() => []);
  const running = tokensOf(before, UNFINISHED);
  const settled = tokensOf(before, OWN_SHARD).filter((token) => !running.includes(token));
  return async (own) => {
    try {
      const names = await readdir(folder);
      const others = tokensOf(names, OWN_SHARD).filter((token) => token !== own && !settled.includes(token));
      const left = others.length > 0 ? await unneeded(folder, others) : [];
      for (const name of names) {
        if (left.includes(OWN_SHARD.exec(name)?.[1] ?? '')) await rm(join(folder, name), { force: true });
      }
    } catch {
      // Of a folder that cannot be looked at, nothing is removed.
    }
  };
}

/** The saves, among some whose weights were seen, that neither run nor are named. */
async function unneeded(folder: string, tokens: readonly string[]): Promise<string[]> {
  // A model.json that is a link is written where it leads.
  const homes = (await modelsIn(folder)).map(async (path) => dirname(await realpath(path)));
  const running: string[] = [];
  for (const home of new Set([folder, ...(await Promise.all(homes))])) {
    running.push(...tokensOf(await readdir(home), UNFINISHED));
  }
  // Looked at last: what does not run any more is named by now, or has failed.
  const models = await Promise.all((await modelsIn(folder)).map(textOf));
  return tokens.filter(
    (token) => !running.includes(token) && !models.some((text) => text.includes(`weights-${token}-`)),
  );
}

async function modelsIn(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => name.endsWith('.json')).map((name) => join(folder, name));
}

/** The text of a file; empty for what is not a file. */
export async function textOf(path: string): Promise<string> {
  // Reading a pipe may never end.
  return (await stat(path)).isFile() ? readFile(path, 'utf8') : '';
}

function tokensOf(names: readonly string[], pattern: RegExp): string[] {
  return [...new Set(names.flatMap((name) => pattern.exec(name)?.[1] ?? []))];
}
