import {
  conv2dTranspose,
  customGrad,
  engine,
  FusedConv2D,
  mul,
  step,
  type Tensor,
  type Tensor4D,
  tidy,
} from '@tensorflow/tfjs-core';
import type { layers } from '@tensorflow/tfjs-layers';

/** What a convolution of tfjs's is told. */
interface Config {
  strides: [number, number];
  padding: 'same' | 'valid';
  dilationRate: number | number[];
  dataFormat: string;
  activation: string;
}

/**
 * What a convolution with its ReLU makes of `x`, with a gradient for `x` alone: the weights are not to learn. Under a
 * gradient tfjs takes convolution, bias and ReLU apart and keeps what each puts out, and the gradient of each; here the
 * kernel stays fused, and one feature map and one gradient are kept, a third of the memory.
 *
 * @param split whether the layer's ReLU is left out.
 */
export function fixedConvolution(layer: layers.Layer, x: Tensor, split: boolean): Tensor {
  const { strides, padding, activation } = layer.getConfig() as unknown as Config;
  const [filter, bias] = layer.getWeights() as [Tensor4D, Tensor?];
  const relu = activation === 'relu' && !split;
  const attributes = {
    strides,
    pad: padding,
    dataFormat: 'NHWC',
    dilations: [1, 1],
    activation: relu ? 'relu' : 'linear',
  };
  const apply = customGrad((x, save) => {
    const inputs = { x: x as Tensor, filter, ...(bias && { bias }) };
    const y = engine().runKernel(FusedConv2D, inputs, attributes) as Tensor;
    (save as (tensors: Tensor[]) => void)(relu ? [y] : []);
    const gradFunc = (dy: Tensor, [y]: Tensor[]) =>
      tidy(() => {
        const slope = (y ? mul(dy, step(y)) : dy) as Tensor4D;
        return conv2dTranspose(slope, filter, (x as Tensor4D).shape, strides, padding);
      });
    return { value: y, gradFunc };
  });
  return apply(x);
}

/** Whether {@link fixedConvolution} computes what a layer does. */
export function isPlainConvolution(layer: layers.Layer): boolean {
  if (layer.getClassName() !== 'Conv2D') return false;
  const { activation, dilationRate, dataFormat } = layer.getConfig() as unknown as Config;
  const plain = dataFormat === 'channelsLast' && [dilationRate].flat().every((rate) => rate === 1);
  return plain && (activation === 'relu' || activation === 'linear');
}
