import { avgPool, type Tensor, type Tensor4D } from '@tensorflow/tfjs-core';
import type { LayersModel, SymbolicTensor, layers as tfjsLayers } from '@tensorflow/tfjs-layers';
import { fail, oneOf } from '../../base/check.js';
import { fits, shapeText } from '../../base/shapes.js';
import { normalizeImages, type Preprocessing } from '../../images/index.js';
import { fixedLayer } from '../../tfjs/fusedLayers.js';
import { checkImageSize } from '../../tfjs/imageSize.js';
import { inputShapeOf } from '../../tfjs/models.js';
import { applyActivation, sharedLayer } from '../../tfjs/sharedLayer.js';
import { chainTo } from '../taps/chain.js';
import { type Tap, tapOf } from '../taps/taps.js';

/** Options of {@link imageFeatures}. */
export interface ImageFeaturesOptions {
  /**
   * Preprocessing of the model's weights (`published.preprocessing`): images are then RGB from 0 to 1. Default: images are
   * passed to the model as they are.
   */
  preprocessing?: Preprocessing;
  /** `'avg'` replaces max pooling by average pooling. Default `'max'`. */
  pooling?: 'max' | 'avg';
}

/** Features of images, through which gradients pass to the images. */
interface ImageFeatures {
  /** From images `[batch, height, width, channels]` to features, in the order of the layer names. */
  features: (images: Tensor4D) => Tensor[];
  /** Throws when an image of this shape, `[height, width, channels]`, is too small for the layers. */
  checkImage: (shape: readonly number[]) => void;
  /** The layers that run. */
  layers: readonly tfjsLayers.Layer[];
}

/**
 * The features that losses compare. If only convolutional layers are used, images may have any size.
 *
 * @throws RangeError when there is no such layer or the layers are not a chain; `features`, when the images do not fit.
 */
export function imageFeatures(
  where: string,
  model: LayersModel,
  names: readonly string[],
  { preprocessing, pooling = 'max' }: ImageFeaturesOptions,
): ImageFeatures {
  if (names.length === 0) fail(where, 'no layer is named; pass at least one name.');
  oneOf(where, 'pooling', pooling, ['max', 'avg']);
  const taps = names.map((name) => tapOf(where, model, name));
  const layers = chainTo(where, model, taps);
  const shape = inputShapeOf(model);
  const anySize = !layers.some((layer) => /^(Flatten|Dense)$/.test(layer.getClassName()));
  const wanted = anySize ? [null, null, shape[2]!] : shape;

  const outputs = [(layers.at(-1)?.output ?? model.inputs[0]) as SymbolicTensor];
  const checkImage = (shape: readonly number[]) => checkImageSize(where, model, shape, outputs);

  const features = (images: Tensor4D) => {
    if (!fits(images.shape, [null, ...wanted])) {
      fail(where, `the images have shape [${images.shape}]; pass [batch, ${shapeText(wanted, ', ')}].`);
    }
    checkImage(images.shape.slice(1));
    const found = new Map<string, Tensor>();
    let x: Tensor = preprocessing ? normalizeImages(images, preprocessing) : images;
    found.set(keyOf({ layer: model.inputs[0]!.sourceLayer.name, side: 'after' }), x);
    for (const layer of layers) {
      const split = taps.some((tap) => tap.layer === layer.name && tap.side === 'before');
      x = applied(layer, x, split, pooling);
      found.set(keyOf({ layer: layer.name, side: 'before' }), x);
      if (split) x = applyActivation(x, layer);
      found.set(keyOf({ layer: layer.name, side: 'after' }), x);
    }
    return taps.map((tap) => found.get(keyOf(tap))!);
  };
  return { features, checkImage, layers };
}

/** A layer applied in inference, without its activation if `split`. */
function applied(layer: tfjsLayers.Layer, x: Tensor, split: boolean, pooling: 'max' | 'avg'): Tensor {
  const activation = split ? 'none' : 'own';
  const fused = fixedLayer(layer, x, activation);
  if (fused) return fused;
  if (pooling === 'avg' && layer.getClassName() === 'MaxPooling2D') {
    const { poolSize, strides, padding } = layer.getConfig() as unknown as Record<string, never>;
    return avgPool(x as Tensor4D, poolSize!, strides!, padding!);
  }
  return sharedLayer(layer, activation).apply(x, { training: false }) as Tensor;
}

function keyOf({ layer, side }: Tap): string {
  return `${side} ${layer}`;
}
