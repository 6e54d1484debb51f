import {
  dispose,
  keep,
  mean,
  mul,
  type Scalar,
  scalar,
  stack,
  sum,
  type Tensor1D,
  type Tensor4D,
  type Variable,
  variableGrads,
} from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { checkArguments, isListOf, kind, TEXT } from '../../base/arguments.js';
import { attempted, fail, numberThat } from '../../base/check.js';
import { bytesText } from '../../base/numbers.js';
import { graphOf } from '../../tfjs/graph.js';
import { held } from '../../tfjs/held.js';
import { withTape } from '../../tfjs/tape.js';
import { tapOf } from '../taps/taps.js';
import { layerWeights, weightedDifference } from './differences.js';
import { gramMatrix } from './gramMatrix.js';
import { type ImageFeaturesOptions, imageFeatures } from './imageFeatures.js';
import { totalVariation } from './totalVariation.js';

/** Options of the losses of a style transfer. */
export interface StyleLossOptions extends ImageFeaturesOptions {
  /** The layers whose features should match the content. Default `['relu4_2']`, the paper's. */
  contentLayers?: readonly string[];
  /** Default 1 each. */
  contentLayerWeights?: readonly number[];
  /** The layers whose Gram matrices should match the style. Default `relu1_1` to `relu5_1`, the paper's. */
  styleLayers?: readonly string[];
  /** Default 1 each. */
  styleLayerWeights?: readonly number[];
  /** Default 1. */
  contentWeight?: number;
  /** Default 1e6, as in PyTorch's tutorial. More gives more style and less content. */
  styleWeight?: number;
  /** Factor of the mean difference between neighboring pixels; more gives smoother images. Default 0, as in the paper. */
  tvWeight?: number;
  /** `'avg'` replaces max pooling by average pooling, as the paper recommends (section 2). Default `'max'`. */
  pooling?: 'max' | 'avg';
}

/** The weighted parts of a loss, and their sum. */
export interface StyleLosses {
  total: number;
  content: number;
  style: number;
  totalVariation: number;
}

/** The distance of an image from the content and the style. */
export interface StyleObjective {
  /** The losses of an image, and the gradient of their sum, which the caller disposes. */
  measure(image: Variable): Promise<{ losses: StyleLosses; gradient: Tensor4D }>;
  dispose(): void;
}

const NAMES = kind('a list of layer names', (value) => isListOf(value, TEXT.holds) && value.length > 0);

const PAPER_CONTENT = ['relu4_2'];
const PAPER_STYLE = ['relu1_1', 'relu2_1', 'relu3_1', 'relu4_1', 'relu5_1'];

/** The layers of a style objective, those of the content first, and all weights. */
export function resolveStyle(where: string, model: LayersModel, options: StyleLossOptions) {
  const { contentLayers = PAPER_CONTENT, styleLayers = PAPER_STYLE } = options;
  for (const [name, layers] of Object.entries({ contentLayers, styleLayers })) {
    checkArguments(where, { [name]: layers }, { [name]: NAMES });
  }
  const { contentWeight: content = 1, styleWeight: style = 1e6, tvWeight: tv = 0 } = options;
  const weights = { content, style, tv };
  for (const [name, weight] of Object.entries(weights)) {
    numberThat(where, `${name}Weight`, weight, (n) => n >= 0 && n < Number.POSITIVE_INFINITY, '0 or more');
  }
  const contentWeights = layerWeights(
    where,
    'contentLayerWeights',
    contentLayers,
    options.contentLayerWeights,
  );
  const styleWeights = layerWeights(where, 'styleLayerWeights', styleLayers, options.styleLayerWeights);
  const graph = graphOf(where, model);
  const byDefault = [PAPER_CONTENT, PAPER_STYLE].filter(
    (names) => names === contentLayers || names === styleLayers,
  );
  const missing = byDefault.flat().find((name) => !attempted(() => tapOf(where, graph, name)));
  if (missing !== undefined) {
    fail(
      where,
      `the model has no layer ${missing}, which the paper reads; pass a network of five blocks, or name layers of this one as contentLayers and styleLayers.`,
    );
  }
  const features = imageFeatures(where, model, [...contentLayers, ...styleLayers], options);
  features.checkGradient();
  return {
    ...features,
    contentLayers: contentLayers.length,
    contentWeights: contentWeights.map((weight) => weight * weights.content),
    styleWeights: styleWeights.map((weight) => weight * weights.style),
    tvWeight: weights.tv,
  };
}

/** Computes the targets of content and style once; `dispose` frees them. */
export function styleObjective(
  { features, contentLayers, contentWeights, styleWeights, tvWeight }: ReturnType<typeof resolveStyle>,
  content: Tensor4D,
  style: Tensor4D,
): StyleObjective {
  const parts = (image: Tensor4D) => {
    const all = features(image);
    return [
      all.slice(0, contentLayers),
      all.slice(contentLayers).map((one) => gramMatrix(one as Tensor4D)),
    ] as const;
  };
  const targets = held(() => [...parts(content)[0], ...parts(style)[1]]);
  const losses = (image: Tensor4D) => {
    const [maps, grams] = parts(image);
    return stack([
      weightedDifference(maps, targets.slice(0, contentLayers), contentWeights),
      weightedDifference(grams, targets.slice(contentLayers), styleWeights),
      tvWeight === 0 ? scalar(0) : mul(mean(totalVariation(image)), tvWeight / image.size),
    ]) as Tensor1D;
  };
  return {
    async measure(image) {
      let parts: Tensor1D | undefined;
      let gradient: Tensor4D | undefined;
      try {
        const loss = () => {
          parts = keep(losses(image as Tensor4D));
          return sum(parts) as Scalar;
        };
        const { value, grads } = withTape(() => variableGrads(loss, [image]));
        value.dispose();
        gradient = keep(grads[image.name] as Tensor4D);
        return { losses: named(await parts!.data<'float32'>()), gradient };
      } catch (error) {
        gradient?.dispose();
        throw error;
      } finally {
        parts?.dispose();
      }
    },
    dispose: () => dispose(targets),
  };
}

function named(parts: Float32Array): StyleLosses {
  const [content, style, totalVariation] = parts as unknown as [number, number, number];
  return { total: content + style + totalVariation, content, style, totalVariation };
}

/** Bytes of memory that a step takes per byte of feature maps: for the maps, their gradients and the kernels' working memory. */
const BYTES_PER_MAP_BYTE = 8;
const MAX_BYTES = 3 * 2 ** 30;

/** Throws when an image is too small for the layers of a style objective, or too large for memory. */
export function checkStyleSize(
  where: string,
  { mapSizes, checkImage }: Pick<ReturnType<typeof resolveStyle>, 'mapSizes' | 'checkImage'>,
  { width, height }: { width: number; height: number },
  maxBytes = MAX_BYTES,
): void {
  checkImage([height, width, 3]);
  const numbers = mapSizes([height, width, 3]).reduce((sum, map) => sum + map, 0);
  const bytes = 4 * numbers * BYTES_PER_MAP_BYTE;
  if (bytes <= maxBytes) return;
  const shrink = Math.sqrt(maxBytes / bytes);
  const smaller = [height, width].map((length) => Math.floor(length * shrink));
  const fits = attempted(() => {
    checkImage([...smaller, 3]);
    return true;
  });
  fail(
    where,
    `an image of ${width}x${height} takes about ${bytesText(bytes)}, but maxBytes is ${bytesText(maxBytes)}; ${fits ? `use a size of at most ${Math.max(...smaller)}, or ` : ''}raise maxBytes where the backend has more memory.`,
  );
}
