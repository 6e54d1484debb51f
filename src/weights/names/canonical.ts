import type { Block } from '../../core/arch.js';
import { FAMILY } from '../../core/family.js';
import type { LayerKind } from '../../core/plan.js';
import { WeightFileError } from '../formats/error.js';

/** A layer of a file or of a model. */
export interface NamedLayer {
  name: string;
  /** Undefined where no VGG has such a layer. */
  kind: LayerKind | undefined;
}

/**
 * The names that this library and Keras use for the layers of a VGG (`block1_conv1`, `block1_conv1_bn`, `fc1`, ...), by
 * their names in the file. Layers with such names keep them; others (`conv2d_3`, `dense_1`) are named by their order.
 * Blocks then end at the poolings or, if none are known, as in the member of the family with the same number of convolutions.
 *
 * @param layers in the order of the network.
 * @throws WeightFileError when the layers have other names and their number fits no VGG.
 */
export function canonicalNames(file: string, layers: readonly NamedLayer[]): Map<string, string> {
  const of = (kind: LayerKind) => layers.filter((layer) => layer.kind === kind).map(({ name }) => name);
  // The hidden layers of a convolutional top are convolutions.
  const isHidden = (name: string) => /^fc\d+$/.test(name);
  const convs = of('conv').filter((name) => !isHidden(name));
  if (convs.length === 0) throw new WeightFileError(file, 'it has no convolutions, so it is not a VGG.');
  const named = convs.every((name) => /^block\d+_conv\d+$/.test(name));
  const canonical = named ? convs : blocksOf(file, layers, convs.length);
  const names = new Map(convs.map((name, i) => [name, canonical[i]!]));
  const norms = of('batchNorm');
  if (norms.length === convs.length) {
    const inOrder = norms.every((name, i) => name === `${canonical[i]}_bn`);
    const byName = norms.every((name) => canonical.includes(name.replace(/_bn$/, '')));
    for (const [i, name] of norms.entries()) names.set(name, inOrder || byName ? name : `${canonical[i]}_bn`);
  }
  const top = layers
    .filter(({ name, kind }) => kind === 'dense' || (kind === 'conv' && isHidden(name)))
    .map(({ name }) => name);
  // A network without its last layer keeps its names.
  const keeps = top.every((name) => isHidden(name) || name === 'predictions');
  for (const [i, name] of top.entries()) {
    names.set(name, keeps ? name : i === top.length - 1 ? 'predictions' : `fc${i + 1}`);
  }
  return names;
}

function blocksOf(file: string, layers: readonly NamedLayer[], convs: number): string[] {
  const counts: number[] = [0];
  for (const { kind } of layers) {
    if (kind === 'conv') counts[counts.length - 1]!++;
    else if (kind === 'maxPool' && counts.at(-1)! > 0) counts.push(0);
  }
  const blocks = counts.length > 1 ? counts.filter((count) => count > 0) : memberBlocks(convs);
  if (!blocks) {
    throw new WeightFileError(
      file,
      `its ${convs} convolutions are not named like block1_conv1, and it does not record where blocks end; load it into a model of its architecture whose layers have the same names.`,
    );
  }
  return blocks.flatMap((count, block) =>
    Array.from({ length: count }, (_, conv) => `block${block + 1}_conv${conv + 1}`),
  );
}

/** The convolutions of each block in the member of the family that has `convs` of them. */
function memberBlocks(convs: number): number[] | undefined {
  return Object.values(FAMILY)
    .map(({ arch }) => arch.map(([threes, , ones = 0]: Block) => threes + ones))
    .find((blocks) => blocks.reduce((sum, count) => sum + count) === convs);
}
