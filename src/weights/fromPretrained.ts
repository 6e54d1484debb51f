import { oneOf } from '../base/check.js';
import { downloadFile } from '../io/download.js';
import { WeightFileError } from './formats/error.js';
import { type FromWeightsOptions, fromWeights, type LoadedNetwork } from './fromWeights.js';
import { PUBLISHED, type PublishedName, type PublishedWeights } from './published.js';

/** Options of {@link fromPretrained}. */
export interface PretrainedOptions extends Omit<FromWeightsOptions, 'shards' | 'maxBytes'> {
  /**
   * Where the file is kept: another folder (Node) or cache name (browser), `false` for nowhere. Default
   * `$XDG_CACHE_HOME/vgg-blocks`, `~/.cache/vgg-blocks` or `%LOCALAPPDATA%\vgg-blocks`; in browsers `vgg-blocks`.
   */
  cache?: string | false;
  /** A mirror of the same file; default its publisher's address. */
  url?: string;
}

/**
 * Fetches a published set of weights and builds its network. The file is checked against what its publisher says of it
 * (`sha256`, `md5`, `bytes` of {@link PUBLISHED}), kept for the next time, and taken up where a connection broke off.
 *
 * @param name one of {@link PUBLISHED}, such as `'torchvision/vgg16'`.
 * @param options as those of `fromWeights`; `onProgress` tells the bytes of the download.
 * @returns the network, and what is published of the weights, how to prepare pictures among it.
 * @throws RangeError for an unknown name; DataError when the download fails (`missing`, `unreadable`, `damaged`);
 *   WeightFileError when the file is none; the signal's reason.
 */
export async function fromPretrained(
  name: PublishedName,
  { cache, url, onProgress, fetch, ...options }: PretrainedOptions = {},
): Promise<LoadedNetwork & { published: PublishedWeights }> {
  oneOf('fromPretrained', 'name', name, Object.keys(PUBLISHED));
  const published: PublishedWeights = PUBLISHED[name];
  const { sha256, md5, bytes, top } = published;
  const address = url ?? published.url;
  const file = await downloadFile(address, {
    sha256,
    md5,
    bytes,
    cache,
    fetch,
    onProgress,
    signal: options.signal,
  });
  try {
    const loaded = await fromWeights(file.source, { ...(!top && { includeTop: false }), ...options });
    return { ...loaded, published };
  } catch (error) {
    // Of a file without a published sum nobody knew until now that it is an error page, say.
    if (error instanceof WeightFileError && !sha256 && !md5) await file.forget();
    throw error;
  }
}
