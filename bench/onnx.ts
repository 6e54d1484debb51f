import { readFileSync, writeFileSync } from 'node:fs';
import type { Spec } from './spec.js';

/** A Protocol Buffers message, as consecutive pieces of bytes. */
type Message = Uint8Array[];

/**
 * Writes the network of a safetensors file with torchvision's names as ONNX (opset 13), from `image`, `[batch, channels,
 * height, width]`, to `logits`. The numbers of the fields are those of onnx.proto3 in github.com/onnx/onnx.
 */
export function writeOnnx({ arch, inputShape, classes }: Spec, safetensors: string, path: string): void {
  const nodes: Message = [];
  let x = 'image';
  let count = 0;
  const add = (op: string, parameters: string[] = [], attributes: Message = [], output = `x${++count}`) => {
    const inputs = [x, ...parameters].flatMap((name) => text(1, name));
    nodes.push(...field(1, [...inputs, ...text(2, output), ...text(4, op), ...attributes]));
    x = output;
  };
  const withParameters = (name: string) => [`${name}.weight`, `${name}.bias`];
  let index = 0;
  for (const [convs] of arch) {
    for (let i = 0; i < convs; i++, index += 2) {
      add('Conv', withParameters(`features.${index}`), ints('pads', [1, 1, 1, 1]));
      add('Relu');
    }
    add('MaxPool', [], [...ints('kernel_shape', [2, 2]), ...ints('strides', [2, 2])]);
    index++;
  }
  add('Flatten');
  const transposed = attribute('transB', [...varint(3, 1), ...varint(20, 2)]);
  add('Gemm', withParameters('classifier.0'), transposed);
  add('Relu');
  add('Gemm', withParameters('classifier.3'), transposed);
  add('Relu');
  add('Gemm', withParameters('classifier.6'), transposed, 'logits');
  const [height, width, channels] = inputShape;
  const graph = [
    ...nodes,
    ...text(2, 'vgg'),
    ...initializers(safetensors),
    ...field(11, value('image', [channels, height, width])),
    ...field(12, value('logits', [classes])),
  ];
  writeFileSync(path, Buffer.concat([...varint(1, 8), ...field(7, graph), ...field(8, varint(2, 13))]));
}

/** ONNX's number of the type float32. */
const FLOAT = 1;

function initializers(path: string): Message {
  const file = readFileSync(path);
  const start = 8 + Number(file.readBigUInt64LE(0));
  const { __metadata__, ...entries } = JSON.parse(file.toString('utf8', 8, start));
  const tensors = Object.entries<{ shape: number[]; data_offsets: [number, number] }>(entries);
  return tensors.flatMap(
    ([
      name,
      {
        shape,
        data_offsets: [begin, end],
      },
    ]) =>
      field(5, [
        ...shape.flatMap((size) => varint(1, size)),
        ...varint(2, FLOAT),
        ...text(8, name),
        ...field(9, [file.subarray(start + begin, start + end)]),
      ]),
  );
}

/** An input or an output, with any batch size. */
function value(name: string, shape: readonly number[]): Message {
  const axes = [text(2, 'batch'), ...shape.map((size) => varint(1, size))].flatMap((axis) => field(1, axis));
  return [...text(1, name), ...field(2, field(1, [...varint(1, FLOAT), ...field(2, axes)]))];
}

function ints(name: string, values: readonly number[]): Message {
  return attribute(name, [...values.flatMap((one) => varint(8, one)), ...varint(20, 7)]);
}

function attribute(name: string, content: Message): Message {
  return field(5, [...text(1, name), ...content]);
}

function text(number: number, value: string): Message {
  return field(number, [new TextEncoder().encode(value)]);
}

/** A length-delimited field. */
function field(number: number, content: Message): Message {
  const length = content.reduce((sum, piece) => sum + piece.length, 0);
  return [Uint8Array.from([...digits(8 * number + 2), ...digits(length)]), ...content];
}

function varint(number: number, value: number): Message {
  return [Uint8Array.from([...digits(8 * number), ...digits(value)])];
}

/** A varint: seven bits per byte, the lowest first. */
function digits(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...digits(Math.floor(value / 128))];
}
