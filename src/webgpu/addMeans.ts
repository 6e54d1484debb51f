import type { TensorInfo } from '@tensorflow/tfjs-core';
import { computed } from './backend.js';
import { submit } from './record.js';
import { type OwnCall, run } from './run.js';

/** Adds a batch's results to those of an epoch, with compensated sums (Kahan 1965), in one program. */
export function addMeans({ backend, inputs, attrs }: OwnCall<'AddMeans'>): TensorInfo[] {
  const newExcess = backend.makeTensorInfo([2], 'float32');
  let newSums: TensorInfo | undefined;
  computed(backend, newExcess, () => {
    newSums = run(backend, {
      name: 'add to means',
      inputs: { ...inputs },
      updates: { newExcess },
      output: [2],
      floats: { examples: attrs.examples },
      workgroupSize: [1, 1, 1],
      workgroups: [1, 1, 1],
      // Through memory, so that no compiler takes the rounding errors for zero.
      code: () => `
var<workgroup> kept : array<vec2<f32>, 2>;
fn main() {
  let before = vec2<f32>(sums[0], sums[1]);
  let batch = vec2<f32>(loss[0] * uniforms.examples, f32(correct[0])) - vec2<f32>(excess[0], excess[1]);
  kept[0] = before + batch;
  workgroupBarrier();
  kept[1] = kept[0] - before;
  workgroupBarrier();
  let rounding = kept[1] - batch;
  for (var i = 0; i < 2; i++) {
    result[i] = kept[0][i];
    newExcess[i] = rounding[i];
  }
}`,
    });
  });
  // A step ends here. If each begins with nothing recorded, tfjs's pool gives it the buffers that an earlier step had, and their
  // bind groups are known.
  submit(backend);
  return [newSums!, newExcess];
}
