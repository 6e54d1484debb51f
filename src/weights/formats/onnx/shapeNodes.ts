import type { Value } from './layers.js';
import type { OnnxNode } from './model.js';

/** What is known of an operator's inputs. */
interface Known {
  /** A tensor that layers compute. */
  value(name: string): Value | undefined;
  /** Whole numbers: a constant, or those computed of shapes, null where they depend on the images. */
  numbers(name: string): readonly (number | null)[] | undefined;
}

type Numbers = readonly (number | null)[];

/**
 * The whole numbers that an operator computes of shapes, as exporters do for `x.view(x.size(0), -1)`; undefined for an operator
 * that computes of images.
 */
export function shapeOfNode(
  { op, inputs, attributes }: OnnxNode,
  opset: number,
  known: Known,
): Numbers | undefined {
  const number = (name: string, fallback: number) => {
    const value = attributes.get(name);
    return typeof value === 'number' ? value : fallback;
  };
  if (op === 'Shape') {
    const value = known.value(inputs[0] ?? '');
    if (!value) return undefined;
    const shape = value.position
      ? [null, value.shape[0]!, 1, 1]
      : value.axes.map((axis) => (axis === 0 ? null : value.shape[axis - 1]!));
    const start = number('start', 0);
    const end = attributes.has('end') ? number('end', shape.length) : shape.length;
    return shape.slice(start, end);
  }
  const lists = inputs.map((name) => known.numbers(name));
  if (lists.length === 0 || lists.includes(undefined)) return undefined;
  const [first, second, third, fourth, fifth] = lists as Numbers[];
  switch (op) {
    case 'Identity':
    case 'Cast':
    case 'Squeeze':
    case 'Unsqueeze':
      return first;
    case 'Concat':
      return (lists as Numbers[]).flat();
    case 'Gather':
      return second?.map((index) => (index === null ? null : (first!.at(index) ?? null)));
    case 'Slice': {
      const [from, to] = opset < 10 ? [attributes.get('starts'), attributes.get('ends')] : [second, third];
      const one = (value: unknown) =>
        Array.isArray(value) && typeof value[0] === 'number' ? value[0] : undefined;
      const [start, end] = [one(from), one(to)];
      const isPlain =
        (fourth === undefined || one(fourth) === 0) && (fifth === undefined || one(fifth) === 1);
      return start === undefined || end === undefined || !isPlain ? undefined : first!.slice(start, end);
    }
    case 'Mul':
      return combined(first!, second!, (a, b) => a * b);
    case 'Add':
      return combined(first!, second!, (a, b) => a + b);
    case 'Sub':
      return combined(first!, second!, (a, b) => a - b);
    case 'ReduceProd':
      return [first!.reduce((product, one) => (product === null || one === null ? null : product * one), 1)];
    default:
      return undefined;
  }
}

function combined(a: Numbers, b: Numbers, compute: (a: number, b: number) => number): Numbers | undefined {
  if (a.length !== b.length && a.length !== 1 && b.length !== 1) return undefined;
  return Array.from({ length: Math.max(a.length, b.length) }, (_, i) => {
    const [one, other] = [a[a.length === 1 ? 0 : i]!, b[b.length === 1 ? 0 : i]!];
    return one === null || other === null ? null : compute(one, other);
  });
}
