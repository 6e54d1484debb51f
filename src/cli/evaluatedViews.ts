import type { LayersModel } from '@tensorflow/tfjs-layers';
import type { ImageProblem } from 'vgg-blocks/data';
import { countBar } from 'vgg-blocks/node';
import {
  type EvaluateImagesOptions,
  type Evaluation,
  evaluateImages,
  type LabeledOriginals,
} from 'vgg-blocks/train';
import { complain } from './wording.js';

/** Measures a network by several views of each image, which are read once more; those that are too large are reported and left out. */
export async function measureViews(
  model: LayersModel,
  { examples, problems }: { examples: LabeledOriginals; problems: readonly ImageProblem[] },
  options: EvaluateImagesOptions,
): Promise<{ evaluation: Evaluation; problems: readonly ImageProblem[] }> {
  const bar = countBar({ label: 'measuring' });
  const large: ImageProblem[] = [];
  const evaluation = await evaluateImages(model, examples, {
    ...options,
    onProgress: bar.update,
    onProblem(problem) {
      bar.stop();
      complain(problem.reason);
      large.push(problem);
    },
  }).finally(bar.stop);
  return { evaluation, problems: [...problems, ...large] };
}
