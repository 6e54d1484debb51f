import {
  abs,
  grad,
  keep,
  max,
  slice,
  sum,
  type Tensor,
  type Tensor4D,
  zerosLike,
} from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { checkArguments, MODEL, TENSOR } from '../../base/arguments.js';
import { fail, keyOf, shown } from '../../base/check.js';
import { publishedOptionsOf } from '../../base/publishedOptions.js';
import type { HeatMap } from '../../images/heatMap.js';
import type { ImageInput } from '../../images/index.js';
import { floats } from '../../tfjs/floats.js';
import { checkGradients, reads } from '../../tfjs/gradients.js';
import { graphOf } from '../../tfjs/graph.js';
import { inUse } from '../../tfjs/inUse.js';
import { withTape } from '../../tfjs/tape.js';
import { strayNumber } from '../../train/finite.js';
import {
  type Combine,
  eigenCamMap,
  gradCamMap,
  gradCamPlusPlusMap,
  layerCamMap,
  scoreCamMap,
} from './cams.js';
import { type ClassOptions, classScores, NO_GRADIENT } from './classGradient.js';
import { layerMap } from './gradCam.js';
import { guidedLogits } from './guided.js';
import { type IntegratedGradientsOptions, integratedGradients } from './integratedGradients.js';
import { type OcclusionOptions, occlusion } from './occlusion.js';
import { type SaliencyOptions, saliencyMap } from './saliency.js';
import { numbersOf, type Subject, subjectOf } from './subject.js';

/** Options of {@link explain}. Besides `classIndex`, `preprocessing` and `signal`, each belongs to some methods, and others refuse it. */
export interface ExplainOptions
  extends ClassOptions,
    Pick<SaliencyOptions, 'samples' | 'noise' | 'seed' | 'signal'>,
    IntegratedGradientsOptions,
    OcclusionOptions {
  /** Default `'gradcam'`. */
  method?: ExplainMethod;
  /**
   * Of the methods that end in `cam`: the layer whose feature maps are used, by any name that `featureExtractor` knows. Default: the
   * last convolution of the blocks, after its ReLU.
   */
  layer?: string;
  /**
   * Of integrated gradients and occlusion: the image that stands for nothing, preprocessed and of the shape of the input. Default: zeros,
   * which is the mean color where preprocessing subtracts one, and otherwise black.
   */
  baseline?: Tensor4D;
}

interface Method {
  /** The options that the method has besides those of all. */
  options: readonly Exclude<keyof ExplainOptions, 'method'>[];
  run(model: LayersModel, image: ImageInput | Tensor4D, options: ExplainOptions): Promise<HeatMap>;
}

/** A method that combines the feature maps of a layer. */
const cam = (combine: Combine): Method => ({
  options: ['layer'],
  run: (model, image, options) => layerMap('explain', model, image, options, combine),
});

/** A method that gives each pixel a number. */
const ofPixels = (
  options: Method['options'],
  map: (subject: Subject, options: ExplainOptions) => Promise<Float32Array>,
): Method => ({
  options,
  async run(model, image, given) {
    const subject = await subjectOf('explain', model, image, given);
    try {
      const values = await map(subject, given);
      const [, height, width] = subject.x.shape;
      return { values, width, height, classIndex: subject.classIndex, region: subject.region };
    } finally {
      subject.dispose();
    }
  },
});

/** A method that gives each pixel a number by the gradient of the image. */
const ofGradients: typeof ofPixels = (options, map) => {
  const method = ofPixels(options, map);
  return {
    ...method,
    run(model, image, given) {
      const graph = graphOf('explain', model);
      checkGradients('explain', graph, reads(graph.input), NO_GRADIENT);
      return method.run(model, image, given);
    },
  };
};

/** A method that averages gradients over noisy copies of the image. */
const ofSamples = (options: Method['options'], byDefault: number): Method => ({
  options,
  run: (model, image, { samples = byDefault, ...given }) =>
    saliencyMap('explain', model, image, { samples, ...given }),
});

const METHODS = {
  gradcam: cam(gradCamMap),
  'gradcam++': cam(gradCamPlusPlusMap),
  layercam: cam(layerCamMap),
  eigencam: cam(eigenCamMap),
  scorecam: {
    options: ['layer', 'batchSize', 'onProgress'],
    async run(model, image, options) {
      const subject = await subjectOf('explain', model, image, options);
      const { classIndex, region, x } = subject;
      try {
        const given = { layer: options.layer, classIndex };
        return { ...(await layerMap('explain', model, x, given, scoreCamMap(subject, options))), region };
      } finally {
        subject.dispose();
      }
    },
  },
  saliency: ofSamples([], 1),
  smoothgrad: ofSamples(['samples', 'noise', 'seed'], 25),
  'integrated-gradients': ofGradients(['steps', 'baseline', 'batchSize', 'onProgress'], (subject, options) =>
    withBaseline(subject, options, (baseline) => integratedGradients(subject, baseline, options)),
  ),
  'guided-backprop': ofGradients([], ({ where, graph, x, classIndex }) => {
    const logits = guidedLogits(where, graph);
    const score = (x: Tensor) => sum(slice(classScores(logits(x)), [0, classIndex], [1, 1]));
    return numbersOf(() => max(abs(withTape(() => grad(score)(x))), -1));
  }),
  occlusion: ofPixels(['window', 'stride', 'baseline', 'batchSize', 'onProgress'], (subject, options) =>
    withBaseline(subject, options, (baseline) => occlusion(subject, baseline, options)),
  ),
} satisfies Record<string, Method>;

/** The name of a method of {@link explain}. */
export type ExplainMethod = keyof typeof METHODS;

/** The names of all methods of {@link explain}. */
export const EXPLAIN_METHODS = Object.keys(METHODS) as readonly ExplainMethod[];

const OF_ALL: readonly (keyof ExplainOptions)[] = ['method', 'classIndex', 'preprocessing', 'signal'];

/**
 * What in an image matters to a network for a class, by one of these methods:
 *
 * - `'gradcam'`: Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391), as `gradCam`; `'gradcam++'` (Chattopadhay et al. 2018,
 *   arXiv:1710.11063); `'layercam'` (Jiang et al. 2021, doi:10.1109/TIP.2021.3089943); `'eigencam'` (Muhammad & Yeasin 2020,
 *   arXiv:2008.00299), which does not depend on the class; `'scorecam'` (Wang et al. 2020, arXiv:1910.01279), a forward pass per
 *   channel of the layer. They give a map of the layer's size.
 * - `'saliency'`: the gradient (Simonyan et al. 2013, arXiv:1312.6034), and `'smoothgrad'` (Smilkov et al. 2017, arXiv:1706.03825),
 *   as `saliency`, here of 25 samples; `'guided-backprop'` (Springenberg et al. 2015, arXiv:1412.6806), whose maps show edges and hardly
 *   depend on the class (Adebayo et al. 2018, arXiv:1810.03292). They give each pixel its largest absolute gradient.
 * - `'integrated-gradients'` (Sundararajan et al. 2017, arXiv:1703.01365) and `'occlusion'` (Zeiler & Fergus 2014, arXiv:1311.2901).
 *   They give each pixel its part in the class's logit, negative where it speaks against the class.
 *
 * All explain the logit, also of a model that ends with a softmax. `faithfulness` says how well a map finds what matters.
 *
 * @param image an image, with `preprocessing`; or a preprocessed tensor `[1, height, width, channels]`.
 * @returns a map, which `overlay` lays over the image; negative numbers are shown as 0.
 * @throws RangeError when there is no such method, layer or class, an option is out of range or belongs to other methods, the model
 *   is not a classifier, its outputs are not finite, or the image does not fit; the signal's reason.
 * @example
 * const map = await explain(model, image, { ...published, method: 'integrated-gradients' });
 * const shown = await overlay(image, map, { clip: 0.99 });
 */
export async function explain(
  model: LayersModel,
  image: ImageInput | Tensor4D,
  options: ExplainOptions = {},
): Promise<HeatMap> {
  checkArguments('explain', { model }, { model: MODEL });
  const all = Object.values<Method>(METHODS).flatMap((one) => one.options);
  const { method = 'gradcam', ...rest } = publishedOptionsOf('explain', options, [...OF_ALL, ...all]);
  const { options: own, run }: Method = METHODS[keyOf('explain', 'method', method, METHODS)];
  for (const name of all) {
    if (own.includes(name)) continue;
    if (rest[name] !== undefined) {
      fail(
        'explain',
        `${name} is ${shown(rest[name])}, but ${method} has no such option; leave it out${own.length > 0 ? `, or use ${own.join(', ')}` : ''}.`,
      );
    }
    delete rest[name]; // undefined, which the method would refuse by its name
  }
  rest.signal?.throwIfAborted();
  return inUse('explain', { model, image, baseline: rest.baseline }, () => run(model, image, rest));
}

/** Runs a method with its baseline: the given one, or zeros, which are freed. */
async function withBaseline<T>(
  { where, x }: Subject,
  { baseline }: ExplainOptions,
  use: (baseline: Tensor4D) => Promise<T>,
): Promise<T> {
  if (baseline !== undefined) {
    checkArguments(where, { baseline }, { baseline: TENSOR });
    if (baseline.shape.join() !== x.shape.join()) {
      fail(where, `baseline has shape [${baseline.shape}]; pass a tensor of the image's, [${x.shape}].`);
    }
    const stray = await strayNumber(baseline);
    if (stray) fail(where, `baseline has the number ${stray.value}; pass finite numbers.`);
  }
  const used = baseline ? floats(baseline) : zerosLike(x);
  if (used !== baseline) keep(used);
  return use(used).finally(() => used !== baseline && used.dispose());
}
