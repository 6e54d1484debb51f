import { FAMILY } from '../core/family.js';
import type { Preprocessing } from '../images/preprocessing.js';

/** Published weights. Figures that the source does not state are left out. */
export interface PublishedWeights {
  /** The network's usual name. */
  title: string;
  url: string;
  /** The file's SHA-256, or as many of its leading digits as are published. */
  sha256?: string;
  /** The file's MD5, if no SHA-256 is published. */
  md5?: string;
  /** The file's length. */
  bytes?: number;
  /** Whether the file has usable fully connected layers. */
  top: boolean;
  classes: number;
  /** Weights and biases of the network, running statistics not counted. */
  params: number;
  /** Multiply-accumulates for one image of 224x224. */
  macs?: number;
  /** ImageNet validation accuracy in percent: the label is the top prediction, or among the top five. */
  accuracy?: { top1: number; top5: number };
  preprocessing: Preprocessing;
  license?: string;
  /** Where the figures come from. */
  source: string;
}

const TORCHVISION: Preprocessing = {
  channels: 'RGB',
  white: 1,
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
  resize: { shorterSide: 256 },
  crop: 224,
  interpolation: 'bilinear',
  antialias: true,
};

/** Keras' `preprocess_input` with mode 'caffe': BGR less the mean of ImageNet. */
const CAFFE: Preprocessing = {
  channels: 'BGR',
  white: 255,
  mean: [103.939, 116.779, 123.68],
  std: [1, 1, 1],
  resize: { height: 224, width: 224 },
  crop: 224,
  interpolation: 'nearest',
  antialias: false,
};

const MACS = { 11: 7_609_090_048, 13: 11_308_466_176, 16: 15_470_264_320, 19: 19_632_062_464 } as const;
const TORCHVISION_SOURCE = 'https://github.com/pytorch/vision/blob/v0.28.0/torchvision/models/vgg.py';
const TIMM_SOURCE = 'https://github.com/huggingface/pytorch-image-models/blob/v1.0.29/timm/models/vgg.py';
const KERAS = 'https://storage.googleapis.com/tensorflow/keras-applications';

type Layers = keyof typeof MACS;

/** torchvision puts the first eight digits of a file's SHA-256 in its name. */
function torchvision(
  layers: Layers,
  suffix: '' | '_bn',
  sha256: string,
  params: number,
  [top1, top5]: [number, number],
): PublishedWeights {
  return {
    title: `${FAMILY[`vgg${layers}`].title}${suffix && '-BN'}`,
    url: `https://download.pytorch.org/models/vgg${layers}${suffix}-${sha256}.pth`,
    sha256,
    top: true,
    classes: 1000,
    params,
    macs: MACS[layers],
    accuracy: { top1, top5 },
    preprocessing: TORCHVISION,
    license: 'BSD-3-Clause',
    source: TORCHVISION_SOURCE,
  };
}

/** timm publishes torchvision's weights under its own names, as safetensors. */
function timm(layers: Layers, suffix: '' | '_bn', params: number): PublishedWeights {
  return {
    title: `${FAMILY[`vgg${layers}`].title}${suffix && '-BN'}`,
    url: `https://huggingface.co/timm/vgg${layers}${suffix}.tv_in1k/resolve/main/model.safetensors`,
    top: true,
    classes: 1000,
    params,
    macs: MACS[layers],
    preprocessing: TORCHVISION,
    license: 'BSD-3-Clause',
    source: TIMM_SOURCE,
  };
}

function keras(layers: 16 | 19, top: boolean, md5: string, bytes: number, params: number): PublishedWeights {
  const accuracy = { 16: { top1: 71.268, top5: 90.05 }, 19: { top1: 71.256, top5: 89.988 } } as const;
  return {
    title: FAMILY[`vgg${layers}`].title,
    url: `${KERAS}/vgg${layers}/vgg${layers}_weights_tf_dim_ordering_tf_kernels${top ? '' : '_notop'}.h5`,
    md5,
    bytes,
    top,
    classes: 1000,
    params,
    ...(top && { macs: MACS[layers], accuracy: accuracy[layers] }),
    preprocessing: CAFFE,
    source: `https://github.com/keras-team/keras/blob/v3.15.1/keras/src/applications/vgg${layers}.py`,
  };
}

/** The published weights, by name. Nothing is downloaded until `fromPretrained` is called. */
export const PUBLISHED = {
  'torchvision/vgg11': torchvision(11, '', '8a719046', 132863336, [69.02, 88.628]),
  'torchvision/vgg11_bn': torchvision(11, '_bn', '6002323d', 132868840, [70.37, 89.81]),
  'torchvision/vgg13': torchvision(13, '', '19584684', 133047848, [69.928, 89.246]),
  'torchvision/vgg13_bn': torchvision(13, '_bn', 'abd245e5', 133053736, [71.586, 90.374]),
  'torchvision/vgg16': torchvision(16, '', '397923af', 138357544, [71.592, 90.382]),
  'torchvision/vgg16_bn': torchvision(16, '_bn', '6c64b313', 138365992, [73.36, 91.516]),
  'torchvision/vgg19': torchvision(19, '', 'dcbb9e9d', 143667240, [72.376, 90.876]),
  'torchvision/vgg19_bn': torchvision(19, '_bn', 'c79401a0', 143678248, [74.218, 91.842]),
  /** The paper's own weights, as converted for SSD; only the convolutions are usable. */
  'torchvision/vgg16_features': {
    title: FAMILY.vgg16.title,
    url: 'https://download.pytorch.org/models/vgg16_features-amdegroot-88682ab5.pth',
    sha256: '88682ab5',
    top: false,
    classes: 1000,
    params: 14714688,
    preprocessing: {
      ...TORCHVISION,
      mean: [0.48235, 0.45882, 0.40784],
      std: [1 / 255, 1 / 255, 1 / 255],
    },
    source: TORCHVISION_SOURCE,
  },
  'timm/vgg11': timm(11, '', 132863336),
  'timm/vgg11_bn': timm(11, '_bn', 132868840),
  'timm/vgg13': timm(13, '', 133047848),
  'timm/vgg13_bn': timm(13, '_bn', 133053736),
  'timm/vgg16': timm(16, '', 138357544),
  'timm/vgg16_bn': timm(16, '_bn', 138365992),
  'timm/vgg19': timm(19, '', 143667240),
  'timm/vgg19_bn': timm(19, '_bn', 143678248),
  'keras/vgg16': keras(16, true, '64373286793e3c8b2b4e3219cbf3544b', 553467096, 138357544),
  'keras/vgg16-notop': keras(16, false, '6d6bbae143d832006294945121d1f1fc', 58889256, 14714688),
  'keras/vgg19': keras(19, true, 'cbe5617147190e668d6c5d5026f83318', 574710816, 143667240),
  'keras/vgg19-notop': keras(19, false, '253f8cb515780f3b799900260a226db6', 80134624, 20024384),
} as const satisfies Record<string, PublishedWeights>;

/** The name of published weights: the publisher and the network. */
export type PublishedName = keyof typeof PUBLISHED;
