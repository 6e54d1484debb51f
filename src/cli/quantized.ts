import type { LayersModel } from '@tensorflow/tfjs-layers';
import { correctBiases, equalize, foldNorms, type Images } from 'vgg-blocks/compress';
import { fileSystem } from 'vgg-blocks/node';
import { type QuantizedDtype, saveModel } from 'vgg-blocks/weights';

/** Images per forward pass. */
export const BATCH = 8;

/**
 * Writes a quantized tfjs model. For 8 bits, batch normalization is folded and channels are equalized before; where there are images,
 * biases are corrected.
 *
 * @returns what was done, for display.
 */
export async function saveQuantized(
  model: LayersModel,
  folder: string,
  quantize: QuantizedDtype,
  images: Images | undefined,
): Promise<string> {
  const made: LayersModel[] = [];
  try {
    if (quantize === 'uint8') {
      made.push(foldNorms(model));
      made.push(await equalize(made[0]!));
    }
    if (images) made.push(await correctBiases(made.at(-1) ?? model, images, { quantize, batchSize: BATCH }));
    await saveModel(made.at(-1) ?? model, fileSystem(folder), { quantize });
    const folded = quantize === 'uint8' ? normsIn(model) - normsIn(made[0]!) : 0;
    return [
      ...(folded > 0 ? [`${folded} batch normalization${folded === 1 ? '' : 's'} folded`] : []),
      ...(quantize === 'uint8' ? ['channels equalized'] : []),
      ...(images ? ['biases corrected'] : []),
      `kernels rounded to ${quantize}`,
    ].join(', ');
  } finally {
    for (const one of made) one.dispose();
  }
}

function normsIn({ layers }: LayersModel): number {
  return layers.filter((layer) => layer.getClassName() === 'BatchNormalization').length;
}
