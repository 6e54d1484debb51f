import { input, type LayersModel, layers, model } from '@tensorflow/tfjs-layers';
import { optionsOf } from '../base/arguments.js';
import { oneOf } from '../base/check.js';
import { type ConvArch, scaledArch, VGG11 } from './arch.js';
import { chain } from './block.js';
import { built } from './built.js';
import { FAMILY } from './family.js';
import { kernelInitializers } from './initializer.js';
import { type AlexNetOptions, OPTION_NAMES, resolveAlexNet, type VggOptions } from './options.js';
import { applyTop, buildVgg } from './vgg.js';

/**
 * VGG-11 (configuration A). The defaults are the chapter's: 224x224x1 images, 10 classes, logits.
 *
 * @example vgg11({ ...IMAGENET }) // 132863336 parameters, as in torchvision
 * @throws RangeError when an option is out of range.
 */
export function vgg11(options: VggOptions = {}): LayersModel {
  return buildVgg('vgg11', FAMILY.vgg11.arch, options);
}

/** VGG-13 (configuration B). See {@link vgg11}. */
export function vgg13(options: VggOptions = {}): LayersModel {
  return buildVgg('vgg13', FAMILY.vgg13.arch, options);
}

/** VGG-16: configuration D, or with `config: 'C'` the one with 1x1 convolutions in blocks 3 to 5. See {@link vgg11}. */
export function vgg16(options: VggOptions & { config?: 'C' | 'D' } = {}): LayersModel {
  const { config = 'D', ...rest } = optionsOf('vgg16', options, ['config', ...OPTION_NAMES]);
  const member = oneOf('vgg16', 'config', config, ['C', 'D']) === 'C' ? FAMILY.vgg16c : FAMILY.vgg16;
  return buildVgg('vgg16', member.arch, rest);
}

/** VGG-19 (configuration E). See {@link vgg11}. */
export function vgg19(options: VggOptions = {}): LayersModel {
  return buildVgg('vgg19', FAMILY.vgg19.arch, options);
}

/**
 * A narrow VGG for small images: the widths of `arch` (default VGG-11) divided by `ratio`, with the full widths of the fully
 * connected layers. `smallArch(4)` is the network that the chapter trains on Fashion-MNIST.
 *
 * @throws RangeError when `ratio` does not divide every width.
 */
export function smallArch(ratio: number, options: VggOptions & { arch?: ConvArch } = {}): LayersModel {
  const { arch = VGG11, ...rest } = optionsOf('smallArch', options, ['arch', ...OPTION_NAMES]);
  return buildVgg('smallArch', scaledArch('smallArch', arch, ratio), rest);
}

/**
 * d2l's AlexNet (chapter "Deep Convolutional Neural Networks"), with which the VGG chapter compares: convolutions 11x11/4, 5x5
 * and three 3x3, 3x3/2 max pooling, fully connected layers of 4096, 4096 and `classes`.
 *
 * Input `[batch, height, width, channels]` of at least 65x65; output `[batch, classes]`.
 */
export function alexNet(options: AlexNetOptions = {}): LayersModel {
  const o = resolveAlexNet('alexNet', options);
  const kernels = kernelInitializers(o);
  return built('alexNet', () => {
    const image = input({ shape: [...o.inputShape], name: 'input_layer' });
    const conv = (name: string, filters: number, kernelSize: number, strides = 1) =>
      layers.conv2d({
        filters,
        kernelSize,
        strides,
        padding: strides === 1 ? 'same' : 'valid',
        activation: 'relu',
        kernelInitializer: kernels.next(),
        name,
      });
    const pool = (name: string) => layers.maxPooling2d({ poolSize: 3, strides: 2, name });
    const features = [
      layers.zeroPadding2d({ padding: 1, name: 'conv1_pad' }),
      conv('conv1', 96, 11, 4),
      pool('pool1'),
      conv('conv2', 256, 5),
      pool('pool2'),
      conv('conv3', 384, 3),
      conv('conv4', 384, 3),
      conv('conv5', 256, 3),
      pool('pool5'),
    ].reduce(chain, image);
    return model({ inputs: image, outputs: applyTop(features, o, kernels), name: o.name });
  });
}
