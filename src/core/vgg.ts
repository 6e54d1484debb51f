import { tensor } from '@tensorflow/tfjs-core';
import {
  initializers,
  input,
  type LayersModel,
  layers,
  model,
  type SymbolicTensor,
} from '@tensorflow/tfjs-layers';
import type { ConvArch } from './arch.js';
import { applyBlock, chain } from './block.js';
import { built } from './built.js';
import { type KernelInitializers, kernelInitializers } from './initializer.js';
import {
  ADAPTIVE_SIZE,
  GLOBAL_POOLING,
  type ResolvedOptions,
  resolveVgg,
  type VggOptions,
} from './options.js';

/**
 * A VGG of any architecture: its blocks, then flatten and the fully connected layers `fc1`, `fc2`, `predictions` (more or fewer
 * with other `hiddenUnits`), under Keras' layer names (`block1_conv1`, `block1_pool`, ...).
 *
 * Input `[batch, height, width, channels]`; output `[batch, classes]` logits (probabilities with
 * `classifierActivation: 'softmax'`), or without top the last feature map `[batch, height / 2^blocks, ...,
 * channels]`, or with `pooling` a vector `[batch, channels]`.
 *
 * @param arch the blocks, e.g. `VGG11` or `[[1, 64], [1, 128], [2, 256], [2, 512], [2, 512]]`.
 * @returns a model that compiles, fits, saves and loads like any other; the same arguments give the same bits.
 * @throws RangeError, before anything is allocated, when an option is out of range or the input is too small for the poolings.
 */
export function vgg(arch: ConvArch, options: VggOptions = {}): LayersModel {
  return buildVgg('vgg', arch, options);
}

/**
 * `vgg` on behalf of the function `where`, which error messages name, as does the model by default.
 *
 * @param given initializers to use instead of the options'.
 */
export function buildVgg(
  where: string,
  arch: ConvArch,
  options: VggOptions,
  given?: KernelInitializers,
): LayersModel {
  const o = resolveVgg(where, arch, options);
  const kernels = given ?? kernelInitializers(o);
  return built(where, () => {
    const image = input({ shape: [...o.inputShape], name: 'input_layer' });
    let x = image;
    arch.forEach((block, index) => {
      x = applyBlock(x, block, `block${index + 1}_`, o, kernels);
    });
    if (o.adaptivePool) x = applyAdaptivePool(x);
    if (o.includeTop) x = applyTop(x, o, kernels);
    else if (o.pooling) x = chain(x, globalPooling(o.pooling));
    return model({ inputs: image, outputs: x, name: o.name });
  });
}

/** Appends the layers from the last feature map to the classes, with dropout after each hidden layer. */
export function applyTop(x: SymbolicTensor, o: ResolvedOptions, kernels: KernelInitializers): SymbolicTensor {
  const convolutional = o.convolutionalTop;
  if (o.pooling) x = chain(x, globalPooling(o.pooling));
  else if (!convolutional) x = chain(x, layers.flatten({ name: 'flatten' }));
  o.hiddenUnits.forEach((units, i) => {
    const rest = { activation: 'relu', kernelInitializer: kernels.next(), name: `fc${i + 1}` } as const;
    const kernelSize = i === 0 ? ADAPTIVE_SIZE : 1;
    x = chain(
      x,
      convolutional
        ? layers.conv2d({ filters: units, kernelSize, padding: 'valid', ...rest })
        : layers.dense({ units, ...rest }),
    );
    if (o.dropout > 0) x = chain(x, layers.dropout({ rate: o.dropout, name: `dropout${i + 1}` }));
  });
  if (convolutional) x = chain(x, globalPooling('avg'));
  const kernelInitializer = kernels.next();
  const activation = o.classifierActivation;
  return chain(x, layers.dense({ units: o.classes, activation, kernelInitializer, name: 'predictions' }));
}

/** The layer that reduces feature maps to one number per channel, `[batch, channels]`. */
function globalPooling(pooling: 'avg' | 'max'): layers.Layer {
  const name = GLOBAL_POOLING[pooling];
  return pooling === 'avg' ? layers.globalAveragePooling2d({ name }) : layers.globalMaxPooling2d({ name });
}

/**
 * PyTorch's `AdaptiveAvgPool2d(7)`, built of layers that plain tfjs can load: nothing for 7x7, average pooling for multiples of
 * 7, and for any other size a product with a fixed averaging matrix along the height, then along the width.
 */
function applyAdaptivePool(x: SymbolicTensor): SymbolicTensor {
  const [, height, width] = x.shape as number[];
  if (height === ADAPTIVE_SIZE && width === ADAPTIVE_SIZE) return x;
  if (height! % ADAPTIVE_SIZE === 0 && width! % ADAPTIVE_SIZE === 0) {
    const poolSize: [number, number] = [height! / ADAPTIVE_SIZE, width! / ADAPTIVE_SIZE];
    return chain(x, layers.averagePooling2d({ poolSize, strides: poolSize, name: 'avgpool' }));
  }
  // A dense layer works on the last axis, so height and width are moved there in turn.
  x = chain(x, layers.permute({ dims: [3, 2, 1], name: 'avgpool_height_last' }));
  x = chain(x, averagingLayer(height!, 'avgpool_height'));
  x = chain(x, layers.permute({ dims: [1, 3, 2], name: 'avgpool_width_last' }));
  x = chain(x, averagingLayer(width!, 'avgpool_width'));
  return chain(x, layers.permute({ dims: [2, 3, 1], name: 'avgpool' }));
}

/** Whether a layer is one of the averages of `adaptivePool`, whose weights are constants. */
export function isAverage(layer: string): boolean {
  return layer === 'avgpool_height' || layer === 'avgpool_width';
}

/** A dense layer with a fixed matrix `[size, 7]` that averages `size` values to 7. */
function averagingLayer(size: number, name: string) {
  // The matrix is passed as an initializer, so that it is named and saved like any other weight.
  const kernelInitializer = initializers.zeros();
  kernelInitializer.apply = () => tensor(averagingMatrix(size), [size, ADAPTIVE_SIZE]);
  return layers.dense({ units: ADAPTIVE_SIZE, useBias: false, trainable: false, kernelInitializer, name });
}

/** Column j averages the values from floor(j * size / 7) to below ceil((j + 1) * size / 7), as PyTorch does. */
function averagingMatrix(size: number): Float32Array {
  const matrix = new Float32Array(size * ADAPTIVE_SIZE);
  for (let j = 0; j < ADAPTIVE_SIZE; j++) {
    const start = Math.floor((j * size) / ADAPTIVE_SIZE);
    const end = Math.ceil(((j + 1) * size) / ADAPTIVE_SIZE);
    for (let i = start; i < end; i++) matrix[i * ADAPTIVE_SIZE + j] = 1 / (end - start);
  }
  return matrix;
}
