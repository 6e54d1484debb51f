import type { StoredTensor } from '../formats/tensor.js';

/** Networks by a name that their tensors have in torchvision, timm, Hugging Face's transformers or Keras, and VGGs do not. */
const NETWORKS: readonly (readonly [pattern: RegExp, network: string])[] = [
  [/\bfeatures\.denseblock\d+\.denselayer\d+\.|\bpool\d_bn\b/, 'a DenseNet'],
  [/\blayer[1-4]\.\d+\.(conv|bn)\d\.|\bconv\d_block\d+_[0-3]_(conv|bn)\b|\bres\d[a-f]_branch/, 'a ResNet'],
  [
    /\bfeatures\.\d+\.\d+\.block\.\d+\.\d+\.|\bblocks\.\d+\.\d+\.conv_pwl\.|\bblock\d[a-z]_(dw|se_|expand_)/,
    'an EfficientNet or MobileNetV3',
  ],
  [
    /\bfeatures\.\d+\.conv\.\d+\.\d+\.weight|\bfeatures\.\d+\.block\.\d+\.\d+\.|\bconv_(dw|pw)_\d+\b|\bexpanded_conv_|\bblock_\d+_(expand|depthwise|project)\b/,
    'a MobileNet',
  ],
  [/\bfire\d+[./]|\bfeatures\.\d+\.(squeeze|expand[13]x[13])\./, 'a SqueezeNet'],
  [/\bstage[2-4]\.\d+\.branch[12]\./, 'a ShuffleNet'],
  [
    /\b(inception|Inception)[3-5][a-e]\.|\bMixed_[5-7][a-e]\b|\bmixed\d+\b|\bConv2d_1a_3x3\b/,
    'an Inception network',
  ],
  [/\bblock\d+_sepconv\d/, 'an Xception'],
  [/\brelative_position_bias_table\b/, 'a Swin Transformer'],
  [
    /\bstages\.\d+\.blocks\.\d+\.(conv_dw|gamma)\b|\bfeatures\.\d+\.\d+\.layer_scale\b|\bconvnext_/,
    'a ConvNeXt',
  ],
  [/\btrunk_output\.block\d/, 'a RegNet'],
  [
    /\b(cls_token|class_token|pos_embed|patch_embed|patch_embeddings|pos_embedding)\b/,
    'a Vision Transformer',
  ],
  [/\b(self_attn|self_attention|attention\.self|attn\.qkv|in_proj_weight)\b/, 'a transformer'],
  [/\b(lstm|gru|rnn)\w*[./].*weight|\bweight_(ih|hh)_l\d\b/i, 'a recurrent network'],
];

/** The indices of AlexNet's convolutions in torchvision; a VGG could have them too, but no window of 11x11. */
const ALEXNET = /\bfeatures\.0\.weight$|(^|\/)conv1\/kernel$/;

/** The network that a file's tensors belong to, if it is a well-known one other than a VGG. */
export function otherNetwork(tensors: readonly Pick<StoredTensor, 'name' | 'shape'>[]): string | undefined {
  const known = NETWORKS.find(([pattern]) => tensors.some(({ name }) => pattern.test(name)));
  if (known) return known[1];
  const isAlexNet = tensors.some(
    ({ name, shape }) => ALEXNET.test(name) && shape.filter((length) => length === 11).length === 2,
  );
  return isAlexNet ? 'an AlexNet' : undefined;
}
