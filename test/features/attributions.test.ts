import { slice, type Tensor4D, tensor4d, tidy, transpose } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  type ExplainMethod,
  type ExplainOptions,
  explain,
  faithfulness,
  visualize,
} from '../../src/features/index.js';
import { fromWeights, PUBLISHED } from '../../src/weights/index.js';
import attributions from '../fixtures/attributions.json';
import { useAnyBackend } from '../support/backends.js';
import { fixturePath, noiseImages, readExpected } from '../support/fixtures.js';
import { leavingNothing } from '../support/leavingNothing.js';
import { relativeError } from '../weights/files.js';

const { preprocessing } = PUBLISHED['torchvision/vgg16'];

/** What PyTorch computed; see fixtures/make_attributions.py. */
type Case = {
  network: string;
  classIndex: number;
  maps: Record<
    string,
    { map: string } & (
      | { layer: string; side: number }
      | { options: ExplainOptions; step: number; sum: number }
    )
  >;
  curves: Record<'deletion' | 'insertion', { probabilities: number[]; area: number }>;
  visualized: { layer: string; filter: number; pixels: string };
};
type Shape = [number, number, number, number];
const cases = attributions as Case[];
const unpacked = (text: string) =>
  new Float32Array(Uint8Array.from(atob(text), (byte) => byte.charCodeAt(0)).buffer);
// Winograd's convolutions on wasm round a little more than plain ones.
const TOLERANCE = 5e-5;

const sumOf = (values: Float32Array) => values.reduce((a, b) => a + b, 0);

describe('the formulas of others', () => {
  // tfjs's own cpu backend would take a minute.
  beforeAll(() => useAnyBackend('wasm'));

  test.each(cases)(
    "$network is explained as by PyTorch's formulas, and nothing stays behind",
    async (one) => {
      const { network, classIndex, maps, curves, visualized } = one;
      const { model } = await fromWeights(fixturePath(`torch/${network}.safetensors`), {
        inputShape: [96, 96, 3],
      });
      const { data, shape } = (await readExpected(`torch/${network}`)).get('input96')!;
      const x = tidy(() =>
        slice(transpose(tensor4d(data as Float32Array, shape as Shape), [0, 2, 3, 1]), 0, 1),
      ) as Tensor4D;
      expect(Object.keys(maps)).toHaveLength(7);
      for (const [method, expected] of Object.entries(maps)) {
        const options: ExplainOptions = {
          method: method as ExplainMethod,
          classIndex,
          ...('layer' in expected ? { layer: expected.layer } : expected.options),
        };
        const map = await leavingNothing(() => explain(model, x, options));
        const side = 'layer' in expected ? expected.side : 96;
        expect(map).toMatchObject({ width: side, height: side, classIndex });
        const step = 'layer' in expected ? 1 : expected.step;
        const rows = Array.from({ length: side / step }, (_, i) => i * step);
        const some = rows.flatMap((y) => rows.map((x) => map.values[y * side + x]!));
        expect(relativeError(some, unpacked(expected.map)), method).toBeLessThan(TOLERANCE);
        if ('sum' in expected) expect(sumOf(map.values) / expected.sum, method).toBeCloseTo(1, 3);
      }

      const ranking = { values: noiseImages([96 * 96], 5).data, width: 96, height: 96, classIndex };
      const found = await leavingNothing(() => faithfulness(model, x, ranking, { steps: 4 }));
      for (const name of ['deletion', 'insertion'] as const) {
        const { fractions, probabilities, area } = found[name];
        expect(fractions).toEqual([0, 0.25, 0.5, 0.75, 1]);
        expect(relativeError(probabilities, curves[name].probabilities), name).toBeLessThan(TOLERANCE);
        expect(area / curves[name].area, name).toBeCloseTo(1, 4);
      }

      const { layer, filter, pixels } = visualized;
      const ascent = { preprocessing, steps: 6, learningRate: 0.02, jitter: 0, decay: 0.05, blur: 1.5 };
      const shown = await leavingNothing(() => visualize(model, layer, filter, ascent));
      expect(shown).toMatchObject({ width: 96, height: 96 });
      const wanted = unpacked(pixels);
      const errors = Array.from(wanted, (value, i) => {
        const [row, column] = [Math.floor(i / 36), Math.floor(i / 3) % 12];
        return Math.abs(shown.data[3 * 8 * (row * 96 + column) + (i % 3)]! - 255 * value);
      });
      // Bytes are rounded; a slope near zero may have another sign.
      expect(errors.filter((error) => error > 1).length).toBeLessThan(0.01 * errors.length);
      for (const one of [model, x]) one.dispose();
    },
  );
});
