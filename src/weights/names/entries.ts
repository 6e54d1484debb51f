import type { Tensor } from '@tensorflow/tfjs-core';
import { fail } from '../../base/check.js';
import { type Content, contentOf } from '../formats/content.js';
import { encode } from '../formats/numbers.js';
import { BYTES_PER_ELEMENT, elements } from '../formats/tensor.js';
import type { NewTensor } from '../formats/torch/torchWrite.js';
import { gatherRows, type Sides, sidesOf } from '../layout/layout.js';
import { BATCH_NORM, varianceShift } from './network.js';
import { type KeyNames, TORCH_TOP } from './parameters.js';
import type { Target } from './targets.js';

/** How numbers are stored. */
export type EncodedDtype = 'F32' | 'F16' | 'BF16';

/** A VGG's weights under Keras' names, as safetensors hold them. */
export function kerasEntries(targets: ReadonlyMap<string, Target>, dtype: EncodedDtype): NewTensor[] {
  return [...targets.values()].map(({ role, variable }) => ({
    name: role,
    dtype,
    shape: shapeOf(variable),
    content: numbersOf(variable, { dtype }),
  }));
}

/** A VGG's weights under torchvision's or timm's names and in PyTorch's order, in the order of their `state_dict`. */
export function torchEntries(
  targets: ReadonlyMap<string, Target>,
  names: 'torchvision' | 'timm',
  dtype: EncodedDtype,
): NewTensor[] {
  const layers = torchNames(targets, names);
  const lastKernel = [...targets.values()].findLast(({ role }) => /^block.*\/kernel$/.test(role))!;
  const channels = shapeOf(lastKernel.variable).at(-1)!;
  return [...targets.values()].flatMap(({ role, variable, epsilon }): NewTensor[] => {
    const [layer, last] = role.split('/') as [string, string];
    const name = layers.get(layer);
    if (!name)
      fail('encodeWeights', `the layer '${layer}' has no place in ${names}'s VGG; save it as 'keras'.`);
    const own = shapeOf(variable);
    const entry = (member: string, shape = own, how: { sides?: Sides; add?: number } = {}): NewTensor => ({
      name: `${name}.${member}`,
      dtype,
      shape,
      content: numbersOf(variable, { dtype, ...how }),
    });
    switch (last) {
      case 'kernel': {
        const sides = sidesOf(own, layer === 'fc1' ? channels : undefined);
        return [entry('weight', kernelShape(layer, own, sides, names), { sides })];
      }
      case 'moving_mean':
        return [entry('running_mean')];
      case 'moving_variance':
        return [
          entry('running_var', own, { add: varianceShift(epsilon!, BATCH_NORM.torch.epsilon) }),
          // PyTorch's counter of batches, which matters to momentum=None alone, is zero.
          {
            name: `${name}.num_batches_tracked`,
            dtype: 'I64',
            shape: [],
            content: contentOf(new Uint8Array(8)),
          },
        ];
      default:
        return [entry(last === 'gamma' ? 'weight' : 'bias')];
    }
  });
}

/** `[height, width, in, out]` and `[in, out]` as PyTorch has them; timm's hidden layers are convolutions. */
function kernelShape(
  layer: string,
  shape: readonly number[],
  { out, channels, window }: Sides,
  names: KeyNames,
): number[] {
  if (layer.startsWith('block')) return [out, channels, shape[0]!, shape[1]!];
  if (names === 'torchvision' || layer === 'predictions') return [out, channels * window];
  const side = Math.sqrt(window);
  if (!Number.isInteger(side)) {
    fail(
      'encodeWeights',
      `the feature map before fc1 has ${window} places and is not square, as timm's is; save it as 'torchvision'.`,
    );
  }
  return [out, channels, side, side];
}

/** The layers under PyTorch's names, where every convolution, normalization, ReLU and pooling has a number. */
function torchNames(
  targets: ReadonlyMap<string, Target>,
  names: 'torchvision' | 'timm',
): Map<string, string> {
  const found = new Map<string, string>(Object.entries(TORCH_TOP[names]));
  const convs = [...targets.keys()].filter((role) => /^block\d+_conv\d+\/kernel$/.test(role));
  let index = 0;
  convs.forEach((role, i) => {
    const layer = role.slice(0, -'/kernel'.length);
    if (i > 0 && layer.endsWith('_conv1')) index++;
    found.set(layer, `features.${index++}`);
    if (targets.has(`${layer}_bn/gamma`)) found.set(`${layer}_bn`, `features.${index++}`);
    index++;
  });
  return found;
}

type Variable = Target['variable'];

export function shapeOf(variable: Variable): number[] {
  return variable.shape as number[];
}

/** Rows that are put together at a time; see `readWeight`. */
const ROWS = 64;

/**
 * A weight's numbers, which are fetched from the backend when they are written.
 *
 * @param how.sides set where it is written out first, as PyTorch has it.
 * @param how.add what is added to every number.
 */
export function numbersOf(
  variable: Variable,
  { dtype = 'F32', sides, add = 0 }: { dtype?: EncodedDtype; sides?: Sides; add?: number } = {},
): Content {
  return {
    size: elements(shapeOf(variable)) * BYTES_PER_ELEMENT[dtype],
    async write(into) {
      const stored = (await (variable.read() as Tensor).data()) as Float32Array;
      const numbers = add === 0 ? stored : stored.map((value) => value + add);
      if (!sides) return into.set(encode(numbers, dtype));
      const row = sides.channels * sides.window;
      for (let first = 0, at = 0; first < sides.out; first += ROWS) {
        const piece = new Float32Array(row * Math.min(ROWS, sides.out - first));
        gatherRows(numbers, first, sides, piece);
        const bytes = encode(piece, dtype);
        into.set(bytes, at);
        at += bytes.length;
      }
    },
  };
}
