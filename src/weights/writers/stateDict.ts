import type { LayerVariable } from '@tensorflow/tfjs-layers';
import { fail } from '../../base/check.js';
import { ADAPTIVE_SIZE } from '../../core/options.js';
import { contentOf, type NewTensor } from '../formats/content.js';
import { ENDS, type EncodedDtype } from '../formats/numbers.js';
import { type Axes, axesOf } from '../layout/axes.js';
import { BATCH_NORM, varianceShift } from '../names/network.js';
import { numbersOf, shapeOf } from './variable.js';
import { epsilonOf, type VggLayer, type VggLayers } from './vggLayers.js';

/** A type, and a check that it holds a weight's numbers. */
function within(dtype: EncodedDtype, { originalName }: LayerVariable) {
  const end = ENDS[dtype];
  // float32 holds them all, which need not be looked at.
  if (end === Number.POSITIVE_INFINITY) return { dtype };
  const check = (numbers: Float32Array) => {
    const large = numbers.find((number) => Number.isFinite(number) && Math.abs(number) >= end);
    if (large === undefined) return;
    fail(
      'encodeWeights',
      `${originalName} has the number ${large}, which ${dtype} does not hold; use dtype 'F32'.`,
    );
  };
  return { dtype, check };
}

/** A VGG's weights under Keras' names, for a safetensors file. */
export function kerasTensors(vgg: VggLayers, dtype: EncodedDtype): NewTensor[] {
  // The header records one epsilon.
  const recorded = epsilonOf(vgg);
  return vgg.layers.flatMap(({ weights }) =>
    weights.map(({ role, variable, epsilon }) => ({
      name: role,
      dtype,
      shape: shapeOf(variable),
      content: numbersOf(variable, {
        ...within(dtype, variable),
        add: epsilon === undefined ? 0 : varianceShift(epsilon, recorded!),
      }),
    })),
  );
}

/** A VGG's weights under torchvision's or timm's names and in PyTorch's order, in the order of their `state_dict`. */
export function torchTensors(
  vgg: VggLayers,
  names: 'torchvision' | 'timm',
  dtype: EncodedDtype,
): NewTensor[] {
  checkTop(vgg, names);
  return vgg.layers.flatMap((layer) =>
    layer.weights.flatMap(({ role, variable, epsilon }): NewTensor[] => {
      const name = moduleName(layer, names);
      const own = shapeOf(variable);
      const entry = (member: string, shape = own, how: { axes?: Axes; add?: number } = {}): NewTensor => ({
        name: `${name}.${member}`,
        dtype,
        shape,
        content: numbersOf(variable, { ...within(dtype, variable), ...how }),
      });
      const last = role.split('/')[1]!;
      switch (last) {
        case 'kernel': {
          const axes = axesOf(own, layer.name === firstConnected(vgg) ? vgg.flattened : undefined);
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
    }),
  );
}

/** The layer that takes the last feature map, flattened or pooled. */
function firstConnected({ layers }: VggLayers): string | undefined {
  return layers.find(({ kind }) => kind === 'hidden' || kind === 'last')?.name;
}

/** A kernel's shape in PyTorch; timm's hidden layers are convolutions. */
function kernelShape(
  { kind }: VggLayer,
  shape: readonly number[],
  { out, channels, window }: Axes,
  names: 'torchvision' | 'timm',
): number[] {
  if (shape.length === 4) return [out, channels, shape[0]!, shape[1]!];
  if (names === 'torchvision' || kind === 'last') return [out, channels * window];
  const width = Math.sqrt(window);
  if (!Number.isInteger(width)) {
    fail(
      'encodeWeights',
      `the feature map before fc1 has ${window} positions, but timm's must be square; use names 'torchvision'.`,
    );
  }
  return [out, channels, width, width];
}

/** PyTorch's name of a layer. */
function moduleName({ kind, name, index }: VggLayer, names: 'torchvision' | 'timm'): string {
  if (kind === 'conv' || kind === 'norm') return `features.${index}`;
  // Each linear layer of a classifier is followed by a ReLU and dropout.
  if (names === 'torchvision') return `classifier.${3 * index}`;
  return kind === 'last' ? 'head.fc' : `pre_logits.${name}`;
}

/** Throws unless the fully connected layers are those of a framework's VGG. */
function checkTop({ layers, unsaid, averaged }: VggLayers, names: 'torchvision' | 'timm'): void {
  const hidden = layers.filter(({ kind }) => kind === 'hidden');
  const last = layers.at(-1)!;
  const convolutional = hidden.some(({ weights }) => weights[0]!.variable.shape.length === 4);
  if (names === 'torchvision' && convolutional) {
    fail(
      'encodeWeights',
      "the hidden layers are convolutions, and torchvision's are linear; use names 'timm'.",
    );
  }
  if (names === 'torchvision' && last.kind === 'hidden') {
    fail(
      'encodeWeights',
      `the network ends with the hidden layer '${last.name}', which torchvision's names do not tell from the last one; use names 'keras'.`,
    );
  }
  if (names === 'timm' && averaged?.some((side) => side! > ADAPTIVE_SIZE)) {
    fail(
      'encodeWeights',
      `the feature map of ${averaged.join('x')} is averaged to 7x7, which timm's VGG does not do with a map larger than that; use names 'torchvision'.`,
    );
  }
  const hasTop = hidden.length > 0 || last.kind === 'last';
  if (names === 'timm' && hasTop && (hidden.length !== 2 || unsaid.pooling)) {
    fail(
      'encodeWeights',
      `timm's VGG has two hidden layers on the feature map, and this network ${unsaid.pooling ? 'pools the map first' : `has ${hidden.length}`}; use names 'torchvision'.`,
    );
  }
}
