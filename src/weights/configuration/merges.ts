import { layers, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import type { Fields } from './fields.js';
import type { Common, Stage } from './stage.js';

/** Layers of several inputs. */
export const MERGE_LAYERS: Record<string, (fields: Fields) => Stage> = {
  Add: (fields) => merging(fields, layers.add),
  Multiply: (fields) => merging(fields, layers.multiply),
  Average: (fields) => merging(fields, layers.average),
  Maximum: (fields) => merging(fields, layers.maximum),
  Minimum: (fields) => merging(fields, layers.minimum),
  Concatenate(fields) {
    // The operation of this name, which has another default, does not always write it.
    const axis = fields.layer.version === 3 ? fields.take('axis') : fields.number('axis', -1);
    if (typeof axis !== 'number') fields.refuse('axis', axis, 'the index of an axis');
    return concatenating(fields, axis as number);
  },
  Subtract: (fields) => (inputs, site) => {
    const [a, ...others] = inputs as [SymbolicTensor, ...SymbolicTensor[]];
    const negative = others.map((b) =>
      site.apply('_negative', (common) => layers.rescaling({ ...common, scale: -1 }), b),
    );
    return merging(fields, layers.add)([a, ...negative], site);
  },
  // Keras 1's layer for all of them.
  Merge(fields) {
    const modes = { sum: layers.add, mul: layers.multiply, ave: layers.average, max: layers.maximum };
    const mode = fields.oneOf('mode', ['sum', 'mul', 'ave', 'max', 'concat']);
    const axis = fields.number('concat_axis', -1);
    for (const name of [
      'dot_axes',
      'output_shape',
      'output_mask',
      'arguments',
      'mode_type',
      'output_shape_type',
      'node_indices',
      'tensor_indices',
    ])
      fields.take(name);
    return mode === 'concat' ? concatenating(fields, axis) : merging(fields, modes[mode]);
  },
};

/** TensorFlow.js takes every axis from the end as the last one. */
function concatenating(fields: Fields, given: number): Stage {
  return (inputs, site) => {
    const axis = given < -1 ? given + inputs[0]!.shape.length : given;
    return merging(fields, (common) => layers.concatenate({ ...common, axis }))(inputs, site);
  };
}

function merging(fields: Fields, create: (args: Common) => layers.Layer): Stage {
  return (inputs, site) => {
    if (inputs.length < 2) fields.fail('merges a single tensor.');
    // Layers of Keras align tensors of different ranks at the left, its operations of the same names at the right.
    const ranks = new Set(inputs.map(({ shape }) => shape.length));
    if (ranks.size > 1)
      fields.fail(`merges tensors of ${[...ranks].join(' and ')} axes; reshape them to as many.`);
    // TensorFlow.js frees a tensor that a layer takes twice while others still need it.
    const apart = inputs.map((one, i) =>
      inputs.indexOf(one) === i
        ? one
        : site.apply(
            `_input${i + 1}`,
            (common) => layers.activation({ ...common, activation: 'linear' }),
            one,
          ),
    );
    return site.apply('', (common) => create(common), apart);
  };
}
