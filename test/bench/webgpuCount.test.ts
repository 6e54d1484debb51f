import { expect, test } from 'vitest';
import { convolutionsOf, countsOf, countTable, NETWORKS } from '../../bench/webgpuCount.js';

test.each(Object.entries(NETWORKS))('kernels of a training step of %s keep a GPU busy', (_, network) => {
  for (const { info } of convolutionsOf(network(), 128)) {
    for (const { ours } of Object.values(countsOf(info))) {
      for (const { invocations, steps } of ours) {
        expect(invocations).toBeGreaterThanOrEqual(16_384);
        expect(steps).toBeLessThanOrEqual(4096);
      }
    }
  }
});

test("tfjs's filter gradient of the first layer has 144 invocations of 6.4 million steps", () => {
  const [first] = convolutionsOf(NETWORKS['VGG-11/4, 224x224x1'](), 128);
  const { stock, ours } = countsOf(first!.info).Conv2DBackpropFilter!;
  expect(stock).toMatchObject([{ invocations: 144, steps: 128 * 224 * 224 }]);
  expect(ours.map(({ kernel }) => kernel)).toEqual(['few channels', 'add parts']);
});

test('the table has a row for each layer and kernel', () => {
  const rows = countTable(NETWORKS['VGG-11/4, 224x224x1'](), 128).split('\n');
  expect(rows).toHaveLength(2 + 3 * 8 - 1);
  expect(rows[3]).toMatch(
    /^\| block1_conv1 \| Conv2DBackpropFilter \| few channels, add parts \| 144 \/ 18432 \|/,
  );
});
