import { layers } from '@tensorflow/tfjs-layers';
import { ACTIVATION_LAYERS } from './activations.js';
import { AFFINE_LAYERS } from './affine.js';
import { CONVOLUTION_LAYERS } from './convolutions.js';
import type { Fields } from './fields.js';
import { MERGE_LAYERS } from './merges.js';
import { NORMALIZATION_LAYERS } from './normalizations.js';
import { POOLING_LAYERS } from './poolings.js';
import { SELECTION_LAYERS } from './selection.js';
import { SHAPE_LAYERS } from './shapes.js';
import { type Stage, unary } from './stage.js';

/**
 * Layers that Keras makes the identity in prediction: augmentation, and noise other than dropout. They are left out.
 * RandomCrop is not among them, because it crops in prediction too.
 */
const IDENTITY = new Set([
  ...[
    'RandomFlip',
    'RandomRotation',
    'RandomZoom',
    'RandomTranslation',
    'RandomContrast',
    'RandomBrightness',
    'RandomShear',
  ],
  ...[
    'RandomHue',
    'RandomSaturation',
    'RandomSharpness',
    'RandomColorJitter',
    'RandomColorDegeneration',
    'RandomGrayscale',
  ],
  ...[
    'RandomInvert',
    'RandomPosterization',
    'RandomErasing',
    'RandomGaussianBlur',
    'RandomPerspective',
    'RandomElasticTransform',
  ],
  ...['RandomHeight', 'RandomWidth', 'RandAugment', 'AugMix', 'MixUp', 'CutMix'],
  ...[
    'SpatialDropout1D',
    'SpatialDropout2D',
    'GaussianNoise',
    'GaussianDropout',
    'AlphaDropout',
    'ActivityRegularization',
    'Identity',
  ],
]);

/** Whether a layer is the identity in prediction, so that it is left out. */
export function isLeftOut(className: string): boolean {
  return IDENTITY.has(className);
}

/**
 * What tfjs-layers computes for each of Keras' layers. Arguments are read one by one; those that are left over are refused by
 * `Fields.end`.
 */
const LAYERS: Record<string, (fields: Fields) => Stage> = {
  ...ACTIVATION_LAYERS,
  ...CONVOLUTION_LAYERS,
  ...POOLING_LAYERS,
  ...SHAPE_LAYERS,
  ...NORMALIZATION_LAYERS,
  ...AFFINE_LAYERS,
  ...SELECTION_LAYERS,
  ...MERGE_LAYERS,
  Dropout(fields) {
    const rate = fields.number('rate', 0, 'p');
    fields.take('noise_shape');
    return unary((x, site) => site.apply('', (common) => layers.dropout({ ...common, rate }), x));
  },
  PReLU(fields) {
    const axes = fields.take('shared_axes');
    const sharedAxes =
      axes === undefined || (Array.isArray(axes) && axes.every(Number.isSafeInteger))
        ? axes
        : fields.refuse('shared_axes', axes, 'a list of axes');
    return unary((x, site) =>
      site.apply(
        '',
        (common) =>
          layers.prelu({
            ...common,
            sharedAxes: sharedAxes as number[] | undefined,
            alphaInitializer: site.unfilled(),
          }),
        x,
      ),
    );
  },
};

const PREPARE = 'leave it out of the model, and prepare the images before';

/** What to do about layers that people often have. */
const HINTS: Record<string, string> = {
  Lambda: "nothing in a file is executed, so replace it by Keras' layers",
  Resizing: PREPARE,
  RandomCrop: PREPARE,
  TFOpLambda: "it is an operation without a layer of its kind, so replace it by Keras' layers",
  SlicingOpLambda: "it is an operation without a layer of its kind, so replace it by Keras' layers",
};

/**
 * What a layer computes.
 *
 * @throws WeightFileError when tfjs-layers has no such layer, or does not compute one of its arguments.
 */
export function stageOf(fields: Fields): Stage {
  const { className } = fields.layer;
  if (isLeftOut(className)) return ([x]) => x!;
  if (!Object.hasOwn(LAYERS, className)) {
    fields.fail(
      `is not a layer that TensorFlow.js computes as Keras does; ${Object.hasOwn(HINTS, className) ? HINTS[className] : 'save a model without it'}.`,
    );
  }
  const stage = LAYERS[className]!(fields);
  fields.end();
  return stage;
}
