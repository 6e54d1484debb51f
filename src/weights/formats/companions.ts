import { SOURCE } from '../../base/arguments.js';
import { shown } from '../../base/check.js';
import { isUrl } from '../../base/realm.js';
import { unlessAborted } from '../../base/unlessAborted.js';
import { isInnerPath, siblingOf } from '../../io/sibling.js';
import type { Source } from '../../io/source.js';
import { printable, WeightFileError } from './error.js';

/** Returns the weight file for a path in `model.json` or in an index of shards. */
export type ShardSource = (path: string) => Source | Promise<Source>;

/** The maximum number of weight files of a model; at tfjs's 4 MB per file, VGG-19 has 138. */
const MAX_SHARDS = 10_000;

/**
 * Where the weight files of a model are: where `shards` says, otherwise beside the file that names them. Their paths are
 * untrusted, and each must stay in its folder.
 *
 * @returns a source for each path; undefined for bytes or a Blob without `shards`, as {@link noFolder} says.
 * @throws WeightFileError for a path that leads elsewhere or occurs twice, for too many of them, and for what is no source; the signal's
 *   reason.
 */
export async function locateShards(
  file: string,
  source: Source,
  paths: readonly string[],
  { shards, signal }: { shards?: ShardSource; signal?: AbortSignal },
): Promise<Map<string, Source | undefined>> {
  if (paths.length > MAX_SHARDS) {
    throw new WeightFileError(
      file,
      `its weights are split into ${paths.length} files, more than the limit of ${MAX_SHARDS}; save it in larger ones.`,
    );
  }
  const found = new Map<string, Source | undefined>();
  for (const path of paths) {
    if (found.has(path)) {
      throw new WeightFileError(
        file,
        `it lists the weight file '${printable(path)}' twice; save the model again.`,
      );
    }
    const hasFolder = (typeof source === 'string' || isUrl(source)) && !/^(data|blob):/i.test(String(source));
    const beside = hasFolder ? siblingOf(source, path) : undefined;
    if (!isInnerPath(path) || (hasFolder && !shards && beside === undefined)) {
      throw new WeightFileError(
        file,
        `its weight file '${printable(path)}' is outside its folder; nothing was read.`,
      );
    }
    found.set(path, shards ? await given(file, path, shards, signal) : beside);
  }
  return found;
}

/** What `shards` returns for a path: undefined for a file that it does not have. */
async function given(
  file: string,
  path: string,
  shards: ShardSource,
  signal: AbortSignal | undefined,
): Promise<Source | undefined> {
  const source: unknown = await unlessAborted(signal, () => shards(path));
  if (source === undefined || SOURCE.holds(source)) return source as Source | undefined;
  throw new WeightFileError(
    file,
    `shards returned ${shown(source)} for '${printable(path)}'; return a path, a URL, a Blob, an ArrayBuffer or a Uint8Array.`,
  );
}

/** The error for a weight file that is needed where {@link locateShards} found no source. */
export function noFolder(file: string, path: string): WeightFileError {
  return new WeightFileError(
    file,
    `it needs the weight file '${printable(path)}' beside it; pass its path or URL, or its weight files as the option shards.`,
  );
}
