import { keyOf } from '../base/check.js';
import { downloadFile } from '../io/download.js';
import { WeightFileError } from './formats/error.js';
import { type FromWeightsOptions, fromWeights, type LoadedNetwork } from './fromWeights.js';
import { setMetadata } from './metadata.js';
import { PUBLISHED, type PublishedName, type PublishedWeights } from './published.js';

/** Options of {@link fromPretrained}. */
export interface PretrainedOptions extends Omit<FromWeightsOptions, 'shards' | 'maxBytes'> {
  /**
   * Where the file is cached: a folder (Node) or a cache name (browser); `false` for no cache. Default
   * `$XDG_CACHE_HOME/vgg-blocks`, `~/.cache/vgg-blocks` or `%LOCALAPPDATA%\vgg-blocks`; in browsers `vgg-blocks`.
   */
  cache?: string | false;
  /** The URL of a mirror of the same file; default: the publisher's. */
  url?: string;
}

/**
 * Downloads published weights and builds their network. The file is checked against its published checksum and length
 * (`sha256`, `md5`, `bytes` of {@link PUBLISHED}) and cached; an interrupted download is resumed.
 *
 * @param name one of {@link PUBLISHED}, such as `'torchvision/vgg16'`.
 * @param options those of `fromWeights`; `onProgress` reports the download.
 * @returns the network, and `published`, the entry of {@link PUBLISHED} with the preprocessing that the weights need.
 * @throws RangeError for an unknown name; DataError when the download fails (`missing`, `unreadable`, `damaged`);
 *   WeightFileError when the file is not a weight file; the signal's reason.
 */
export async function fromPretrained(
  name: PublishedName,
  { cache, url, onProgress, fetch, ...options }: PretrainedOptions = {},
): Promise<LoadedNetwork & { published: PublishedWeights }> {
  keyOf('fromPretrained', 'name', name, PUBLISHED);
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
    const metadata = { ...loaded.metadata, preprocessing: published.preprocessing };
    setMetadata(loaded.model, metadata);
    return { ...loaded, metadata, published };
  } catch (error) {
    // Without a published checksum, only reading the file shows that it is, for example, an error page.
    if (error instanceof WeightFileError && !sha256 && !md5) await file.forget();
    throw error;
  }
}
