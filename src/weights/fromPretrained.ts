import { CACHE, checkArguments, type Kind, optionsOf, STRING, TEXT } from '../base/arguments.js';
import { fail, keyOf } from '../base/check.js';
import { downloadFile } from '../io/download.js';
import type { HubOptions } from '../io/hub.js';
import { WeightFileError } from './formats/error.js';
import { fromHub, type HubName, renamedError } from './fromHub.js';
import { FROM_WEIGHTS, type FromWeightsOptions, type LoadedNetwork, loadedFrom } from './fromWeights.js';
import { setMetadata } from './metadata.js';
import { PUBLISHED, type PublishedName, type PublishedWeights } from './published.js';
import { checkPublished } from './publishedNetwork.js';

/** Options of {@link fromPretrained}. */
export interface PretrainedOptions
  extends Omit<FromWeightsOptions, 'shards' | 'maxBytes'>,
    Pick<HubOptions, 'endpoint' | 'token'> {
  /**
   * Where the file is cached: a folder (Node) or a cache name (browser); `false` for no cache. Default
   * `$XDG_CACHE_HOME/vgg-blocks`, `~/.cache/vgg-blocks` or `%LOCALAPPDATA%\vgg-blocks`; in browsers `vgg-blocks`.
   */
  cache?: string | false;
  /** The URL of a mirror of the same file, for a name of {@link PUBLISHED}; default: the publisher's. */
  url?: string;
}

const FROM_PRETRAINED: Readonly<Record<keyof PretrainedOptions, 1 | Kind>> = {
  ...FROM_WEIGHTS,
  ...{ cache: CACHE, url: TEXT, endpoint: TEXT, token: STRING },
};

/**
 * Downloads published weights and builds their network. The file is checked against its published checksum and length
 * (`sha256`, `md5`, `bytes` of {@link PUBLISHED}) and cached; an interrupted download is resumed. Where no checksum is published, the
 * file must have the blocks, classes and number of parameters of the entry.
 *
 * With `'hf:OWNER/NAME'` or `'hf:OWNER/NAME@REVISION'` the weights come from the Hugging Face Hub: `model.safetensors`, or
 * else `pytorch_model.bin`, each in one file or in the shards of its `.index.json`. A branch (the default is `main`) is looked
 * up each time, and its files are cached by their commit; those with a SHA-256 are verified. `config.json` as timm
 * writes it, or transformers' `preprocessor_config.json`, give the preprocessing and the class names, as far as they state them.
 *
 * @param name one of {@link PUBLISHED}, such as `'torchvision/vgg16'`, or such as `'hf:timm/vgg16.tv_in1k'`.
 * @param options those of `fromWeights`; `onProgress` reports the download.
 * @returns the network, whose `metadata` has the preprocessing that the weights need, and `published`, the entry of
 *   {@link PUBLISHED}, if the name is one of them.
 * @throws RangeError for an unknown name; DataError when the download fails (`missing`, `unreadable`, `damaged`);
 *   WeightFileError when the file is not a weight file; the signal's reason.
 */
export async function fromPretrained(
  name: PublishedName,
  options?: PretrainedOptions,
): Promise<LoadedNetwork & { published: PublishedWeights }>;
export async function fromPretrained(name: HubName, options?: PretrainedOptions): Promise<LoadedNetwork>;
export async function fromPretrained(
  name: PublishedName | HubName,
  options?: PretrainedOptions,
): Promise<LoadedNetwork & { published?: PublishedWeights }>;
export async function fromPretrained(
  name: PublishedName | HubName,
  options: PretrainedOptions = {},
): Promise<LoadedNetwork & { published?: PublishedWeights }> {
  checkArguments('fromPretrained', { name }, { name: TEXT });
  const { cache, url, endpoint, token, onProgress, fetch, ...rest } = optionsOf(
    'fromPretrained',
    options,
    FROM_PRETRAINED,
  );
  if (isHubName(name)) {
    if (url !== undefined) fail('fromPretrained', `url is not for '${name}'; pass the mirror as endpoint.`);
    return fromHub(name, options);
  }
  keyOf('fromPretrained', 'name', name, PUBLISHED);
  if (endpoint !== undefined || token !== undefined)
    fail('fromPretrained', `endpoint and token are for hf: names; for '${name}' pass url.`);
  const published: PublishedWeights = PUBLISHED[name];
  const { sha256, md5, bytes, top } = published;
  const isSummed = Boolean(sha256 || md5);
  const address = url ?? published.url;
  const file = await downloadFile(address, {
    sha256,
    md5,
    bytes,
    cache,
    fetch,
    onProgress,
    signal: rest.signal,
  });
  try {
    const loaded = await loadedFrom(
      'fromPretrained',
      file.source,
      { ...(!top && { includeTop: false }), ...rest },
      (name, found) => {
        if (!isSummed) checkPublished(name, published, found);
      },
    );
    const metadata = { ...loaded.metadata, preprocessing: published.preprocessing };
    setMetadata(loaded.model, metadata);
    return { ...loaded, metadata, published };
  } catch (error) {
    // Without a published checksum, only reading the file shows that it is, for example, an error page.
    if (!(error instanceof WeightFileError)) throw error;
    if (!isSummed) await file.forget();
    throw renamedError(error, name);
  }
}

function isHubName(name: string): name is HubName {
  return typeof name === 'string' && name.startsWith('hf:');
}
