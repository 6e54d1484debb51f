import { type Tensor, tensor1d, tensor2d, tidy } from '@tensorflow/tfjs-core';
import type { LayersModel, SymbolicTensor } from '@tensorflow/tfjs-layers';
import { featureExtractor, transferHead } from 'vgg-blocks/features';
import { type Preprocessing, preprocessingAt } from 'vgg-blocks/images';
import { setMetadata } from 'vgg-blocks/weights';
import { size } from '../../../../src/base/shapes.js';
import type { PreprocessingName } from '../../state/choice.js';
import { inputShape, preprocessingOf } from '../image.js';

/** A network for the visitor's classes. */
export interface OwnRequest {
  /** How images are prepared for the base. */
  preprocessing: PreprocessingName;
  classNames: readonly string[];
}

/** The new last layer, as the page keeps it. */
export interface OwnHead {
  kernel: Float32Array;
  bias: Float32Array;
}

/** Features with at most so many numbers keep their positions, of which a small network's have much to say; others are averaged. */
const MAX_FLAT = 4096;
export const SEED = 0;

/** How images are prepared for a network, as squares of its smaller side. */
function preparationOf(base: LayersModel, name: PreprocessingName): Preprocessing {
  const [height, width, channels] = inputShape(base);
  if (channels !== 1 && channels !== 3) {
    throw new RangeError(`The network takes images of ${channels} channels; open one for 1 or 3.`);
  }
  const found = preprocessingAt(preprocessingOf(base, name), Math.min(height, width));
  return channels === 1 ? { ...found, channels: 'gray' } : found;
}

/** The last feature map before the classifier. */
function lastMap(base: LayersModel): string {
  const isMap = ({ output }: LayersModel['layers'][number]) => (output as SymbolicTensor).shape.length === 4;
  const maps = base.layers.filter((layer) => layer.getClassName() !== 'InputLayer' && isMap(layer));
  const found = maps.findLast(({ name }) => /^block\d+_pool$/.test(name)) ?? maps.at(-1);
  if (!found) throw new RangeError('The network has no feature maps; open one with convolutions.');
  return found.name;
}

/** A network for the visitor's classes, and the layer that ends its features. Disposing it leaves the base as it is. */
export function assembled(
  base: LayersModel,
  { preprocessing: name, classNames }: OwnRequest,
): { network: LayersModel; preprocessing: Preprocessing; pooled: string } {
  const preprocessing = preparationOf(base, name);
  const { crop } = preprocessing;
  const features = featureExtractor(base, lastMap(base), {
    inputShape: [crop, crop, preprocessing.channels === 'gray' ? 1 : 3],
    name: `${base.name}_features`,
  });
  const isSmall = size(features.outputs[0]!.shape.slice(1) as number[]) <= MAX_FLAT;
  const network = transferHead(features, {
    classes: classNames.length,
    pooling: isSmall ? 'flatten' : 'avg',
    seed: SEED,
    name: 'own_images',
  });
  setMetadata(network, { preprocessing, classNames });
  return { network, preprocessing, pooled: isSmall ? 'flatten' : 'global_average_pooling2d' };
}

/** The network of a last layer that the page has kept. */
export function recall(base: LayersModel, { kernel, bias, ...request }: OwnRequest & OwnHead): LayersModel {
  const { network } = assembled(base, request);
  const [{ shape }] = lastLayer(network).getWeights() as [Tensor];
  if (size(shape) !== kernel.length) {
    network.dispose();
    throw new RangeError('The network has other features than those that the last layer was trained on.');
  }
  setHead(network, { kernel, bias });
  return network;
}

const lastLayer = (network: LayersModel) => network.getLayer('predictions');

export async function headOf(network: LayersModel): Promise<OwnHead> {
  const weights = lastLayer(network).getWeights();
  const [kernel, bias] = await Promise.all(weights.map((weight) => weight.data<'float32'>()));
  return { kernel: kernel!.slice(), bias: bias!.slice() };
}

export function setHead(network: LayersModel, { kernel, bias }: OwnHead): void {
  const shape: [number, number] = [kernel.length / bias.length, bias.length];
  tidy(() => lastLayer(network).setWeights([tensor2d(kernel, shape), tensor1d(bias)]));
}
