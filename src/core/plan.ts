import { fail } from '../base/check.js';
import { size } from '../base/shapes.js';
import type { Block, ConvArch } from './arch.js';
import {
  ADAPTIVE_SIZE,
  type AlexNetOptions,
  type BlockStyle,
  GLOBAL_POOLING,
  type ImageShape,
  type ResolvedOptions,
  resolveAlexNet,
  resolveVgg,
  type VggOptions,
} from './options.js';
import { outputSize, type Padding } from './sizes.js';

/** The kind of a layer. */
export type LayerKind =
  | 'input'
  | 'conv'
  | 'batchNorm'
  | 'relu'
  | 'maxPool'
  | 'avgPool'
  | 'globalPool'
  | 'zeroPad'
  | 'permute'
  | 'flatten'
  | 'dense'
  | 'dropout'
  | 'softmax';

/** One layer of a network, as data. Shapes leave out the batch and are in TensorFlow.js' order: height, width, channels. */
export interface PlanRow {
  /** The layer's name, as in Keras: `block1_conv1`. */
  name: string;
  kind: LayerKind;
  inputShape: readonly number[];
  outputShape: readonly number[];
  /** `[height, width]` of the window of a convolution or pooling; `[1, 1]` for other layers. */
  window: readonly [number, number];
  /** `[vertical, horizontal]`; `[1, 1]` for layers without strides. */
  strides: readonly [number, number];
  /** Numbers that the layer holds: weights, biases, and batch normalization's four vectors. */
  params: number;
  /** Those of them that training changes. */
  trainable: number;
  /** The number of biases among them. */
  biases: number;
  /** Multiply-accumulates of a convolution or a matrix product on one image; 0 for other layers. */
  macs: number;
}

/** A network as data, a row per layer in the order of the layers. */
export type Plan = readonly PlanRow[];

/**
 * The layers that `vgg(arch, options)` would have, computed from the architecture without allocating anything.
 *
 * @example plan(VGG16, IMAGENET).at(-1) // { name: 'predictions', params: 4097000, macs: 4096000, ... }
 * @throws RangeError where `vgg` does, and for an input without a fixed size.
 */
export function plan(arch: ConvArch, options: VggOptions = {}): Plan {
  const o = resolveVgg('plan', arch, options);
  const rows = new Rows(fixedShape(o));
  arch.forEach((block, index) => {
    rows.block(block, `block${index + 1}`, o);
  });
  if (o.adaptivePool) rows.adaptivePool();
  if (o.includeTop) rows.top(o);
  else if (o.pooling) rows.globalPool(o.pooling);
  return rows.all;
}

/** The layers that `alexNet(options)` would have. See {@link plan}. */
export function alexNetPlan(options: AlexNetOptions = {}): Plan {
  const o = resolveAlexNet('alexNetPlan', options);
  const rows = new Rows(o.inputShape);
  const [height, width, channels] = o.inputShape;
  rows.add('conv1_pad', 'zeroPad', [height + 2, width + 2, channels]);
  rows.conv('conv1', 96, 11, { stride: 4, padding: 'valid' });
  rows.maxPool('pool1', 3);
  rows.conv('conv2', 256, 5);
  rows.maxPool('pool2', 3);
  rows.conv('conv3', 384, 3);
  rows.conv('conv4', 384, 3);
  rows.conv('conv5', 256, 3);
  rows.maxPool('pool5', 3);
  rows.top(o);
  return rows.all;
}

function fixedShape(o: ResolvedOptions): ImageShape {
  const [height, width, channels] = o.inputShape;
  if (height === null || width === null) {
    fail(
      'plan',
      `input ${height}x${width} has no fixed size, so its layers have no shapes to count; pass a height and a width.`,
    );
  }
  return [height, width, channels];
}

/** Collects rows; the output shape of each is the input shape of the next. */
class Rows {
  readonly all: PlanRow[] = [];

  constructor(input: ImageShape) {
    this.add('input_layer', 'input', input);
  }

  /** The shape so far. */
  get shape(): readonly number[] {
    return this.all.at(-1)?.outputShape ?? [];
  }

  get channels(): number {
    return this.shape.at(-1)!;
  }

  add(name: string, kind: LayerKind, outputShape: readonly number[], more: Partial<PlanRow> = {}): void {
    const inputShape = this.all.length > 0 ? this.shape : outputShape;
    const { params = 0, trainable = params } = more;
    const zeros = { window: [1, 1], strides: [1, 1], biases: 0, macs: 0 } as const;
    this.all.push({ name, kind, inputShape, outputShape, ...zeros, ...more, params, trainable });
  }

  block([convs, channels, pointwise = 0]: Block, name: string, o: BlockStyle): void {
    for (let i = 1; i <= convs + pointwise; i++) {
      const conv = `${name}_conv${i}`;
      this.conv(conv, channels, i <= convs ? 3 : 1, { padding: o.padding, bias: o.convBias });
      if (!o.batchNorm) continue;
      this.add(`${conv}_bn`, 'batchNorm', this.shape, { params: 4 * channels, trainable: 2 * channels });
      if (!o.batchNorm.afterRelu) this.add(`${conv}_relu`, 'relu', this.shape);
    }
    this.maxPool(`${name}_pool`, 2);
  }

  conv(
    name: string,
    filters: number,
    side: number,
    { stride = 1, padding = 'same' as Padding, bias = true } = {},
  ): void {
    const [height, width, channels] = this.shape as ImageShape;
    const out = (size: number) => outputSize(size, side, stride, padding);
    const outputShape = [out(height), out(width), filters] as const;
    const weights = side * side * channels * filters;
    const biases = bias ? filters : 0;
    this.add(name, 'conv', outputShape, {
      window: [side, side],
      strides: [stride, stride],
      params: weights + biases,
      biases,
      macs: outputShape[0] * outputShape[1] * weights,
    });
  }

  maxPool(name: string, side: number): void {
    const [height, width, channels] = this.shape as ImageShape;
    const out = (size: number) => outputSize(size, side, 2, 'valid');
    this.add(name, 'maxPool', [out(height), out(width), channels], { window: [side, side], strides: [2, 2] });
  }

  dense(name: string, units: number): void {
    const weights = this.channels * units;
    this.add(name, 'dense', [units], { params: weights + units, biases: units, macs: weights });
  }

  globalPool(pooling: 'avg' | 'max'): void {
    this.add(GLOBAL_POOLING[pooling], 'globalPool', [this.channels]);
  }

  top(o: ResolvedOptions): void {
    const convolutional = o.convolutionalTop;
    if (o.pooling) this.globalPool(o.pooling);
    else if (!convolutional) this.add('flatten', 'flatten', [size(this.shape)]);
    o.hiddenUnits.forEach((units, i) => {
      if (!convolutional) this.dense(`fc${i + 1}`, units);
      else this.conv(`fc${i + 1}`, units, i === 0 ? ADAPTIVE_SIZE : 1, { padding: 'valid' });
      if (o.dropout > 0) this.add(`dropout${i + 1}`, 'dropout', this.shape);
    });
    if (convolutional) this.globalPool('avg');
    this.dense('predictions', o.classes);
  }

  adaptivePool(): void {
    const [height, width, channels] = this.shape as ImageShape;
    const side = ADAPTIVE_SIZE;
    if (height === side && width === side) return;
    if (height % side === 0 && width % side === 0) {
      const window = [height / side, width / side] as const;
      this.add('avgpool', 'avgPool', [side, side, channels], { window, strides: window });
      return;
    }
    const average = (name: string, [a, b, size]: ImageShape) => {
      this.add(name, 'dense', [a, b, side], { params: size * side, trainable: 0, macs: a * b * size * side });
    };
    this.add('avgpool_height_last', 'permute', [channels, width, height]);
    average('avgpool_height', [channels, width, height]);
    this.add('avgpool_width_last', 'permute', [channels, side, width]);
    average('avgpool_width', [channels, side, width]);
    this.add('avgpool', 'permute', [side, side, channels]);
  }
}
