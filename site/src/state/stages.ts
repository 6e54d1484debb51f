import type { PlanRow } from 'vgg-blocks';

/** A layer of any model; those that no VGG has are of another kind. */
export type Row = Pick<
  PlanRow,
  'name' | 'inputShape' | 'outputShape' | 'window' | 'strides' | 'params' | 'macs'
> & {
  kind: PlanRow['kind'] | 'other';
};

/** A step of a network as the strip shows it: a layer, with the normalization and activation behind it. */
export interface Stage extends Pick<Row, 'inputShape' | 'window' | 'strides' | 'params' | 'macs'> {
  kind: 'input' | 'conv' | 'pool' | 'dense' | 'other';
  /** The name of its first layer. */
  name: string;
  /** Its layers; the last one's output is the stage's. */
  layers: readonly string[];
  shape: readonly number[];
}

const KINDS: { [kind in Row['kind']]?: Stage['kind'] } = {
  input: 'input',
  conv: 'conv',
  maxPool: 'pool',
  avgPool: 'pool',
  globalPool: 'pool',
  dense: 'dense',
  zeroPad: 'other',
  other: 'other',
};
/** Layers that only reorder numbers, and belong to no stage. */
const REORDERING = ['flatten', 'permute'];

/** The stages of a network. */
export function stagesOf(rows: readonly Row[]): Stage[] {
  const stages: Stage[] = [];
  for (const { kind: rowKind, name, inputShape, outputShape: shape, window, strides, params, macs } of rows) {
    const last = stages.at(-1);
    const kind = KINDS[rowKind];
    if (kind) {
      stages.push({ kind, name, layers: [name], inputShape, shape, window, strides, params, macs });
    } else if (last && !REORDERING.includes(rowKind)) {
      const layers = [...last.layers, name];
      stages[stages.length - 1] = { ...last, layers, params: last.params + params };
    }
  }
  return stages;
}

/** The stage's name as the paper writes it: `conv3_2`. */
export function labelOf({ name, kind }: Stage, t: { input: string; classes: string }): string {
  if (kind === 'input') return t.input;
  if (name === 'predictions') return t.classes;
  return name.replace(/^block(\d+)_conv(\d+)$/, 'conv$1_$2').replace(/^block(\d+)_pool$/, 'pool$1');
}

/** Zeros that a convolution or pooling adds above and to the left of its input. */
export function padsOf({ inputShape, shape, window, strides }: Stage): readonly [top: number, left: number] {
  const pad = (axis: 0 | 1) => {
    const [size, out, side, stride] = [inputShape[axis]!, shape[axis]!, window[axis], strides[axis]];
    return out === Math.ceil(size / stride) ? Math.max(0, (out - 1) * stride + side - size) >> 1 : 0;
  };
  return [pad(0), pad(1)];
}

/** Pixels of a map or image: rows `top` to `bottom`, columns `left` to `right`, both ends included. */
export interface Region {
  top: number;
  left: number;
  bottom: number;
  right: number;
}

/** The pixels of a stage's input that a pixel of its output is computed from; zeros around the input are left out. */
export function windowOf(stage: Stage, { top, left, bottom, right }: Region): Region {
  const [above, before] = padsOf(stage);
  const [down, across] = stage.strides;
  const [height, width] = stage.inputShape as [number, number];
  if (stage.kind === 'other') {
    const [y, x] = [height - stage.shape[0]!, width - stage.shape[1]!].map((more) => more >> 1) as [
      number,
      number,
    ];
    return clamped({ top: top + y, left: left + x, bottom: bottom + y, right: right + x }, height, width);
  }
  if (stage.shape.length < 3) return { top: 0, left: 0, bottom: height - 1, right: width - 1 };
  return clamped(
    {
      top: top * down - above,
      left: left * across - before,
      bottom: bottom * down - above + stage.window[0] - 1,
      right: right * across - before + stage.window[1] - 1,
    },
    height,
    width,
  );
}

function clamped({ top, left, bottom, right }: Region, height: number, width: number): Region {
  const within = (value: number, size: number) => Math.min(size - 1, Math.max(0, value));
  return {
    top: within(top, height),
    left: within(left, width),
    bottom: within(bottom, height),
    right: within(right, width),
  };
}

/** The pixels of the image that a pixel of a stage's output sees: its receptive field, as far as it lies in the image. */
export function seenBy(stages: readonly Stage[], index: number, y: number, x: number): Region {
  let region: Region = { top: y, left: x, bottom: y, right: x };
  for (const stage of stages.slice(1, index + 1).reverse()) region = windowOf(stage, region);
  return region;
}
