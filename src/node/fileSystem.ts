import { open, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { io, serialization } from '@tensorflow/tfjs-core';
import { BOOLEAN, checkArguments, kind, LIST, optional, optionsOf } from '../base/arguments.js';
import { shown, wholeNumber } from '../base/check.js';
import { printedPath } from '../base/printable.js';
import { isArrayBuffer } from '../base/realm.js';
import { withDepthMultipliers } from '../io/depthMultipliers.js';
import { storedBytes, type WeightSpec, weightGroups } from '../io/modelJson.js';
import { hasLayersOnly, modelFault } from '../io/modelTopology.js';
import { forget, temporaryPath } from '../io/pendingFile.js';
import { siblingOf } from '../io/sibling.js';
import { isOwnLayer, outlineFault } from '../tfjs/outline.js';
import { printable } from '../weights/formats/error.js';
import { checkConfiguration } from '../weights/formats/keras/config.js';
import { isGraphModel } from '../weights/formats/tfjsModel.js';
import { PATH } from './path.js';
import { OWN_SHARD, textOf, watchSaves } from './replacedShards.js';
import { because, FILE_MODULES, openPending, writeFileAtomic } from './writeFile.js';

const ARTIFACTS = kind(
  'what model.save passes',
  ({ modelTopology, weightData, weightSpecs }: io.ModelArtifacts) =>
    (isArrayBuffer(modelTopology) || JSON.stringify(modelTopology) !== undefined) &&
    optional(LIST).holds(weightSpecs) &&
    [weightData ?? []].flat().every(isArrayBuffer),
);

/** Options of {@link fileSystem}. */
export interface FileSystemOptions {
  /**
   * Maximum size of a weight file, default 64 MiB. VGG-16 is split into nine files, which browsers fetch one by one and
   * any static host accepts.
   */
  shardBytes?: number;
  /**
   * Whether a `model.json` must have all weights of its layers; default true. With false, pass `strict: false` to
   * `tf.loadLayersModel` too, which then initializes those that are missing.
   */
  strict?: boolean;
}

/**
 * A folder on disk for `model.save` and `loadLayersModel`, which plain tfjs lacks in Node: `model.json` with the weights
 * beside it, in tfjs's own layout, so that any web server can serve the folder.
 *
 * An interrupted save leaves the previous model intact: the weights are written under new names, then `model.json` is replaced
 * in one step, and only then are the old weights removed. What a save that was killed left is removed by the next. Of several
 * saves at once, the last to end is the model, and the weights of the others are removed.
 *
 * @param path the folder, or its `model.json`.
 * @throws Error, on save and load, one sentence that names the file and says what to do.
 * @example
 * await model.save(fileSystem('runs/vgg'));
 * const again = await tf.loadLayersModel(fileSystem('runs/vgg'));
 */
export function fileSystem(path: string, options: FileSystemOptions = {}): io.IOHandler {
  checkArguments('fileSystem', { path }, { path: PATH });
  const names = { shardBytes: 1, strict: BOOLEAN } as const;
  const { shardBytes = 64 * 2 ** 20, strict = true } = optionsOf('fileSystem', options, names);

  wholeNumber('fileSystem', 'shardBytes', shardBytes);
  const json = basename(path).endsWith('.json') ? path : join(path, 'model.json');
  return {
    async save(artifacts) {
      checkArguments('fileSystem', { artifacts }, { artifacts: ARTIFACTS });
      return save(json, artifacts, shardBytes);
    },
    load: () => load(json, strict),
  };
}

async function save(path: string, artifacts: io.ModelArtifacts, shardBytes: number): Promise<io.SaveResult> {
  if (isArrayBuffer(artifacts.modelTopology)) {
    throw new Error(
      `${path}: the model's topology is binary, and only JSON can be saved; use a layers model.`,
    );
  }
  const whole = withDepthMultipliers(artifacts.modelTopology, artifacts.weightSpecs ?? [], (layer) => {
    throw new Error(
      `${path}: the weights do not tell the depthMultiplier of the layer ${shown(layer)}, which TensorFlow.js leaves out; use saveModel of vgg-blocks/weights.`,
    );
  });
  const folder = dirname(path);
  const removeReplaced = await watchSaves(folder);
  const old = await shardsOf(path);
  const chunks = buffersOf(artifacts.weightData);
  const total = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  const count = Math.ceil(total / shardBytes);
  const json = await openPending(path);
  // Names the old weights, so that the next save removes them if this process is killed before it has done so.
  const leaving = await temporaryPath(FILE_MODULES, folder, OWN_SHARD.exec(old[0] ?? '')?.[1]);
  const paths = Array.from({ length: count }, (_, i) => `weights-${json.token}-${i + 1}of${count}.bin`);
  try {
    for (const [i, name] of paths.entries()) {
      await writeFileAtomic(join(folder, name), slice(chunks, i * shardBytes, (i + 1) * shardBytes));
    }
    await writeFile(leaving, '');
    const manifest = [{ paths, weights: artifacts.weightSpecs ?? [] }];
    await json.append(JSON.stringify(modelJson({ ...artifacts, modelTopology: whole }, manifest)));
    await json.commit();
  } catch (error) {
    for (const name of paths) await rm(join(folder, name), { force: true }).catch(() => {});
    await remove(leaving);
    await json.discard();
    throw error;
  }
  for (const name of old) await rm(join(folder, name), { force: true }).catch(() => {});
  await remove(leaving);
  await removeReplaced(json.token);
  return { modelArtifactsInfo: io.getModelArtifactsInfoForJSON(artifacts) };
}

async function remove(temporary: string): Promise<void> {
  await rm(temporary, { force: true }).catch(() => {});
  forget(temporary);
}

/** The `model.json` that tfjs's own handlers write beside the weights. */
function modelJson(artifacts: io.ModelArtifacts, weightsManifest: io.WeightsManifestConfig): io.ModelJSON {
  const { weightSpecs, weightData, getWeightStream, modelTopology, ...rest } = artifacts;
  return { modelTopology: modelTopology!, weightsManifest, ...rest };
}

async function load(path: string, strict: boolean): Promise<io.ModelArtifacts> {
  const model = await readModelJson(path, strict);
  return io.getModelArtifactsForJSON(model, async (manifest) => {
    const specs = manifest.flatMap(({ weights }) => weights);
    const files: Uint8Array[] = [];
    for (const name of manifest.flatMap(({ paths }) => paths)) {
      const file = siblingOf(resolve(path), name);
      if (typeof file !== 'string') {
        throw new Error(
          `${path}: the weight file '${printable(name)}' is outside the model's folder; nothing was read.`,
        );
      }
      files.push(await read(file));
    }
    const expected = specs.reduce((sum, spec) => sum + storedBytes(spec), 0);
    const actual = files.reduce((sum, file) => sum + file.length, 0);
    if (actual !== expected) {
      throw new Error(
        `${path}: its weight files have ${actual} bytes in total, but its weights need ${expected}; copy all its files or save the model again.`,
      );
    }
    return [specs, files.map((file) => file.buffer as ArrayBuffer)];
  });
}

/** Node refuses to read 2 GiB or more at once. */
const MAX_READ = 2 ** 30;

/** Reads a file into its own array; a pooled `Buffer` would share its memory with others. */
async function read(path: string): Promise<Uint8Array> {
  try {
    const found = await stat(path);
    // Opening a pipe that nobody writes to would wait forever.
    if (!found.isFile() && !found.isDirectory()) throw new Error('it is a pipe or a device; use a file');
    const file = await open(path);
    try {
      const bytes = new Uint8Array((await file.stat()).size);
      for (let at = 0; at < bytes.length; ) {
        const { bytesRead } = await file.read(bytes, at, Math.min(bytes.length - at, MAX_READ));
        if (bytesRead === 0) return bytes.slice(0, at);
        at += bytesRead;
      }
      return bytes;
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new Error(`${printedPath(path)} could not be read: ${because(error)}`, { cause: error });
  }
}

async function readModelJson(path: string, strict: boolean): Promise<io.ModelJSON> {
  const text = new TextDecoder().decode(await read(path));
  let model: Partial<io.ModelJSON>;
  try {
    model = JSON.parse(text);
  } catch (error) {
    throw new Error(`${printedPath(path)} is not JSON; save the model again.`, {
      cause: error,
    });
  }
  const groups = weightGroups(model);
  if (!model?.modelTopology || !groups) {
    throw new Error(
      `${path} is JSON but not a tfjs model: it lacks modelTopology or weightsManifest; pass a model.json.`,
    );
  }
  const specs = groups.flatMap(({ weights }) => weights);
  // A graph of operations, as TensorFlow's converter writes it, is flat, but may have any number of values.
  if (!isGraphModel(model)) checkConfiguration(path, model.modelTopology);
  const topology = withDepthMultipliers(model.modelTopology, specs);
  const fault = await faultOf(topology, specs, strict);
  if (fault !== undefined) {
    const remedy = fault.startsWith('it lacks') ? LACKING : 'save or convert the model again';
    throw new Error(`${printedPath(path)} cannot be loaded: ${fault}; ${remedy}.`);
  }
  return { ...model, modelTopology: topology } as io.ModelJSON;
}

const LACKING =
  'save or convert the model again, or pass strict: false to fileSystem and tf.loadLayersModel to initialize it';

/** Why tfjs could not build a model; undefined if nothing is known. */
async function faultOf(
  topology: object,
  specs: readonly WeightSpec[],
  strict: boolean,
): Promise<string | undefined> {
  const { classNameMap } = serialization.SerializationMap.getMap();
  const isClass = (name: string) => Object.hasOwn(classNameMap, name);
  const fault = modelFault(topology, specs, { strict, isClass, isOwnLayer });
  if (fault !== undefined) return fault;
  // Those of programs may do anything when they are built, and states are tensors.
  const isOutlined = hasLayersOnly(topology, (name, { stateful }) => isOwnLayer(name) && !stateful);
  return isOutlined ? outlineFault(topology, specs, strict) : undefined;
}

/**
 * The weight files of the model to be replaced, if any. They will be deleted, so only files that this module wrote count:
 * a `model.json` from elsewhere may name anything.
 */
async function shardsOf(path: string): Promise<string[]> {
  try {
    const groups = weightGroups(JSON.parse(await textOf(path))) ?? [];
    return groups.flatMap(({ paths }) => paths).filter((name) => OWN_SHARD.test(name));
  } catch {
    return [];
  }
}

function buffersOf(data: io.WeightData | undefined): Uint8Array[] {
  return (Array.isArray(data) ? data : data ? [data] : []).map((buffer) => new Uint8Array(buffer));
}

/** Views of the bytes from `start` to `end` of consecutive chunks; nothing is copied. */
function slice(chunks: readonly Uint8Array[], start: number, end: number): Uint8Array[] {
  let at = 0;
  return chunks.flatMap((chunk) => {
    const view = chunk.subarray(Math.max(0, start - at), Math.max(0, end - at));
    at += chunk.length;
    return view.length > 0 ? [view] : [];
  });
}
