import { shown } from '../base/check.js';
import { isError } from '../base/realm.js';
import type { Downloaded } from '../io/download.js';
import { DataError } from '../io/errors.js';
import { type HubOptions, type HubRepository, openHub } from '../io/hub.js';
import type { Source } from '../io/source.js';
import type { ShardSource } from './formats/companions.js';
import { WeightFileError } from './formats/error.js';
import { OpenFiles } from './formats/file.js';
import { pageKind } from './formats/recognizeText.js';
import { type FromWeightsOptions, type LoadedNetwork, loadedFrom } from './fromWeights.js';
import { hubMetadata, namesProblem } from './hubMetadata.js';
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
  const { problem, classNamesProblem, classNames, ...hints } = hubMetadata(
    config,
    await readJson(hub, 'preprocessor_config.json'),
  );
  const { source, shards, files } = await weightsOf(hub);
  let loaded: LoadedNetwork | undefined;
  try {
    loaded = await loadedFrom('fromPretrained', source, { ...options, shards });
    const outputs = ownOutputs(loaded, options);
    const unusable =
      outputs === undefined
        ? undefined
        : (classNamesProblem ?? (classNames && namesProblem(classNames.length, outputs)));
    const named = outputs !== undefined && classNames && unusable === undefined && { classNames };
    const metadata: ModelMetadata = { ...hints, ...named, ...loaded.metadata };
    setMetadata(loaded.model, metadata);
    return {
      ...loaded,
      metadata,
      ...(unusable && !metadata.classNames && { classNamesProblem: unusable }),
      ...(problem !== undefined && !metadata.preprocessing && { preprocessingProblem: problem }),
    };
  } catch (error) {
    loaded?.model.dispose();
    if (!(error instanceof WeightFileError)) throw error;
    // Without a checksum, only reading the file shows that it is, for example, an error page.
    for (const { file } of files) await file.forget();
    const found =
      files.find(({ file }) => file.source === error.file) ?? (files.length === 1 ? files[0] : undefined);
    throw renamedError(error, `${hub.name} (${found?.name ?? error.file})`);
  }
}

/** The number of the model's outputs, if they are the classes of the file. */
function ownOutputs(
  { model, report }: LoadedNetwork,
  { includeTop }: FromWeightsOptions,
): number | undefined {
  const initialized = [...report.missing, ...report.mismatched.map(({ weight }) => weight)];
  const own = includeTop !== false && !initialized.some((weight) => weight.startsWith('predictions/'));
  return own ? ((model.outputs[0]!.shape as (number | null)[]).at(-1) ?? undefined) : undefined;
}

/** An error that names a file by where it comes from, and not by where it is cached. */
export function renamedError(error: WeightFileError, name: string): WeightFileError {
  const reason = error.reason.replaceAll(error.file, name);
  return new WeightFileError(name, reason, { tensor: error.tensor, cause: error.cause });
}

interface HubWeights {
  source: Source;
  shards?: ShardSource;
  files: { name: string; file: Downloaded }[];
}

async function weightsOf(hub: HubRepository): Promise<HubWeights> {
  for (const name of FILES) {
    const file = await hub.download(name);
    if (file) {
      await refusePage(hub, name, file);
      return { source: file.source, files: [{ name, file }] };
    }
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
  const names = new Set(Object.values(Object(map) as Record<string, unknown>));
  const isPlain = (name: unknown) => typeof name === 'string' && /^\w[\w.-]{0,200}$/.test(name);
  const wrong = [...names].filter((name) => !isPlain(name));
  if (wrong.length > 0) {
    throw new DataError(
      hub.name,
      'damaged',
      `${index} names the file ${shown(wrong[0])}, which is not a plain name; use another repository.`,
    );
  }
  const found = new Map<string, Downloaded>();
  for (const name of names as Set<string>) {
    const file = await hub.download(name);
    if (!file) {
      throw new DataError(
        hub.name,
        'missing',
        `${index} names ${name}, which the repository does not have; use another.`,
      );
    }
    await refusePage(hub, name, file);
    found.set(name, file);
  }
  return {
    source: new File([bytes as BlobPart], index),
    shards: (path) => found.get(path)!.source,
    files: [...found].map(([name, file]) => ({ name, file })),
  };
}

/** Throws if a server sent a web page or a Git LFS pointer in place of a file. */
async function refusePage(hub: HubRepository, name: string, downloaded: Downloaded): Promise<void> {
  const open = new OpenFiles({});
  const kind = await open
    .open(downloaded.source)
    .then(pageKind)
    .finally(() => open.close());
  if (kind === undefined) return;
  await downloaded.forget();
  throw new DataError(
    hub.name,
    'damaged',
    `the server's answer for ${name} is ${kind.split(/[;,] /)[0]}; check the endpoint and the repository.`,
  );
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
