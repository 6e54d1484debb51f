import type { LayersModel } from '@tensorflow/tfjs-layers';
import { PLAIN_PREPROCESSING, type Preprocessing, preprocessingAt } from 'vgg-blocks/images';
import { setMetadata } from 'vgg-blocks/weights';

/** Notes in a network how its images are prepared and what its classes are called, which every saved file then says. */
export function describe(model: LayersModel, classNames: readonly string[] | undefined): void {
  const [height, width, channels] = model.inputs[0]!.shape.slice(1) as number[];
  const outputs = model.outputs[0]!.shape.at(-1)!;
  const preprocessing: Preprocessing = {
    ...preprocessingAt(PLAIN_PREPROCESSING, height!),
    channels: channels === 1 ? 'gray' : 'RGB',
    ...(height !== width && { resize: { height: height!, width: width! } }),
  };
  // A network may have more outputs than the set has classes.
  const names = classNames && Array.from({ length: outputs }, (_, i) => classNames[i] ?? String(i));
  setMetadata(model, { preprocessing, classNames: names });
}
