import { isError } from '../base/realm.js';
import type { Downloaded } from '../io/download.js';
import { DataError } from '../io/errors.js';
import { type HubOptions, type HubRepository, openHub } from '../io/hub.js';
import type { Source } from '../io/read.js';
import type { ShardSource } from './formats/companions.js';
import { WeightFileError } from './formats/error.js';
import { type FromWeightsOptions, fromWeights, type LoadedNetwork } from './fromWeights.js';
import { hubMetadata } from './hubMetadata.js';
import { type ModelMetadata, setMetadata } from './metadata.js';

/** A name on the Hugging Face Hub, of any revision. */
export type HubName = `hf:${string}`;

/** The files that may have a repository's weights, in the order in which they are tried. */
const FILES = ['model.safetensors', 'pytorch_model.bin'];

/**
 * Downloads the weights of a repository and builds their network. Preprocessing and class names are those that the weight file
 * has from this library, or else what `config.json` says.
 */
export async function fromHub(
  name: HubName,
  { endpoint, token, cache, fetch, onProgress, ...options }: FromWeightsOptions & HubOptions,
): Promise<LoadedNetwork> {
  const { signal } = options;
  const hub = openHub('fromPretrained', name, { endpoint, token, cache, fetch, onProgress, signal });
  const config = await readJson(hub, 'config.json');
  const hints = hubMetadata(config, await readJson(hub, 'preprocessor_config.json'));
  const { source, shards, files } = await weightsOf(hub);
  try {
    const loaded = await fromWeights(source, { ...options, shards });
    const metadata = { ...fitting(hints, loaded, options), ...loaded.metadata };
    setMetadata(loaded.model, metadata);
    return { ...loaded, metadata };
  } catch (error) {
    // Without a checksum, only reading the file shows that it is, for example, an error page.
    if (error instanceof WeightFileError) for (const file of files) await file.forget();
    throw error;
  }
}

/** The hints that fit the model: no names of classes unless its outputs are those of the file. */
function fitting(
  { classNames, ...hints }: ModelMetadata,
  { model, report }: LoadedNetwork,
  { includeTop }: FromWeightsOptions,
): ModelMetadata {
  const outputs = (model.outputs[0]!.shape as (number | null)[]).at(-1);
  const initialized = [...report.missing, ...report.mismatched.map(({ weight }) => weight)];
  const own = includeTop !== false && !initialized.some((weight) => weight.startsWith('predictions/'));
  return own && classNames?.length === outputs ? { ...hints, classNames } : hints;
}

interface HubWeights {
  source: Source;
  shards?: ShardSource;
  files: Downloaded[];
}

async function weightsOf(hub: HubRepository): Promise<HubWeights> {
  for (const name of FILES) {
    const file = await hub.download(name);
    if (file) return { source: file.source, files: [file] };
    const index = await hub.read(`${name}.index.json`);
    if (index) return sharded(hub, `${name}.index.json`, index);
  }
  const tried = FILES.flatMap((name) => [name, `${name}.index.json`]);
  throw new DataError(
    hub.name,
    'missing',
    `the repository has none of ${tried.join(', ')}; download the file that has its weights and use fromWeights.`,
  );
}

/** All shards of an index. The reader of the index checks it; here its files are only found. */
async function sharded(hub: HubRepository, index: string, bytes: Uint8Array): Promise<HubWeights> {
  const map: unknown = Object(parse(hub, index, bytes)).weight_map;
  const names = new Set(Object.values(Object(map)).map(String));
  const wrong = [...names].find((name) => !/^\w[\w.-]{0,200}$/.test(name));
  if (wrong !== undefined) {
    throw new DataError(
      hub.name,
      'damaged',
      `${index} names the file ${JSON.stringify(wrong).slice(0, 100)}, which is not a plain name; use another repository.`,
    );
  }
  const found = new Map<string, Downloaded>();
  for (const name of names) {
    const file = await hub.download(name);
    if (!file) {
      throw new DataError(
        hub.name,
        'missing',
        `${index} names ${name}, which the repository does not have; use another.`,
      );
    }
    found.set(name, file);
  }
  return {
    source: new File([bytes as BlobPart], index),
    shards: (path) => found.get(path)!.source,
    files: [...found.values()],
  };
}

async function readJson(hub: HubRepository, file: string): Promise<unknown> {
  const bytes = await hub.read(file);
  return bytes && parse(hub, file, bytes);
}

function parse(hub: HubRepository, file: string, bytes: Uint8Array): unknown {
  const text = new TextDecoder().decode(bytes);
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!isError(error)) throw error;
    const kind = /^\s*</.test(text) ? 'a web page' : 'not JSON';
    throw new DataError(
      hub.name,
      'damaged',
      `the server's answer for ${file} is ${kind}; check the endpoint and the connection.`,
      error,
    );
  }
}
