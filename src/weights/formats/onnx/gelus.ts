import type { OnnxModel, OnnxNode } from './model.js';

/** Constants of float16 differ by this much. */
const TOLERANCE = 1e-3;

/**
 * The operators, with `Gelu` (of opset 20) where several compute x (1 + erf(x / sqrt 2)) / 2, as exporters write it for older ones: the error function
 * alone is not computed here.
 *
 * @param scalarOf the number of a constant that is one number.
 */
export function withGelus(
  nodes: readonly OnnxNode[],
  outputs: OnnxModel['outputs'],
  scalarOf: (name: string) => number | undefined,
): OnnxNode[] {
  const givers = new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const readers = new Map<string, OnnxNode[]>();
  for (const node of nodes) {
    for (const name of node.inputs) readers.set(name, [...(readers.get(name) ?? []), node]);
  }
  const results = new Set(outputs.map(({ name }) => name));
  /** The one operator that reads another's only output. */
  const readerOf = ({ outputs: [name, ...others] }: OnnxNode) => {
    const [reader, ...more] = readers.get(name!) ?? [];
    return others.length > 0 || more.length > 0 || results.has(name!) ? undefined : reader;
  };
  /** What an operator takes beside a constant of this number. */
  const beside = (node: OnnxNode | undefined, op: string, number: number) => {
    if (node?.op !== op) return undefined;
    const at = node.inputs.findIndex((name) => Math.abs((scalarOf(name) ?? Number.NaN) - number) < TOLERANCE);
    return at < 0 || (op === 'Div' && at === 0) ? undefined : node.inputs[1 - at];
  };

  const gone = new Set<OnnxNode>();
  const gelus = new Map<OnnxNode, string>();
  for (const erf of nodes.filter(({ op }) => op === 'Erf')) {
    const scaled = givers.get(erf.inputs[0]!);
    const x = beside(scaled, 'Mul', Math.SQRT1_2) ?? beside(scaled, 'Div', Math.SQRT2);
    const sum = readerOf(erf);
    const product = sum && readerOf(sum);
    if (!x || readerOf(scaled!) !== erf || !product || beside(sum, 'Add', 1) !== erf.outputs[0]) continue;
    const other = product.inputs.find((name) => name !== sum.outputs[0])!;
    const next = readerOf(product);
    const before = givers.get(other);
    const parts = [scaled!, erf, sum];
    if (product.op !== 'Mul') continue;
    if (other === x && next && beside(next, 'Mul', 0.5) === product.outputs[0]) {
      gelus.set(next, x);
      parts.push(product);
    } else if (before && readerOf(before) === product && beside(before, 'Mul', 0.5) === x) {
      gelus.set(product, x);
      parts.push(before);
    } else if (
      next?.op === 'Mul' &&
      beside(product, 'Mul', 0.5) === sum.outputs[0] &&
      next.inputs.includes(x)
    ) {
      gelus.set(next, x);
      parts.push(product);
    } else continue;
    for (const part of parts) gone.add(part);
  }
  return nodes
    .filter((node) => !gone.has(node))
    .map((node) => {
      const x = gelus.get(node);
      return x === undefined ? node : { ...node, op: 'Gelu', inputs: [x], attributes: new Map() };
    });
}
