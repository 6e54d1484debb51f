import { input, type LayersModel, layers, model, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { optionsOf } from '../base/arguments.js';
import { wholeNumber } from '../base/check.js';
import { type Block, checkArch, MAX_CHANNELS } from './arch.js';
import { built } from './built.js';
import { type KernelInitializers, kernelInitializers } from './initializer.js';
import { type BlockStyle, resolveOptions, type VggOptions } from './options.js';

const STYLE = ['padding', 'convBias', 'batchNorm', 'initializer', 'seed', 'name'] as const;

/**
 * One VGG block as a model: `numConvs` 3x3 convolutions with padding 'same' and ReLU, then 2x2 max pooling with stride 2. The
 * first convolution has `inChannels` inputs, the others `outChannels`.
 *
 * Input `[batch, height, width, inChannels]` of any size from 2x2; output `[batch, height / 2, width / 2, outChannels]`. With
 * padding 'valid' each 3x3 convolution first takes 2 off height and width. `pointwise` appends that many 1x1 convolutions, as
 * configuration C does.
 *
 * @example vggBlock(2, 64, 128) // [1, 56, 56, 64] to [1, 28, 28, 128]
 * @throws RangeError when a number is not a whole number of at least 1.
 */
export function vggBlock(
  numConvs: number,
  inChannels: number,
  outChannels: number,
  options: Pick<VggOptions, (typeof STYLE)[number]> & { pointwise?: number } = {},
): LayersModel {
  const names = ['pointwise', ...STYLE] as const;
  const { pointwise = 0, ...rest } = optionsOf('vggBlock', options, names);
  const block = [numConvs, outChannels, pointwise] as const;
  wholeNumber('vggBlock', 'inChannels', inChannels, 1, MAX_CHANNELS);
  checkArch('vggBlock', [block]);
  const { name, ...style } = resolveOptions('vggBlock', rest, STYLE);
  return built('vggBlock', () => {
    const x = input({ shape: [null, null, inChannels], name: 'input_layer' });
    const y = applyBlock(x, block, '', style, kernelInitializers(style));
    return model({ inputs: x, outputs: y, name });
  });
}

/** Appends a block's layers, named `${prefix}conv1` ... `${prefix}pool`. */
export function applyBlock(
  x: SymbolicTensor,
  [convs, channels, pointwise = 0]: Block,
  prefix: string,
  { padding, convBias, batchNorm }: BlockStyle,
  kernels: KernelInitializers,
): SymbolicTensor {
  const reluLast = batchNorm && !batchNorm.afterRelu;
  for (let i = 1; i <= convs + pointwise; i++) {
    const name = `${prefix}conv${i}`;
    const conv = layers.conv2d({
      filters: channels,
      kernelSize: i <= convs ? 3 : 1,
      padding,
      useBias: convBias,
      activation: reluLast ? 'linear' : 'relu',
      kernelInitializer: kernels.next(),
      name,
    });
    x = chain(x, conv);
    if (batchNorm) {
      const { epsilon, momentum } = batchNorm;
      x = chain(x, layers.batchNormalization({ epsilon, momentum, name: `${name}_bn` }));
    }
    if (reluLast) x = chain(x, layers.reLU({ name: `${name}_relu` }));
  }
  return chain(x, layers.maxPooling2d({ poolSize: 2, strides: 2, name: `${prefix}pool` }));
}

/** Applies a layer to one symbolic tensor. */
export function chain(x: SymbolicTensor, layer: layers.Layer): SymbolicTensor {
  return layer.apply(x) as SymbolicTensor;
}
