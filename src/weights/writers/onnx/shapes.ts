import { size } from '../../../base/shapes.js';
import type { Value } from './graph.js';
import type { LayerCall } from './layerCall.js';
import { pairOf } from './windows.js';

/** Layers that move numbers, without computing any but those that UpSampling2D puts between. */
export const SHAPE_LAYERS: Record<string, (call: LayerCall) => Value> = {
  Flatten(call) {
    const { shape, axes } = call.x;
    if (shape.length === 2) return call.x;
    const first = call.config.dataFormat === 'channelsFirst';
    // tfjs moves the channels of such a map to the end before it flattens.
    const order = first ? [0, ...[...shape.keys()].slice(2), 1] : [...shape.keys()];
    const [height, width, channels] = order.slice(1).map((axis) => shape[axis]!) as [number, number, number];
    const channelsBefore = [0, order[3], order[1], order[2]].join() === axes.join();
    const x = channelsBefore ? call.x : call.graph.arranged(call.x, order);
    return {
      name: call.add('Flatten', [x.name], { axis: 1 }),
      shape: [shape[0]!, size(shape.slice(1) as number[])],
      axes: [0, 1],
      ...(channelsBefore && height * width > 1 && channels > 1 && { map: [height, width, channels] }),
    };
  },
  Reshape(call) {
    const x = call.graph.plain(call.x);
    const shape = call.layer.computeOutputShape([...x.shape]) as (number | null)[];
    if (shape.slice(1).filter((length) => length === null).length > 1) {
      call.refuse('gives more than one axis without a fixed length');
    }
    const lengths = call.graph.integers(`${call.name}/shape`, [0, ...shape.slice(1).map((one) => one ?? -1)]);
    return { name: call.add('Reshape', [x.name, lengths]), shape, axes: [...shape.keys()] };
  },
  /** Only the order of tfjs' axes changes, in which nothing is written. */
  Permute(call) {
    const x = call.x.map ? call.graph.plain(call.x) : call.x;
    const order = [0, ...(call.config.dims as number[])];
    return {
      name: x.name,
      shape: order.map((axis) => x.shape[axis]!),
      axes: x.axes.map((axis) => order.indexOf(axis)),
    };
  },
  RepeatVector(call) {
    const n = Number(call.config.n);
    const x = call.graph.plain(call.x);
    const apart = call.add('Unsqueeze', [x.name, call.graph.integers('constant/axis_1', [1])]);
    const repeats = call.graph.integers(`${call.name}/repeats`, [1, n, 1]);
    return {
      name: call.add('Tile', [apart, repeats]),
      shape: [x.shape[0]!, n, x.shape[1]!],
      axes: [0, 1, 2],
    };
  },
  ZeroPadding2D(call) {
    const x = call.channelsFirst;
    const [rows, columns] = call.config.padding as [number[], number[]];
    const pads = [0, 0, rows[0]!, columns[0]!, 0, 0, rows[1]!, columns[1]!];
    // With +0, onnxruntime makes the padding a part of a MaxPool behind it, which then takes the maximum without the zeros.
    const zero = call.graph.floats('constant/minus_zero', [-0], []);
    const name = call.add('Pad', [x.name, call.graph.integers(`${call.name}/pads`, pads), zero]);
    return call.mapLike(x, name, changed(call.sizesOf(x), rows, columns, 1));
  },
  Cropping2D(call) {
    const x = call.channelsFirst;
    const [rows, columns] = call.config.cropping as [number[], number[]];
    const limits = [
      [rows[0]!, columns[0]!],
      // Without an end where nothing is cut there.
      [rows[1]!, columns[1]!].map((length) => (length === 0 ? Number.MAX_SAFE_INTEGER : -length)),
      [2, 3],
    ];
    const names = ['starts', 'ends', 'axes'].map((name, i) =>
      call.graph.integers(`${call.name}/${name}`, limits[i]!),
    );
    const sizes = changed(call.sizesOf(x), rows, columns, -1);
    return call.mapLike(x, call.add('Slice', [x.name, ...names]), sizes);
  },
  UpSampling2D(call) {
    const x = call.channelsFirst;
    const factors = pairOf(call.config.size);
    const bilinear = call.config.interpolation === 'bilinear';
    const scales = call.graph.floats(`${call.name}/scales`, [1, 1, ...factors]);
    const name = call.add('Resize', [x.name, '', scales], {
      coordinate_transformation_mode: 'asymmetric',
      ...(bilinear ? { mode: 'linear' } : { mode: 'nearest', nearest_mode: 'floor' }),
    });
    return call.mapLike(
      x,
      name,
      call.sizesOf(x).map((one, i) => one && one * factors[i]!),
    );
  },
};

function changed(sizes: readonly (number | null)[], rows: number[], columns: number[], sign: 1 | -1) {
  return sizes.map((one, i) => one && one + sign * (i === 0 ? rows : columns).reduce((a, b) => a + b));
}
