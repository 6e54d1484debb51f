import { DataError } from '../io/errors.js';
import { nodeModules } from '../io/runtime.js';
import { isPath, nodePath } from '../io/source.js';
import { IDX_NAMES, type IdxPart } from './publishedSets.js';

/** The names of the files of a folder on disk, without hidden ones; undefined where it cannot be listed. */
export async function namesIn(source: string | URL): Promise<readonly string[] | undefined> {
  const node = isPath(source) ? nodeModules() : undefined;
  const all = await node?.fs.readdir(nodePath(source)).catch(() => undefined);
  return all?.filter((name) => !name.startsWith('.'));
}

/** The names under which a part may be in a folder; those that are there, if it can be listed. */
export function idxNames(
  part: IdxPart,
  source: string | URL,
  all: readonly string[] | undefined,
): readonly string[] {
  // Browsers and unpackers write train-images.idx3-ubyte.
  const usual = [IDX_NAMES[part], IDX_NAMES[part].replace('-idx', '.idx')].flatMap((name) => [
    `${name}.gz`,
    name,
  ]);
  if (!all || all.some((name) => usual.includes(name))) return usual;
  const [set, ...kind] = IDX_NAMES[part].split('-');
  const ending = new RegExp(
    `-${set === 't10k' ? '(?:t10k|test)' : set}-${kind[0]}[-.]${kind[1]}-ubyte(?:\\.gz)?$`,
  );
  const found = all
    .filter((name) => ending.test(name))
    .sort()
    .reverse();
  refuseSets(source, new Set(found.map((name) => name.replace(ending, ''))));
  return found;
}

/** Tables of training and test images, as Kaggle has them. */
export interface TableNames {
  train: string;
  test: string;
}

/**
 * The tables in a folder, `NAME_train.csv` and `NAME_test.csv`; undefined if it has none, or IDX files.
 *
 * @throws DataError when it has one of the two only, or those of several sets.
 */
export function tableNames(source: string | URL, all: readonly string[] | undefined): TableNames | undefined {
  if (!all || all.some((name) => /[-.]idx[13]-ubyte/.test(name))) return undefined;
  const named = (part: string) => {
    const ending = new RegExp(`(?:^|[-_])${part}\\.csv$`, 'i');
    const found = all.filter((name) => ending.test(name));
    refuseSets(source, new Set(found.map((name) => name.replace(ending, ''))));
    return found[0];
  };
  const [train, test] = [named('train'), named('test')];
  if (train && test) return { train, test };
  const one = train ?? test;
  if (one === undefined) return undefined;
  const missing = train ? one.replace(/train(?=\.csv$)/i, 'test') : one.replace(/test(?=\.csv$)/i, 'train');
  throw new DataError(
    String(source),
    'missing',
    `it has ${one}, but not ${missing}; use a folder with both.`,
  );
}

function refuseSets(source: string | URL, sets: ReadonlySet<string>): void {
  if (sets.size < 2) return;
  throw new DataError(
    String(source),
    'unreadable',
    `it has the files of ${sets.size} sets, ${[...sets].sort().join(', ')}; use a folder with those of one.`,
  );
}
