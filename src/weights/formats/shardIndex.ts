import { printable, WeightFileError } from './error.js';
import type { StoredTensor } from './tensor.js';

/** What a reader finds in one shard. */
interface Shard {
  readonly tensors: readonly StoredTensor[];
}

/** Whether JSON is an index of shards, such as `model.safetensors.index.json` and `pytorch_model.bin.index.json`. */
export function isShardIndex(json: Record<string, unknown>): boolean {
  return typeof json.weight_map === 'object' && json.weight_map !== null;
}

/**
 * The tensors of all shards in an index, whose `weight_map` has the shard of each tensor.
 *
 * @param readShards reads the shards at these paths.
 * @returns what the first shard holds beside its tensors, and the tensors of all.
 * @throws WeightFileError when the shards do not have exactly the tensors that the index says.
 */
export async function readShardIndex<T extends Shard>(
  file: string,
  json: Record<string, unknown>,
  readShards: (paths: readonly string[]) => Promise<Map<string, T>>,
): Promise<T> {
  const places = new Map(Object.entries(json.weight_map as object));
  const paths = [...new Set(places.values())];
  if (paths.length === 0 || !paths.every((path) => typeof path === 'string')) {
    throw new WeightFileError(
      file,
      'its weight_map does not name the file of each tensor; get the index again.',
    );
  }
  const shards = await readShards(paths);
  const tensors: StoredTensor[] = [];
  for (const [path, shard] of shards) {
    for (const tensor of shard.tensors) {
      const place = places.get(tensor.name);
      if (place !== path) {
        const where = place === undefined ? 'does not list it' : `says that '${printable(place)}' has it`;
        throw new WeightFileError(
          file,
          `it is in '${printable(path)}', but the index ${where}; get the index and all shards from one place.`,
          { tensor: tensor.name },
        );
      }
      tensors.push(tensor);
      places.delete(tensor.name);
    }
  }
  for (const [tensor, path] of places) {
    throw new WeightFileError(
      file,
      `it is not in '${printable(path)}', where the index says; get the index and all shards from one place.`,
      { tensor },
    );
  }
  return { ...[...shards.values()][0]!, tensors };
}

/** What a file's name says if it is one of several shards, such as `model-00001-of-00002.safetensors`. */
export function shardOfSeveral(file: string): string | undefined {
  const [, stem, number, count, ending] =
    /([^/\\]*)-(\d{5})-of-(\d{5})\.(safetensors|bin)(?:[?#].*)?$/.exec(file) ?? [];
  if (!count || Number(count) < 2) return undefined;
  return `it is shard ${Number(number)} of ${Number(count)} of a checkpoint; use the index beside them, ${stem}.${ending}.index.json.`;
}
