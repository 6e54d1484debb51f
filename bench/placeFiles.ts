import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { setBackend, type Tensor, tensor4d } from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { compress, equalize, foldNorms } from 'vgg-blocks/compress';
import { fashionMnist, garments } from 'vgg-blocks/data';
import { fileSystem } from 'vgg-blocks/node';
import { installWasmKernels } from 'vgg-blocks/wasm';
import { encodeWeights, fromWeights, saveModel, toOnnx } from 'vgg-blocks/weights';
import type { Spec } from './spec.js';

/** The files of a network, by the names that the table gives them: a path below the network's folder. */
export const FILES = {
  'tfjs float32': 'float32/model.json',
  'tfjs float16': 'float16/model.json',
  'tfjs uint8': 'uint8/model.json',
  'tfjs compressed': 'compressed/model.json',
  'ONNX float32': 'network.onnx',
  'ONNX float16': 'network-float16.onnx',
  'ONNX int8': 'network-int8.onnx',
  'ONNX compressed': 'compressed.onnx',
  'safetensors float32': 'network.safetensors',
  'Keras float32': 'network.keras',
} as const;
export type FileName = keyof typeof FILES;

/** The part of a spec that follows from the network. */
export type NetworkShape = Pick<Spec, 'arch' | 'inputShape' | 'classes' | 'hiddenUnits' | 'batchNorm'>;

export interface PlacedNetwork {
  shape: NetworkShape;
  weights: number;
  /** What tfjs's cpu backend computes for the image, which has no kernels of this library. */
  logits: number[];
}

/** To what a network is compressed, and on which images' account. */
export interface Compression {
  maxBytes: number;
  /** A folder of Fashion-MNIST's files. */
  images: string;
}

const CALIBRATION_IMAGES = 500;

/** Writes a network in every format, and a drawn garment as its image. */
export async function writeNetwork(
  source: string,
  folder: string,
  compression?: Compression,
): Promise<PlacedNetwork> {
  installWasmKernels();
  await setBackend('wasm');
  const { model, network } = await fromWeights(source);
  const hidden = new Set(network?.top?.hiddenUnits);
  if (network?.top?.hiddenUnits.length !== 2 || hidden.size !== 1) {
    throw new Error(
      `${source} is not a VGG with two hidden layers of one width, which PyTorch's script builds.`,
    );
  }
  const inputShape = model.inputs[0]!.shape.slice(1) as [number, number, number];
  const [height, width, channels] = inputShape;
  if (channels !== 1 || height !== width) throw new Error(`${source} does not take square gray images.`);
  for (const quantize of [undefined, 'float16'] as const) {
    await saveModel(model, fileSystem(join(folder, quantize ?? 'float32')), { quantize });
  }
  const folded = foldNorms(model);
  const equalized = await equalize(folded);
  await saveModel(equalized, fileSystem(join(folder, 'uint8')), { quantize: 'uint8' });
  for (const dtype of ['float32', 'float16', 'int8'] as const) {
    const name = FILES[`ONNX ${dtype}`];
    writeFileSync(join(folder, name), await toOnnx(model, { dtype }));
  }
  writeFileSync(
    join(folder, FILES['safetensors float32']),
    await encodeWeights(model, { names: 'torchvision' }),
  );
  writeFileSync(join(folder, FILES['Keras float32']), await encodeWeights(model, { container: 'keras' }));
  if (compression) {
    const { trainSet } = await fashionMnist({ source: compression.images });
    const images = trainSet.take(0, CALIBRATION_IMAGES).resize(height);
    const { model: small } = await compress(model, { maxBytes: compression.maxBytes }, images);
    await saveModel(small, fileSystem(join(folder, 'compressed')), { quantize: 'uint8' });
    writeFileSync(join(folder, FILES['ONNX compressed']), await toOnnx(small, { dtype: 'int8' }));
    small.dispose();
  }
  const { testSet } = garments({ trainImages: 0, testImages: 1 });
  const [batch] = testSet.resize(height).batches({ batchSize: 1 });
  const numbers = await batch!.xs.data<'float32'>();
  writeFileSync(join(folder, 'images.bin'), new Uint8Array(numbers.slice().buffer));
  await setBackend('cpu');
  const logits = model.predict(tensor4d(numbers, [1, ...inputShape])) as Tensor;
  const { arch, batchNorm, top } = network;
  const shape = {
    arch,
    inputShape,
    classes: top.classes,
    hiddenUnits: [...hidden][0]!,
    batchNorm: !!batchNorm,
  };
  const result = { shape, weights: model.countParams(), logits: [...(await logits.data())] };
  for (const one of [logits, equalized, folded, model]) one.dispose();
  return result;
}

/** Bytes, and what is sent of them. */
export interface Sizes {
  bytes: number;
  gzip: number;
  brotli: number;
}

/** Files larger than this are compressed with less effort, for the time that it takes. */
const LARGE = 2 ** 25;

const known = new Map<string, Promise<Sizes>>();

async function sizesOfFile(path: string): Promise<Sizes> {
  const content = readFileSync(path);
  const large = content.length > LARGE;
  const [gzipped, brotlied] = await Promise.all([
    promisify(gzip)(content, { level: large ? 6 : 9 }),
    promisify(brotliCompress)(content, { params: { [constants.BROTLI_PARAM_QUALITY]: large ? 5 : 11 } }),
  ]);
  return { bytes: content.length, gzip: gzipped.length, brotli: brotlied.length };
}

/** The sizes of files together, each compressed by itself, as servers do. */
export async function sizesOf(paths: readonly string[]): Promise<Sizes> {
  const total = { bytes: 0, gzip: 0, brotli: 0 };
  for (const path of paths) {
    if (!known.has(path)) known.set(path, sizesOfFile(path));
    const sizes = await known.get(path)!;
    for (const key of ['bytes', 'gzip', 'brotli'] as const) total[key] += sizes[key];
  }
  return total;
}

/** The files of a model: a tfjs model's are all in its folder. */
export function pathsOf(path: string): string[] {
  if (!path.endsWith('model.json')) return [path];
  const folder = join(path, '..');
  return readdirSync(folder).map((name) => join(folder, name));
}
