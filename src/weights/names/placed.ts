import { size } from '../../base/shapes.js';
import type { Features } from './features.js';
import { endOf, type Head } from './head.js';
import type { Module } from './modules.js';
import type { Parameter, Parameters } from './parameters.js';

/**
 * The weight that each tensor is: the features' by their names, the linear layers' by their order.
 *
 * @param channels of the last feature map.
 * @param classes that the caller expects, if known.
 */
export function placed(
  modules: readonly Module[],
  { layers }: Features,
  head: Head | undefined,
  channels: number,
  classes: number | undefined,
): Pick<Parameters, 'parameters' | 'head' | 'others'> {
  const hasClasses = head !== undefined && head.layers.length > 0 && endOf(head, classes) !== 'hidden';
  const linears = (head?.layers ?? []).map(({ module }, i, all): [string, Module] => {
    return [hasClasses && i === all.length - 1 ? 'predictions' : `fc${i + 1}`, module];
  });
  const parameters = [...layers, ...linears].flatMap(([layer, module]) =>
    [...module.variables].map(([variable, tensor]): Parameter => {
      const role = `${layer}/${variable}`;
      const { shape } = tensor;
      if (variable !== 'kernel') return { role, shape, tensor };
      if (!module.outFirst) {
        const matrix = [size(shape.slice(0, -1)), shape.at(-1)!];
        return { role, shape: layers.get(layer) === module ? shape : matrix, tensor };
      }
      if (layers.get(layer) === module) return { role, tensor, ...convolution(tensor.shape) };
      return { role, tensor, ...linear(tensor.shape, module === linears[0]![1] ? channels : undefined) };
    }),
  );
  const known = new Set(parameters.map(({ tensor }) => tensor));
  const inHead = new Set(head?.tensors.filter((tensor) => !known.has(tensor)));
  const others = modules.flatMap(({ tensors }) =>
    tensors.filter((tensor) => !known.has(tensor) && !inHead.has(tensor)),
  );
  return { parameters, head: [...inHead], others };
}

/** PyTorch's kernel of a convolution in tfjs. */
function convolution(shape: readonly number[]): Pick<Parameter, 'shape' | 'axes'> {
  const [out, inputs, ...window] = shape as [number, number, number, number];
  return { shape: [...window, inputs, out], axes: { out, channels: inputs, window: size(window) } };
}

/** PyTorch's matrix in tfjs, whose first one takes the feature map flattened, or as a convolution. */
function linear(shape: readonly number[], flattened: number | undefined): Pick<Parameter, 'shape' | 'axes'> {
  const [out, inputs, ...window] = shape as [number, number, ...number[]];
  const all = inputs * size(window);
  const channels = window.length > 0 ? inputs : (flattened ?? inputs);
  return { shape: [all, out], axes: { out, channels, window: all / channels } };
}
