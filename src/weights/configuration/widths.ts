import { printable, WeightFileError } from '../formats/error.js';
import type { StoredTensor } from '../formats/tensor.js';
import type { KerasModel } from './graph.js';

/** The arguments by which layers say how many outputs they have, also those of Keras 1. */
const WIDTHS = ['units', 'filters', 'output_dim', 'nb_filter'];

/**
 * Throws for a layer wider than any tensor: a kernel has an axis of its layer's outputs. Nothing of such a layer is in the file, and to make
 * it may need more memory than there is.
 */
export function checkWidths(file: string, { layers }: KerasModel, tensors: readonly StoredTensor[]): void {
  if (tensors.length === 0) return;
  const lengths = new Set(tensors.flatMap(({ shape }) => shape));
  for (const { name, className, config, model } of layers) {
    if (model) checkWidths(file, model, tensors);
    if (!/^(Dense|Conv\dD)$/.test(className)) continue;
    const argument = WIDTHS.find((one) => Number.isSafeInteger(config[one]));
    if (argument === undefined || lengths.has(config[argument] as number)) continue;
    throw new WeightFileError(
      file,
      `its layer '${printable(name)}' has ${argument}=${config[argument]}, but no tensor has an axis of that length; it is damaged, so save the model again.`,
    );
  }
}
