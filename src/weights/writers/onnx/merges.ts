import { scalar } from './activations.js';
import type { Value } from './graph.js';
import type { LayerCall } from './layerCall.js';

/** Layers of several inputs. */
export const MERGE_LAYERS: Record<string, (call: LayerCall) => Value> = {
  Add: (call) => inTurn(call, 'Add'),
  Multiply: (call) => inTurn(call, 'Mul'),
  Maximum: (call) => inTurn(call, 'Max'),
  Minimum: (call) => inTurn(call, 'Min'),
  Average(call) {
    const sum = inTurn(call, 'Add');
    return { ...sum, name: call.add('Div', [sum.name, scalar(call.graph, call.inputs.length)]) };
  },
  Concatenate(call) {
    const inputs = alike(call);
    const [first] = inputs;
    const rank = first!.shape.length;
    const given = (call.config.axis ?? -1) as number;
    if (given < -1)
      call.refuse(`has the axis ${given}, which TensorFlow.js takes as -1; pass ${given + rank}`);
    const axis = given < 0 ? given + rank : given;
    const lengths = inputs.map(({ shape }) => shape[axis] ?? null);
    const shape = [...first!.shape];
    shape[axis] = lengths.reduce((sum, one) => (sum === null || one === null ? null : sum + one));
    const names = inputs.map(({ name }) => name);
    const name = call.add('Concat', names, { axis: first!.axes.indexOf(axis) });
    return { name, shape, axes: first!.axes };
  },
};

/** The inputs with their axes in one order. */
function alike(call: LayerCall): Value[] {
  const [first, ...others] = call.inputs.map((x) => (x.map ? call.graph.plain(x) : x));
  if (others.some(({ shape }) => shape.length !== first!.shape.length)) {
    call.refuse('combines tensors of different ranks');
  }
  return [first!, ...others.map((x) => call.graph.arranged(x, first!.axes))];
}

function inTurn(call: LayerCall, op: string): Value {
  return alike(call).reduce((sum, x) => ({
    name: call.add(op, [sum.name, x.name]),
    // A length of 1 is repeated.
    shape: sum.shape.map((length, i) => (length === 1 ? x.shape[i]! : length)),
    axes: sum.axes,
  }));
}
