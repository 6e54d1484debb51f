import type { OnnxModel, OnnxNode } from './model.js';

/** Operators whose constants are weights, which are not read before the model is built. */
const WITH_WEIGHTS = [
  'Conv',
  'ConvTranspose',
  'Gemm',
  'MatMul',
  'BatchNormalization',
  'LayerNormalization',
  'PRelu',
];

/** The constants that only operators with weights take. */
export function weightsIn({ nodes }: OnnxModel): Set<string> {
  const weights = new Set<string>();
  const others = new Set<string>();
  for (const { op, inputs } of nodes) {
    for (const name of inputs) (WITH_WEIGHTS.includes(op) ? weights : others).add(name);
  }
  return new Set([...weights].filter((name) => !others.has(name)));
}

/** The operators, with what is added to a product of matrices as its bias. */
export function withBiases({ nodes, initializers, outputs }: OnnxModel): OnnxNode[] {
  const constants = new Map(initializers.map((tensor) => [tensor.name, tensor]));
  const readers = new Map<string, OnnxNode[]>();
  for (const node of nodes) {
    for (const name of node.inputs) readers.set(name, [...(readers.get(name) ?? []), node]);
  }
  const gone = new Set<OnnxNode>();
  const isOutput = (name: string) => outputs.some((output) => output.name === name);
  const all = nodes.map((node): OnnxNode => {
    const [product] = node.outputs;
    const [add, ...others] = readers.get(product ?? '') ?? [];
    if (node.op !== 'MatMul' || add?.op !== 'Add' || others.length > 0 || isOutput(product!)) return node;
    const bias = add.inputs.find((name) => name !== product);
    const dims = constants.get(bias ?? '')?.dims;
    const out = constants.get(node.inputs[1] ?? '')?.dims.at(-1);
    if (dims?.length !== 1 || dims[0] !== out) return node;
    gone.add(add);
    return { ...node, op: 'Gemm', inputs: [...node.inputs, bias!], outputs: add.outputs };
  });
  return all.filter((node) => !gone.has(node));
}
