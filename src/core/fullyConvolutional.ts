import {
  input,
  type LayersModel,
  type layers,
  type SymbolicTensor,
  model as tfjsModel,
} from '@tensorflow/tfjs-layers';
import { checkArguments, isListOf, MODEL, optionsOf } from '../base/arguments.js';
import { fail, oneOf, shown } from '../base/check.js';
import { fits, shapeText } from '../base/shapes.js';
import { applied, compute, graphOf } from '../tfjs/graph.js';
import { checkWhatItPredicts, imageShapeOf } from '../tfjs/imageSize.js';
import { ownOnce } from '../tfjs/models.js';
import { onBackend } from '../tfjs/onBackend.js';
import { checkCopy, uniqueLayerNames } from '../tfjs/sharedLayer.js';
import { built } from './built.js';
import { conversionsOf } from './conversions.js';
import type { ImageShape } from './options.js';

/** Options of {@link fullyConvolutional}. */
export interface FullyConvolutionalOptions {
  /**
   * `[height, width, channels]` of the images that the model was trained with: what one position of the map sees. Default: the
   * model's input; a model for images of any size needs it.
   */
  inputShape?: ImageShape;
  /** Leaves out the softmax or sigmoid that the model may end with, for class scores as the paper averages them. Default false. */
  logits?: boolean;
}

/**
 * The same network without fully connected layers, for images of any size: what reads the flattened map becomes a convolution whose
 * window is that map (7x7 for a VGG at 224x224), the layers behind it become 1x1 convolutions (Simonyan & Zisserman 2014, section
 * 3.2, after OverFeat, Sermanet et al. 2014). A global pooling becomes a pooling of that window, with strides of 1.
 *
 * At the model's own size, the result is the model's, at the single position of the map. Larger images give a map of class scores,
 * one position for each window: a VGG moves by 32 pixels from one to the next. The mean over the positions are the paper's scores of
 * the whole image (`evaluate --dense`). Dropout stays, and so does a softmax or sigmoid at the end, for each position by itself;
 * with `logits` it is left out.
 *
 * The model is not changed. The new one has variables of its own, which share their numbers with the model's: they take no
 * memory until one of the two is trained, training one does not change the other, and either may be disposed first. Regularizers are left
 * out; preprocessing and class names are kept.
 *
 * @returns a model from `[batch, height, width, channels]` to `[batch, rows, columns, outputs]`, which saves and loads like any other.
 * @throws RangeError when a layer depends on the size of its input, such as the averages of `adaptivePool`, or the model has several
 *   inputs or outputs; `predict`, when images are smaller than one position sees, or their maps do not fit together.
 * @example
 * const map = fullyConvolutional(vgg16(IMAGENET)).predict(images) as Tensor; // [n, 384, 512, 3] to [n, 6, 10, 1000]
 */
export function fullyConvolutional(model: LayersModel, options: FullyConvolutionalOptions = {}): LayersModel {
  return convolutional('fullyConvolutional', model, options);
}

/** As `fullyConvolutional`, for the function that error messages name. */
export function convolutional(
  where: string,
  model: LayersModel,
  options: FullyConvolutionalOptions,
): LayersModel {
  checkArguments(where, { model }, { model: MODEL });
  const { inputShape, logits = false } = optionsOf(where, options, { inputShape: 1, logits: 1 });
  oneOf(where, 'logits', logits, [true, false]);

  checkCopy(where, model);
  const graph = graphOf(where, model);
  const shape = sizeOf(where, model, inputShape);
  const conversions = conversionsOf(where, graph, shape, logits);
  const build = () => {
    const { dtype } = model.inputs[0]!;
    const image = input({ shape: [null, null, shape[2]], dtype, name: graph.input.layer.name });
    const named = uniqueLayerNames(image.name);
    const made = new Map<string, layers.Layer>();
    const output = compute<SymbolicTensor>(
      graph.outputs,
      new Map([[graph.input, [image]]]),
      (call, inputs) => {
        const { key, make } = conversions.get(call)!;
        if (!make) return inputs;
        // A layer that is called several times stays one layer.
        const layer = made.get(key) ?? named(make());
        made.set(key, layer);
        return applied(call, inputs, layer);
      },
    );
    const name = `${model.name}_convolutional`;
    const result = tfjsModel({ inputs: image, outputs: output, name });
    result.layers.forEach(ownOnce);
    return result;
  };
  const converted = onBackend(where, () => built(where, build));
  const metadata = model.getUserDefinedMetadata();
  if (metadata) converted.setUserDefinedMetadata(metadata);
  checkWhatItPredicts(where, converted);
  return converted;
}

/** The size of the images that the model was trained with. */
function sizeOf(where: string, model: LayersModel, given: ImageShape | undefined): ImageShape {
  const own = imageShapeOf(where, model);
  const isShape = isListOf(given, (side) => Number.isSafeInteger(side) && (side as number) > 0);
  if (given !== undefined && !(isShape && fits(given, own))) {
    fail(
      where,
      `inputShape is ${shown(given)}, but the model takes ${shapeText(own)}; pass such a shape, or leave it out.`,
    );
  }
  const shape = given ?? own;
  if (shape.includes(null)) {
    fail(
      where,
      `the model takes images of ${shapeText(own)}; pass the inputShape of those that it was trained with, such as [224, 224, ${own[2]}].`,
    );
  }
  return shape as ImageShape;
}
