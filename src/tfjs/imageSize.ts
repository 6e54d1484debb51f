import type { Tensor } from '@tensorflow/tfjs-core';
import type { LayersModel, layers } from '@tensorflow/tfjs-layers';
import { checkArguments, either, kind, listOf, TENSOR } from '../base/arguments.js';
import { fail } from '../base/check.js';
import { checkInUse } from '../base/disposed.js';
import { fits, shapeText } from '../base/shapes.js';
import { checkImages } from './axes.js';
import { type Call, callsTo, type Graph, graphOf, type Output } from './graph.js';
import { inputShapeOf } from './models.js';

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
  graph: Graph,
  image: readonly (number | null)[],
  outputs: readonly Output[] = graph.outputs,
): void {
  const starved = (shape: readonly (number | null)[]) => starvedLayer(graph, [null, ...shape], outputs);
  const layer = starved(image);
  if (!layer) return;
  // Where the image differs from the model's input, the caller takes any size.
  const own = inputShapeOf(graph.model);
  const enlarged = (size: number) => own.map((side, i) => (side === image[i] ? side : size));
  const minimum = smallest((size) => !starved(enlarged(size)), LARGEST);
  const remedy =
    minimum === undefined
      ? 'build the model for larger ones'
      : `use at least ${shapeText(enlarged(minimum))}`;
  fail(where, `images of ${shapeText(image)} are too small for ${layer.name}; ${remedy}.`);
}

/** The shape of the images that a model takes, channels last and null for any height or width; throws for a model of anything else. */
export function imageShapeOf(where: string, model: LayersModel): Shape {
  const shape = inputShapeOf(model);
  if (shape.length === 3) {
    checkImages(where, model);
    return shape;
  }
  return fail(
    where,
    `the model takes ${shapeText(shape, ', ')}, not images as [height, width, channels]; pass one that does.`,
  );
}

/** Throws unless preprocessed images have the shape that the model takes, and leave something for each of its layers. */
export function checkImageShape(where: string, graph: Graph, image: readonly number[]): void {
  const wanted = inputShapeOf(graph.model);
  if (!fits(image, wanted)) {
    const [height, width] = wanted;
    const remedy =
      wanted.length === 3 && wanted[2] === image[2] && height === width
        ? `pass preprocessingAt(preprocessing, ${height})`
        : 'use a model for such images';
    fail(
      where,
      `the preprocessing makes images of ${shapeText(image)}, but the model takes ${shapeText(wanted)}; ${remedy}.`,
    );
  }
  checkImageSize(where, graph, image);
}

const IMAGES = kind(
  'a tensor of at least one image',
  (value) => TENSOR.holds(value) && (value as Tensor).shape[0] !== 0,
);

/** Makes `predict` of a model for images of any size refuse those that are too small, as everything does that knows their size. */
export function checkWhatItPredicts(where: string, model: LayersModel): void {
  const predict = model.predict.bind(model);
  const graph = graphOf(where, model);
  model.predict = (x, args) => {
    // tfjs takes a list of the one tensor too.
    checkInUse(where, { model });
    checkArguments(where, { images: x }, { images: either(IMAGES, listOf(IMAGES)) });
    const all = [x].flat();
    if (all.length !== 1) fail(where, `there are ${all.length} tensors; pass one, of all images.`);
    const [{ shape }] = all as [Tensor];
    const wanted = [null, ...inputShapeOf(model)];
    if (!fits(shape, wanted)) {
      fail(where, `the images have shape [${shape}]; pass [${shapeText(wanted, ', ')}].`);
    }
    checkImageSize(where, graph, shape.slice(1));
    return predict(x, args);
  };
}

/** The first layer that has no output for an input of this shape. */
function starvedLayer(graph: Graph, shape: Shape, outputs: readonly Output[]): layers.Layer | undefined {
  for (const { call, shapes } of layerShapes(graph, outputs, shape)) {
    if (shapes.some((sides) => sides.slice(1).some((side) => side !== null && side < 1))) return call.layer;
  }
  return undefined;
}

/** The calls that compute outputs, in order, with the shapes of theirs, for an input of this shape or of the model's. */
export function* layerShapes(
  { input, model }: Graph,
  outputs: readonly Output[],
  shape: Shape = [null, ...inputShapeOf(model)],
): Generator<{ call: Call; shapes: readonly Shape[] }> {
  const known = new Map([[input, [shape]]]);
  for (const call of callsTo(outputs, known)) {
    const shapes = outputShapes(
      call.layer,
      call.inputs.map(({ call, index }) => known.get(call)![index]!),
    );
    yield { call, shapes };
    known.set(call, shapes);
  }
}

function outputShapes(layer: layers.Layer, given: Shape[]): Shape[] {
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
