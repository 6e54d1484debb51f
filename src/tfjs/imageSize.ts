import type { LayersModel, layers, SymbolicTensor } from '@tensorflow/tfjs-layers';
import { fail } from '../base/check.js';
import { shapeText } from '../base/shapes.js';

type Shape = (number | null)[];

/** The largest height and width that the remedy of {@link checkImageSize} may name. */
const LARGEST = 4096;

/**
 * Throws where images leave nothing for a layer, such as a pooling whose window is larger than its input. tfjs computes without
 * an error, and on wasm it writes outside its memory.
 *
 * @param image the shape of an image; null for any size.
 * @param outputs the tensors to compute; those of the model by default.
 */
export function checkImageSize(
  where: string,
  { inputs, outputs: all }: Pick<LayersModel, 'inputs' | 'outputs'>,
  image: readonly (number | null)[],
  outputs: readonly SymbolicTensor[] = all,
): void {
  const input = inputs[0]!;
  const starved = (shape: readonly (number | null)[]) => starvedLayer(input, [null, ...shape], outputs);
  const layer = starved(image);
  if (!layer) return;
  // Where the image differs from the model's input, the caller takes any size.
  const own = input.shape.slice(1);
  const enlarged = (size: number) => own.map((side, i) => (side === image[i] ? side : size));
  const minimum = smallest((size) => !starved(enlarged(size)), LARGEST);
  const remedy =
    minimum === undefined
      ? 'build the model for larger ones'
      : `use at least ${shapeText(enlarged(minimum))}`;
  fail(where, `images of ${shapeText(image)} are too small for ${layer.name}; ${remedy}.`);
}

/** The first layer that has no output for an input of this shape. */
function starvedLayer(
  input: SymbolicTensor,
  shape: Shape,
  outputs: readonly SymbolicTensor[],
): layers.Layer | undefined {
  let starved: layers.Layer | undefined;
  eachLayer(input, shape, outputs, (layer, shapes) => {
    if (!shapes.some((sides) => sides.slice(1).some((side) => side !== null && side < 1))) return true;
    starved = layer;
    return false;
  });
  return starved;
}

/**
 * Visits the layers that compute the outputs, in order, models within included, with the shapes of their outputs for an input of
 * this shape, until `visit` returns false.
 */
export function eachLayer(
  input: SymbolicTensor,
  shape: Shape,
  outputs: readonly SymbolicTensor[],
  visit: (layer: layers.Layer, shapes: Shape[]) => boolean,
): void {
  let stopped = false;
  const shapesOf = (
    tensors: readonly SymbolicTensor[],
    known: Map<SymbolicTensor, Shape>,
  ): (Shape | undefined)[] => {
    const shapeOf = (tensor: SymbolicTensor): Shape | undefined => {
      const { sourceLayer: layer, nodeIndex } = tensor;
      if (known.has(tensor) || stopped) return known.get(tensor);
      if (layer.getClassName() === 'InputLayer') return tensor.shape;
      const { inputTensors, outputTensors } = layer.inboundNodes[nodeIndex]!;
      const given = inputTensors.map(shapeOf) as Shape[];
      if (stopped) return undefined;
      const isModel = 'layers' in layer;
      const shapes = isModel ? within(layer as unknown as LayersModel, given) : outputOf(layer, given);
      if (stopped) return undefined;
      stopped = !isModel && !visit(layer, shapes as Shape[]);
      for (const [i, output] of outputTensors.entries()) known.set(output, shapes[i]!);
      return known.get(tensor);
    };
    return tensors.map(shapeOf);
  };
  const within = ({ inputs, outputs }: LayersModel, given: Shape[]) =>
    shapesOf(outputs, new Map(inputs.map((tensor, i) => [tensor, given[i]!])));
  shapesOf(outputs, new Map([[input, shape]]));
}

function outputOf(layer: layers.Layer, given: Shape[]): Shape[] {
  const shapes = layer.computeOutputShape(given.length === 1 ? given[0]! : given);
  return (Array.isArray(shapes[0]) ? shapes : [shapes]) as Shape[];
}

/** The smallest number from 1 to `limit` that suffices, if every larger one does; undefined if none does. */
function smallest(suffices: (n: number) => boolean, limit: number): number | undefined {
  if (!suffices(limit)) return undefined;
  let [low, high] = [0, limit];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (suffices(middle)) high = middle;
    else low = middle;
  }
  return high;
}
