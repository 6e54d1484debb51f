import type { Tensor } from '@tensorflow/tfjs-core';
import type { LayersModel, layers } from '@tensorflow/tfjs-layers';
import { checkArguments, either, kind, listOf, TENSOR } from '../base/arguments.js';
import { attempted, fail } from '../base/check.js';
import { fits, shapeText } from '../base/shapes.js';
import { checkImages } from './axes.js';
import { checkInUse } from './disposed.js';
import { type Call, callsTo, type Graph, graphOf, type Output } from './graph.js';
import { inputSpecOf } from './inputSpecs.js';
import { inputShapeOf } from './models.js';
import { onBackend } from './onBackend.js';

type Shape = (number | null)[];

/** The largest height and width that the remedy of {@link checkImageSize} may name. */
const LARGEST = 4096;

/** How much larger than the given size a size may be that the remedy names because it fits. */
const FURTHER = 256;

/** A layer that cannot compute an image of some size. */
interface Problem {
  layer: layers.Layer;
  /** The shapes of its inputs. */
  given: readonly Shape[];
  /** Whether it would compute nothing of them, rather than not fit them. */
  isStarved: boolean;
}

/**
 * Throws where images leave nothing for a layer, such as a pooling whose window is larger than its input, or do not fit one, such as
 * a sum of maps of different sizes. tfjs computes the former without an error, and on wasm it writes outside its memory; of the
 * latter it may compute something, too, or say so in its own words.
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
  const problemAt = (shape: readonly (number | null)[]) => problemOf(graph, shape, outputs);
  const problem = problemAt(image);
  if (!problem) return;
  const own = inputShapeOf(graph.model);
  const { layer, given, isStarved } = problem;
  if (isStarved) {
    // Where the image differs from the model's input, the caller takes any size.
    const enlarged = (size: number) => own.map((side, i) => (side === image[i] ? side : size));
    const minimum = smallest((size) => !problemAt(enlarged(size))?.isStarved, LARGEST);
    const enough = minimum === undefined ? undefined : fitting(problemAt, own, enlarged(minimum));
    const remedy = enough ? `use at least ${shapeText(enough)}` : 'build the model for larger ones';
    fail(where, `images of ${shapeText(image)} are too small for ${layer.name}; ${remedy}.`);
  }
  const near = fitting(problemAt, own, image);
  const ownFits = !own.includes(null) && !problemAt(own);
  const remedy = near
    ? `use ${shapeText(near)}`
    : ownFits
      ? `use the model's, ${shapeText(own)}`
      : 'build the model for such images';
  const gets = given.map((shape) => shapeText(shape.slice(1))).join(' and ');
  fail(where, `images of ${shapeText(image)} do not fit layer ${layer.name}, which gets ${gets}; ${remedy}.`);
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

/** Throws unless preprocessed images have the shape that the model takes, and suits each of its layers. */
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

/** Makes `predict` of a model for images of any size refuse those that it cannot compute, as everything does that knows their size. */
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
    return onBackend(where, () => predict(x, args));
  };
}

/** The first layer that cannot compute an image of this shape. */
function problemOf(
  graph: Graph,
  image: readonly (number | null)[],
  outputs: readonly Output[],
): Problem | undefined {
  // Of a batch of any size, tfjs does not count the numbers that a reshape is given.
  const known = new Map([[graph.input, [[1, ...image] as Shape]]]);
  for (const call of callsTo(outputs, known)) {
    const { layer } = call;
    const given = inputShapes(call, known);
    const shapes = takes(layer, given) ? attempted(() => outputShapes(layer, given)) : undefined;
    if (!shapes) return { layer, given, isStarved: false };
    if (shapes.some((sides) => sides.slice(1).some((side) => side !== null && side < 1)))
      return { layer, given, isStarved: true };
    known.set(call, shapes);
  }
  return undefined;
}

/** Whether a layer takes inputs of these shapes, as far as it demands something of them that `computeOutputShape` does not check. */
function takes(layer: layers.Layer, given: readonly Shape[]): boolean {
  const checked = () => {
    // tfjs compares the maps that these join when it builds them, and only then. What is built here is given up.
    if (/^(Concatenate|Dot)$/.test(layer.getClassName()))
      Object.create(layer).build(given.map(([, ...sides]) => [null, ...sides]));
    const inputSpec = inputSpecOf(layer)?.map((spec) => spec && { ...spec, dtype: undefined });
    // Recurrent layers take their states as inputs, too, of which they demand something during a call only.
    if (inputSpec?.length !== given.length) return true;
    // tfjs lets null pass, for which a side that the layer was built for does not stand.
    const inputs = given.map((shape) => ({
      rank: shape.length,
      shape: shape.map((side) => side ?? undefined),
    }));
    Object.create(layer, { inputSpec: { value: inputSpec } }).assertInputCompatibility(inputs);
    return true;
  };
  return attempted(checked) ?? false;
}

/** The calls that compute outputs, in order, with the shapes of theirs, for an input of this shape or of the model's. */
export function* layerShapes(
  { input, model }: Graph,
  outputs: readonly Output[],
  shape: Shape = [null, ...inputShapeOf(model)],
): Generator<{ call: Call; shapes: readonly Shape[] }> {
  const known = new Map([[input, [shape]]]);
  for (const call of callsTo(outputs, known)) {
    const shapes = outputShapes(call.layer, inputShapes(call, known));
    yield { call, shapes };
    known.set(call, shapes);
  }
}

function inputShapes({ inputs }: Call, known: ReadonlyMap<Call, readonly Shape[]>): Shape[] {
  return inputs.map(({ call, index }) => known.get(call)![index]!);
}

function outputShapes(layer: layers.Layer, given: readonly Shape[]): Shape[] {
  const [first] = given as [Shape];
  const shapes = layer.computeOutputShape(given.length === 1 ? first : [...given]);
  // tfjs crops a side of any size as one of 0.
  const known = (side: number | null, i: number) =>
    side !== null && side < 1 && first[i] === null ? null : side;
  return ((Array.isArray(shapes[0]) ? shapes : [shapes]) as Shape[]).map((sides) => sides.map(known));
}

/**
 * The shape of images that fit, of which each side is that of an image or somewhat larger; undefined if there is none. Sides that are
 * the model's own stay.
 *
 * @param problemAt what images of a shape do not fit.
 */
function fitting(
  problemAt: (shape: Shape) => Problem | undefined,
  own: Shape,
  image: readonly (number | null)[],
): Shape | undefined {
  // Each side by itself, while the others are unknown.
  const fittingSide = (side: number | null, axis: number) => {
    if (side === null || side === own[axis]) return side;
    const problemWith = (length: number | null) =>
      problemAt(image.map((other, i) => (i === axis ? length : other === own[i] ? other : null)));
    if (problemWith(null)) return undefined;
    for (let length = side; length <= side + FURTHER; length++) if (!problemWith(length)) return length;
    return undefined;
  };
  const sides = image.map(fittingSide);
  return sides.includes(undefined) || problemAt(sides as Shape) ? undefined : (sides as Shape);
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
