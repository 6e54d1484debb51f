import { size } from '../../../base/shapes.js';
import type { Call, Value } from './layers.js';
import { paddedBy } from './windows.js';

/** Operators that move numbers. */
export const SHAPES: Record<string, (call: Call) => Value> = {
  Flatten(call) {
    if (call.number('axis', 1) !== 1) call.refuse('axis', call.number('axis', 1));
    return flattened(call);
  },
  Reshape(call) {
    const target = call.shapes[1] ?? call.valuesAt(1) ?? call.list('shape') ?? call.fail('has no shape');
    if (call.number('allowzero', 0) === 1 && target.includes(0)) call.refuse('allowzero', 1);
    const [batch, ...lengths] = target;
    const own = lengthsOf(call.x);
    const kept = lengths.map((length, i) => (length === 0 ? own[i]! : length));
    const total = own.includes(null) ? null : size(own as number[]);
    const open = kept.filter((length) => length === -1 || length === null);
    const known = size(kept.filter((length): length is number => length !== -1 && length !== null));
    if (open.length > 1 || (open.length === 1 && (total === null || !Number.isInteger(total / known)))) {
      call.fail(`reshapes to [${target.map((one) => one ?? 'any')}]`);
    }
    const shape = kept.map((length) => (length === -1 || length === null ? total! / known : length));
    // The batch may be written as -1, as what Shape gave, or as the number that the model was exported for.
    const keepsBatch = total === null || size(shape as number[]) === total;
    if (!keepsBatch || (batch !== undefined && batch !== null && batch < -1))
      call.fail(`reshapes to [${target.map((one) => one ?? 'any')}]`);
    if (shape.length === 1) return flattened(call);
    if (shape.join() === own.join()) return call.x;
    const layer = call.add('Reshape', { target_shape: shape }, call.plain());
    return { layer, shape, axes: [0, ...shape.map((_, i) => i + 1)] };
  },
  Squeeze(call) {
    const axes = (call.list('axes') ?? call.valuesAt(1))?.map((axis) =>
      axis < 0 ? axis + rankOf(call.x) : axis,
    );
    if (call.x.position && (!axes || axes.toSorted().join() === '2,3'))
      return { ...call.x, position: undefined };
    const x = call.plain();
    const gone = axes ?? x.shape.flatMap((length, i) => (length === 1 ? [i + 1] : []));
    if (gone.some((axis) => x.shape[axis - 1] !== 1)) call.fail(`leaves out the axes ${gone}`);
    return reshaped(
      call,
      x,
      x.shape.filter((_, i) => !gone.includes(i + 1)),
    );
  },
  Unsqueeze(call) {
    const axes = call.list('axes') ?? call.valuesAt(1) ?? [];
    const x = call.plain();
    const rank = x.axes.length + axes.length;
    const added = axes.map((axis) => (axis < 0 ? axis + rank : axis));
    if (added.includes(0)) call.fail('puts an axis before the batch');
    const rest = [...x.shape];
    const shape = Array.from({ length: rank - 1 }, (_, i) => (added.includes(i + 1) ? 1 : rest.shift()!));
    return reshaped(call, x, shape);
  },
  /** A vector for each of several steps: an axis of one that is repeated. */
  Tile(call) {
    const repeats = call.valuesAt(1) ?? [];
    const x = call.plain();
    const [batch, n, numbers] = repeats;
    const isVector = x.shape.length === 2 && x.shape[0] === 1 && repeats.length === 3;
    if (!isVector || batch !== 1 || numbers !== 1 || !(n! >= 1)) {
      call.fail(`repeats [${['batch', ...x.shape.map((one) => one ?? 'any')]}] by [${repeats}]`);
    }
    const layer = call.add('RepeatVector', { n }, reshaped(call, x, x.shape.slice(1)));
    return { layer, shape: [n!, x.shape[1]!], axes: [0, 1, 2] };
  },
  /** Only the order of ONNX's axes changes, in which Keras has nothing to compute. */
  Transpose(call) {
    const x = call.x.position ? call.plain() : call.plainIfFlat();
    const perm = call.list('perm') ?? x.axes.map((_, i) => x.axes.length - 1 - i);
    if (perm[0] !== 0 || perm.toSorted().join() !== x.axes.map((_, i) => i).join()) call.refuse('perm', perm);
    return { ...x, axes: perm.map((axis) => x.axes[axis]!) };
  },
  Pad(call) {
    call.only('mode', 'constant');
    const x = call.map();
    const pads = call.list('pads') ?? call.valuesAt(1) ?? [];
    const value = call.opset < 11 ? call.number('value', 0) : (call.valuesAt(2)?.[0] ?? 0);
    if (call.node.inputs[3]) call.fail('pads axes of its choice');
    const around = [2, 3, 6, 7].map((i) => pads[i]!);
    const others = [0, 1, 4, 5].map((i) => pads[i]);
    if (
      pads.length !== 8 ||
      value !== 0 ||
      others.some((one) => one !== 0) ||
      around.some((one) => one < 0)
    ) {
      call.fail(`pads by [${pads}] with ${value}`);
    }
    return paddedBy(call, x, around);
  },
  Slice(call) {
    const x = call.map();
    const read = (name: string, index: number) => call.list(name) ?? call.valuesAt(index);
    const [starts, ends] = [read('starts', 1), read('ends', 2)];
    const axes = read('axes', 3) ?? starts?.map((_, i) => i);
    const steps = call.valuesAt(4) ?? [];
    if (!starts || !ends || steps.some((step) => step !== 1))
      return call.fail('takes a part of a tensor in steps');
    const cropping = [2, 3].map((axis) => {
      const i = axes!.findIndex((one) => one === axis || one === axis - 4);
      if (i < 0) return [0, 0];
      const length = x.shape[axis - 2]!;
      const [start, end] = [starts[i]!, ends[i]!];
      const whole = end >= 2 ** 31 - 1;
      if (start < 0 || (length === null && !whole && end >= 0))
        call.fail('takes a part of a map of no fixed size');
      return [start, whole ? 0 : end < 0 ? -end : Math.max(length! - end, 0)];
    });
    if (axes!.some((axis) => ![2, 3, -1, -2].includes(axis)))
      call.fail('takes a part of the channels or of the batch');
    const sizes = x.shape.slice(0, 2).map((one, i) => one && one - cropping[i]![0]! - cropping[i]![1]!);
    return { ...x, layer: call.add('Cropping2D', { cropping }, x), shape: [...sizes, x.shape[2]!] };
  },
  Resize(call) {
    call.only('mode', 'nearest');
    call.only('coordinate_transformation_mode', 'asymmetric');
    call.only('nearest_mode', 'floor');
    const scales = call.valuesAt(call.opset < 11 ? 1 : 2) ?? [];
    const [batch, channels, ...factors] = scales;
    if (
      batch !== 1 ||
      channels !== 1 ||
      factors.length !== 2 ||
      !factors.every((one) => Number.isInteger(one) && one >= 1)
    ) {
      call.fail(`resizes by [${scales}]`);
    }
    const x = call.map();
    const sizes = x.shape.slice(0, 2).map((one, i) => one && one * factors[i]!);
    return { ...x, layer: call.add('UpSampling2D', { size: factors }, x), shape: [...sizes, x.shape[2]!] };
  },
};

/** All axes but the batch in one. */
function flattened(call: Call): Value {
  const { x } = call;
  if (x.position) return { ...x, position: undefined };
  if (x.axes.length === 2) return x;
  const channelsFirst = x.axes.join() === '0,3,1,2';
  const [height, width, channels] = x.shape;
  // Where it makes no difference, the map is flattened as it is.
  const from = channelsFirst ? x : call.plain();
  if (from.shape.includes(null)) call.fail('flattens a map of no fixed size');
  const layer = call.add('Flatten', {}, from);
  const value: Value = { layer, shape: [size(from.shape as number[])], axes: [0, 1] };
  const isMoved = channelsFirst && channels! > 1 && height! * width! > 1;
  return isMoved ? { ...value, map: [channels!, height!, width!] } : value;
}

function reshaped(call: Call, x: Value, shape: (number | null)[]): Value {
  if (shape.filter((length) => length === null).length > 1) call.fail('reshapes a tensor of no fixed size');
  const layer = call.add('Reshape', { target_shape: shape.map((length) => length ?? -1) }, x);
  return { layer, shape, axes: [0, ...shape.map((_, i) => i + 1)] };
}

/** The lengths of ONNX's axes, but for the batch. */
function lengthsOf({ shape, axes, position }: Value): (number | null)[] {
  return position ? [shape[0]!, 1, 1] : axes.slice(1).map((axis) => shape[axis - 1]!);
}

function rankOf({ axes, position }: Value): number {
  return position ? 4 : axes.length;
}
