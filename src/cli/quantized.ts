import type { LayersModel } from '@tensorflow/tfjs-layers';
import { equalize, foldNorms } from 'vgg-blocks/compress';
import { fileSystem } from 'vgg-blocks/node';
import { type QuantizedDtype, saveModel } from 'vgg-blocks/weights';

/**
 * Writes a quantized tfjs model. For 8 bits, batch normalization is folded and channels are equalized before.
 *
 * @returns what was done, for display.
 */
export async function saveQuantized(
  model: LayersModel,
  folder: string,
  quantize: QuantizedDtype,
): Promise<string> {
  const made: LayersModel[] = [];
  try {
    if (quantize === 'uint8') {
      made.push(foldNorms(model));
      made.push(await equalize(made[0]!));
    }
    await saveModel(made.at(-1) ?? model, fileSystem(folder), { quantize });
    const folded = made.length > 0 ? normsIn(model) - normsIn(made[0]!) : 0;
    return [
      ...(folded > 0 ? [`${folded} batch normalization${folded === 1 ? '' : 's'} folded`] : []),
      ...(made.length > 0 ? ['channels equalized'] : []),
      `kernels rounded to ${quantize}`,
    ].join(', ');
  } finally {
    for (const one of made) one.dispose();
  }
}

function normsIn({ layers }: LayersModel): number {
  return layers.filter((layer) => layer.getClassName() === 'BatchNormalization').length;
}
