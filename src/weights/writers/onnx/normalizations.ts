import type { Value } from './graph.js';
import type { LayerCall } from './layerCall.js';

/** Layers that normalize. */
export const NORMALIZATION_LAYERS: Record<string, (call: LayerCall) => Value> = {
  BatchNormalization(call) {
    const last = lastAxisOf(call);
    const others = [...call.x.shape.keys()].slice(1, -1);
    // ONNX normalizes its second axis; the order of the others does not matter.
    const isSecond = call.x.axes[1] === last && !call.x.map;
    const x = isSecond ? call.x : call.graph.arranged(call.graph.plain(call.x), [0, last, ...others]);
    const channels = x.shape[last]!;
    const filled = (name: string, value: number) =>
      call.weight(name)
        ? call.vector(name)
        : call.graph.floats(`${call.name}/${name}`, new Array(channels).fill(value));
    const weights = [
      filled('gamma', 1),
      filled('beta', 0),
      call.vector('moving_mean'),
      call.vector('moving_variance'),
    ];
    const epsilon = { float: Number(call.config.epsilon) };
    return { ...x, name: call.add('BatchNormalization', [x.name, ...weights], { epsilon }) };
  },
  LayerNormalization(call) {
    const last = lastAxisOf(call);
    const x = call.graph.plain(call.x);
    const gamma = call.weight('gamma')
      ? call.vector('gamma')
      : call.graph.floats(`${call.name}/gamma`, new Array(x.shape[last]!).fill(1));
    const beta = call.weight('beta') ? [call.vector('beta')] : [];
    const epsilon = { float: Number(call.config.epsilon) };
    const name = call.add('LayerNormalization', [x.name, gamma, ...beta], { axis: last, epsilon });
    return { ...x, name };
  },
};

/** The axis that a layer normalizes, which is the last one: of any other, TensorFlow.js does not compute what it says. */
function lastAxisOf(call: LayerCall): number {
  const axes = [call.config.axis].flat() as number[];
  const last = call.x.shape.length - 1;
  if (axes.length !== 1 || (axes[0] !== -1 && axes[0] !== last)) {
    call.refuse(
      `normalizes axis ${axes.join(' and ')}, and only the last axis can be written; build the model with channels last`,
    );
  }
  return last;
}
