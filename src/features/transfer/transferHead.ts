import { type LayersModel, layers, type SymbolicTensor, model as tfjsModel } from '@tensorflow/tfjs-layers';
import { checkArguments, MODEL, optionsOf, TEXT } from '../../base/arguments.js';
import { checkSeed, fail, numberThat, oneOf, wholeNumber } from '../../base/check.js';
import { shapeText } from '../../base/shapes.js';
import { built } from '../../core/built.js';
import { kernelInitializers } from '../../core/initializer.js';
import { INITIALIZERS, MAX_UNITS, type NetworkOptions } from '../../core/options.js';
import { checkMaps } from '../../tfjs/axes.js';
import { checkNumbers } from '../../tfjs/disposed.js';
import { layersWithin } from '../../tfjs/models.js';
import { checkCopy } from '../../tfjs/sharedLayer.js';
import { metadataOf, setMetadata } from '../../weights/metadata.js';

/** Options of {@link transferHead}. */
export interface TransferHeadOptions
  extends Pick<NetworkOptions, 'classifierActivation' | 'seed' | 'initializer' | 'name'> {
  /** Number of classes. */
  classes: number;
  /**
   * Turns feature maps into vectors: the mean or maximum of each channel, or all numbers (`'flatten'`), which fixes the size of
   * the images. Default `'avg'`. Leave it out for a base whose outputs are vectors.
   */
  pooling?: 'avg' | 'max' | 'flatten';
  /** Units of the hidden layers with ReLU, one number for each layer. Default: no hidden layer. */
  hiddenUnits?: number | readonly number[];
  /**
   * Fraction of units dropped in training, at least 0 and below 1, after each hidden layer, or after the pooling where there is
   * none. Default 0.5 with hidden layers, otherwise 0.
   */
  dropout?: number;
}

/**
 * Puts a classifier for new classes on a network trained on others. The input is the base's; the output is `[batch, classes]`,
 * logits unless `classifierActivation` is `'softmax'`.
 *
 * The new model contains the base's layers themselves, not copies: training or freezing them in one affects the other, and
 * disposing either disposes the base's weights. The new layers are `global_average_pooling2d` (or `global_max_pooling2d`,
 * `flatten`), `fc1`, `dropout1` and so on (after those of the base, if it has any), and `predictions`.
 *
 * The base's preprocessing is kept (`metadataOf`); `setMetadata` adds the names of the classes.
 *
 * @param base a network without its last layer, from `fromWeights(file, { includeTop: false })` or
 *   `featureExtractor(model, 'fc2')`.
 * @throws RangeError when an option is out of range, or the base's output is neither a feature map nor a vector.
 * @example const model = transferHead(freeze(base), { classes: 5 });
 */
export function transferHead(base: LayersModel, options: TransferHeadOptions): LayersModel {
  checkArguments('transferHead', { base }, { base: MODEL });
  const given = optionsOf('transferHead', options, {
    classes: 1,
    pooling: 1,
    hiddenUnits: 1,
    dropout: 1,
    classifierActivation: 1,
    seed: 1,
    initializer: 1,
    name: TEXT,
  });

  const where = 'transferHead';
  const { pooling, seed = 0, initializer = 'glorotUniform', classifierActivation = 'linear' } = given;
  const classes = wholeNumber(where, 'classes', given.classes, 1, MAX_UNITS);
  const { hiddenUnits: one = [] } = given;
  // The copy has undefined for holes.
  const hiddenUnits: number[] = Array.isArray(one) ? [...one] : [one];
  for (const units of hiddenUnits) wholeNumber(where, 'hiddenUnits', units, 1, MAX_UNITS);
  const { dropout = hiddenUnits.length > 0 ? 0.5 : 0 } = given;
  numberThat(where, 'dropout', dropout, (n) => n >= 0 && n < 1, 'at least 0 and below 1');
  oneOf(where, 'pooling', pooling, [undefined, 'avg', 'max', 'flatten']);
  oneOf(where, 'classifierActivation', classifierActivation, ['linear', 'softmax']);
  oneOf(where, 'initializer', initializer, INITIALIZERS);
  checkSeed(where, seed);

  checkCopy(where, base);
  checkNumbers(where, base);
  return built(where, () => {
    let x = outputOf(base);
    const append = (layer: layers.Layer) => {
      x = layer.apply(x) as SymbolicTensor;
    };
    const drop = (number: number) => {
      if (dropout > 0) append(layers.dropout({ rate: dropout, name: `dropout${number}` }));
    };
    const kernels = kernelInitializers({ initializer, seed });
    // A base may end with hidden layers of its own.
    const own = Math.max(
      0,
      ...layersWithin(base).map(({ name }) => Number(/^(?:fc|dropout)(\d+)$/.exec(name)?.[1] ?? 0)),
    );
    if (x.shape.length === 4) {
      if (pooling !== 'flatten') checkMaps(where, base);
      append(poolingLayer(x, pooling ?? 'avg'));
    } else if (pooling) {
      fail(
        where,
        `the base's outputs are vectors, which pooling '${pooling}' does not apply to; leave it out.`,
      );
    }
    hiddenUnits.forEach((units, i) => {
      const kernelInitializer = kernels.next();
      append(layers.dense({ units, activation: 'relu', kernelInitializer, name: `fc${own + i + 1}` }));
      drop(own + i + 1);
    });
    if (hiddenUnits.length === 0) drop(own + 1);
    append(
      layers.dense({
        units: classes,
        activation: classifierActivation,
        kernelInitializer: kernels.next(),
        name: 'predictions',
      }),
    );
    const name = given.name ?? `${base.name}_transfer`;
    const transferred = tfjsModel({ inputs: base.inputs, outputs: x, name });
    setMetadata(transferred, { preprocessing: metadataOf(base).preprocessing });
    return transferred;
  });
}

function outputOf(base: LayersModel): SymbolicTensor {
  const [output, ...others] = base.outputs;
  const hasTop = layersWithin(base).some(({ name }) => name === 'predictions');
  const rank = output!.shape.length;
  if (others.length > 0 || (rank !== 2 && rank !== 4)) {
    fail(
      'transferHead',
      `the base's outputs are ${[output!, ...others].map(({ shape }) => `[${shapeText(shape, ', ')}]`).join(' and ')}; pass a base with one feature map or one vector per image.`,
    );
  }
  if (hasTop) {
    fail(
      'transferHead',
      "the base still has its last layer 'predictions'; load it with includeTop: false, or use featureExtractor(model, 'fc2').",
    );
  }
  return output!;
}

function poolingLayer(x: SymbolicTensor, pooling: 'avg' | 'max' | 'flatten'): layers.Layer {
  if (pooling === 'avg') return layers.globalAveragePooling2d({ name: 'global_average_pooling2d' });
  if (pooling === 'max') return layers.globalMaxPooling2d({ name: 'global_max_pooling2d' });
  if (x.shape.slice(1).includes(null)) {
    fail(
      'transferHead',
      "pooling 'flatten' needs a base for images of one size; build it with an inputShape, or use pooling 'avg' or 'max'.",
    );
  }
  return layers.flatten({ name: 'flatten' });
}
