/** Layers without weights that work on each number alone. */
export const ELEMENTWISE: readonly string[] = [
  'Activation',
  'ReLU',
  'LeakyReLU',
  'ELU',
  'ThresholdedReLU',
  'Dropout',
  'GaussianNoise',
  'GaussianDropout',
  'AlphaDropout',
];

/** Layers that give a map whose last axis is the channels, unless they have channels first. */
export const SPATIAL: readonly string[] = [
  'Conv2D',
  'Conv2DTranspose',
  'SeparableConv2D',
  'DepthwiseConv2D',
  'MaxPooling2D',
  'AveragePooling2D',
  'UpSampling2D',
  'ZeroPadding2D',
  'Cropping2D',
];
