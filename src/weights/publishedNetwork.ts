import { size } from '../base/shapes.js';
import { FAMILY } from '../core/family.js';
import { WeightFileError } from './formats/error.js';
import type { FoundVgg } from './fromWeights.js';
import type { PublishedWeights } from './published.js';

/**
 * Holds a file to the entry of published weights that it should be, where no checksum does.
 *
 * @param found the VGG in the file; undefined if its configuration is of another network.
 * @throws WeightFileError when blocks, batch normalization, classes or the number of parameters differ.
 */
export function checkPublished(
  file: string,
  { title, classes, params }: PublishedWeights,
  found: FoundVgg | undefined,
): void {
  const learned = found?.parameters.parameters.filter(({ role }) => !role.includes('/moving_')) ?? [];
  const count = learned.reduce((sum, { shape }) => sum + size(shape), 0);
  const network = found?.network;
  const member = Object.values(FAMILY).find((one) => one.title === title.replace('-BN', ''))!;
  const isSame =
    network?.title === title &&
    String(network.arch) === String(member.arch) &&
    network.top?.classes === classes &&
    count === params;
  if (isSame) return;
  const given = network
    ? `${network.title} of ${count} parameters${network.top ? ` for ${network.top.classes} classes` : ' without its top'}`
    : 'another network';
  throw new WeightFileError(
    file,
    `the server sent ${given}, but it is ${title} of ${params} parameters for ${classes} classes; get it from elsewhere, or use fromWeights for that file.`,
  );
}
