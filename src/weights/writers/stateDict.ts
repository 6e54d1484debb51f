import { fail } from '../../base/check.js';
import { contentOf, type NewTensor } from '../formats/content.js';
import type { EncodedDtype } from '../formats/numbers.js';
import { type Axes, axesOf } from '../layout/axes.js';
import { BATCH_NORM, varianceShift } from '../names/network.js';
import { type KeyNames, TORCH_TOP } from '../names/parameters.js';
import type { Target } from '../names/targets.js';
import { numbersOf, shapeOf } from './variable.js';

/** A VGG's weights under Keras' names, for a safetensors file. */
export function kerasTensors(targets: ReadonlyMap<string, Target>, dtype: EncodedDtype): NewTensor[] {
  return [...targets.values()].map(({ role, variable }) => ({
    name: role,
    dtype,
    shape: shapeOf(variable),
    content: numbersOf(variable, { dtype }),
  }));
}

/** A VGG's weights under torchvision's or timm's names and in PyTorch's order, in the order of their `state_dict`. */
export function torchTensors(
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
    if (!name) fail('encodeWeights', `${names}'s VGG has no layer for '${layer}'; use names 'keras'.`);
    const own = shapeOf(variable);
    const entry = (member: string, shape = own, how: { axes?: Axes; add?: number } = {}): NewTensor => ({
      name: `${name}.${member}`,
      dtype,
      shape,
      content: numbersOf(variable, { dtype, ...how }),
    });
    switch (last) {
      case 'kernel': {
        const axes = axesOf(own, layer === 'fc1' ? channels : undefined);
        return [entry('weight', kernelShape(layer, own, axes, names), { axes })];
      }
      case 'moving_mean':
        return [entry('running_mean')];
      case 'moving_variance':
        return [
          entry('running_var', own, { add: varianceShift(epsilon!, BATCH_NORM.torch.epsilon) }),
          // PyTorch's counter of batches, which only momentum=None uses, is zero.
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

/** A kernel's shape in PyTorch; timm's hidden layers are convolutions. */
function kernelShape(
  layer: string,
  shape: readonly number[],
  { out, channels, window }: Axes,
  names: KeyNames,
): number[] {
  if (layer.startsWith('block')) return [out, channels, shape[0]!, shape[1]!];
  if (names === 'torchvision' || layer === 'predictions') return [out, channels * window];
  const width = Math.sqrt(window);
  if (!Number.isInteger(width)) {
    fail(
      'encodeWeights',
      `the feature map before fc1 has ${window} positions, but timm's must be square; use names 'torchvision'.`,
    );
  }
  return [out, channels, width, width];
}

/** PyTorch's name of each layer; it numbers every convolution, normalization, ReLU and pooling. */
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
